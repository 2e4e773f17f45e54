//! Caches in a Redis that several db_proxies share.
//!
//! One connection, multiplexed, for everything. While Redis is away or slow nobody asks it and nobody waits: a task of its
//! own ([`Keeper`]) finds out when it is back. A changed profile that did not get there is kept and delivered before its
//! copy is trusted again.
//!
//! Keys begin with the store's epoch, so that deployments can share a Redis and a restored database meets nothing old;
//! those of copies also with Redis's own run, so that a Redis that was restarted with old data, or a replica that has
//! taken over, gives nothing old either. All of a deployment carry one hash tag, so that a script may name several.

mod address;
mod credential;
mod department;
mod failure;
mod group;
mod keeper;
mod link;
mod undelivered;
mod user;
mod versioned;

use std::sync::Arc;

pub(crate) use address::redacted;
pub use address::{Address, AddressError};
pub use credential::RedisCredentials;
pub use department::RedisDepartments;
pub use failure::RedisFailures;
pub use group::RedisGroups;
pub use keeper::Keeper;
pub(super) use keeper::first_attempt;
pub use link::{Link, LinkSettings};
pub use user::RedisUsers;

/// A link that is down until its keeper runs, and its keeper.
pub fn link(settings: LinkSettings) -> Result<(Arc<Link>, Keeper), AddressError> {
    let link = Arc::new(Link::new(settings)?);
    Ok((Arc::clone(&link), Keeper::new(link)))
}

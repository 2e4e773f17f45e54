//! Copies of what the database holds, and who failed to log in. They may be flushed at any moment: nothing is lost by
//! it, and nothing wrong is answered.
//!
//! A cache is asked only where it saves the store work, and never on the way of a message. Departments and members of
//! groups are looked up by the version that the store has just named, so a copy is right or is not found. Profiles are
//! trusted for a while ([`UserCache`]). Which groups a user is in, who may change what and every message is asked of the
//! store each time.

mod credential;
mod department;
mod failure;
mod group;
mod user;

mod memory;
mod open;
pub mod redis;

pub use credential::CredentialCache;
pub use department::DepartmentCache;
pub use failure::{Attempt, FailureCache};
pub use group::GroupCache;
pub use memory::{MemoryDepartments, MemoryFailures, MemoryGroups, MemoryUsers};
pub(crate) use open::redacted;
pub use open::{CacheError, CacheSettings, Caches, check_url, open};
pub use user::UserCache;

use im_base::telemetry::metrics::{CACHE_HITS, CACHE_MISSES};
use metrics::counter;

/// What a look into a cache gave, for the operator.
fn count(cache: &'static str, found: usize, wanted: usize) {
    let missed = wanted.saturating_sub(found);
    if found > 0 {
        counter!(CACHE_HITS, "cache" => cache).increment(found as u64);
    }
    if missed > 0 {
        counter!(CACHE_MISSES, "cache" => cache).increment(missed as u64);
    }
}

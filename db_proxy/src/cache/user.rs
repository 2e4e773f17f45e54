use async_trait::async_trait;
use proto::ids::UserId;

use crate::store::User;

/// Profiles of users that were asked for lately. A cache that fails behaves as an empty one: it never has an error
/// for its caller.
///
/// Only users that exist are kept. A user is never deleted, so being found here proves existence; not being found
/// proves nothing.
#[async_trait]
pub trait UserCache: Send + Sync {
    /// Those of the named users that are here, each once, in no particular order.
    async fn get(&self, ids: &[UserId]) -> Vec<User>;

    /// Keeps users for a while. Of two copies the one changed later stays.
    async fn put(&self, users: &[User]);

    /// Keeps a user who was just changed, over every older copy. Where that cannot be done at once it is made up for,
    /// and this process takes no copy of him for true until then.
    async fn changed(&self, user: &User);

    /// Forgets users who may have changed. As with [`changed`](Self::changed), it is made up for.
    async fn invalidate(&self, ids: &[UserId]);
}

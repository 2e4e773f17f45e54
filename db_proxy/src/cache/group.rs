use async_trait::async_trait;
use proto::ids::GroupId;

use crate::store::GroupMembers;

/// Who is in a group as of a version. A cache that fails behaves as an empty one.
///
/// A version of a group has its members for good, so nothing has to be told of a change: whoever knows the version asks
/// with it. Name and avatar are not here: they come with the question that tells the version and whether one may know.
#[async_trait]
pub trait GroupCache: Send + Sync {
    /// The members of those of the groups that are here in exactly that version, in no particular order.
    async fn get(&self, wanted: &[(GroupId, u32)]) -> Vec<(GroupId, GroupMembers)>;

    /// Keeps members for a while. Of two versions the later one stays.
    async fn put(&self, groups: &[(GroupId, GroupMembers)]);
}

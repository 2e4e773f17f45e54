use async_trait::async_trait;
use proto::ids::{GroupId, UserId};

use super::{Inherited, RequestKey, StoreError};

/// Groups and who is in them. A group and its conversation exist from its creation on, whoever comes and goes.
#[async_trait]
pub trait GroupStore: Send + Sync {
    /// Makes a group of version 1, with its conversation. A key that was used for it before is answered with the group
    /// made then, and who is in it now.
    ///
    /// Nobody but the system brings a user into a temporary group beyond the groups he may be in.
    async fn create_group(&self, new: &NewGroup) -> Result<GroupOutcome, StoreError>;

    /// Adds or removes members in one transaction. Whoever joins starts with nothing unread and sees what is written
    /// from then on; whoever leaves loses the conversation. A key that was used for it before is answered with what
    /// was changed then, and with version and members of now.
    async fn change_members(&self, change: &MemberChange) -> Result<GroupOutcome, StoreError>;

    /// Sets whether the user hears of messages in the group; `false` if he is no member of it.
    async fn mute_group(
        &self,
        user: UserId,
        group: GroupId,
        muted: bool,
    ) -> Result<bool, StoreError>;

    /// The groups the user is in, of one kind or (`None`) of all, the latest changed first.
    async fn groups_of(
        &self,
        user: UserId,
        kind: Option<GroupKind>,
        limit: usize,
    ) -> Result<Vec<GroupVersion>, StoreError>;

    /// For each of the users what `groups_of` says of all kinds of groups.
    async fn groups_of_each(
        &self,
        users: &[UserId],
        limit: usize,
    ) -> Result<Vec<Vec<GroupVersion>>, StoreError>;

    /// Those of the named groups that exist and `reader` is a member of (`None`: whoever is), in no particular order.
    async fn groups(
        &self,
        reader: Option<UserId>,
        ids: &[GroupId],
    ) -> Result<Vec<Group>, StoreError>;

    /// Who is in a group, with the version that goes with it; `None` if there is no such group.
    async fn group_members(&self, group: GroupId) -> Result<Option<GroupMembers>, StoreError>;

    /// Who else is in the user's groups, each once, those of smaller groups first. Groups of more than `limit` members
    /// count alike, and of very many groups those he joined first are left out.
    async fn fellow_members(&self, user: UserId, limit: usize) -> Result<Vec<UserId>, StoreError>;
}

/// What a group is for, with the wire's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// Made by the system, for good.
    Normal = 1,
    /// Made by a user.
    Temporary = 2,
}

/// A group to be made.
#[derive(Clone, Debug)]
pub struct NewGroup {
    pub kind: GroupKind,
    pub name: String,
    pub avatar_url: String,
    /// `None`: the system.
    pub creator: Option<UserId>,
    /// Ascending, each once.
    pub members: Vec<UserId>,
    /// Groups somebody may be in, this one included.
    pub groups_per_user: usize,
    pub request: Option<RequestKey>,
}

/// A change of a group's members.
#[derive(Clone, Debug)]
pub struct MemberChange {
    pub group_id: GroupId,
    /// Who wants it; `None`: the system.
    pub actor: Option<UserId>,
    pub direction: Direction,
    /// Ascending, each once.
    pub users: Vec<UserId>,
    /// Most members the group may have afterwards.
    pub limit: usize,
    /// Groups somebody may be in, this one included.
    pub groups_per_user: usize,
    pub request: Option<RequestKey>,
}

/// Which way members go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Join,
    Leave,
}

/// What a creation or a change of members led to.
pub type GroupOutcome = Result<GroupChange, GroupRefusal>;

/// A group after its members changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    pub group_id: GroupId,
    pub version: u32,
    /// Who came or went, ascending.
    pub changed: Vec<UserId>,
    /// Who is in it from then on, ascending.
    pub members: Vec<UserId>,
    /// The owner went, and another member is the owner now.
    pub inherited: Option<Inherited>,
}

/// Why a group was not made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefusal {
    #[error("a user does not exist")]
    NoSuchUser,
    #[error("the group does not exist")]
    NoSuchGroup,
    #[error("this user may not change the group")]
    NotPermitted,
    #[error("nobody would come or go")]
    NothingToChange,
    #[error("the group would have too many members")]
    TooManyMembers,
    #[error("a user would be in too many groups")]
    TooManyGroups,
    #[error("the group has used up its versions")]
    VersionsUsedUp,
}

/// A group and the number of its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupVersion {
    pub group_id: GroupId,
    pub version: u32,
}

/// A group as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub version: u32,
    pub kind: GroupKind,
    pub name: String,
    pub avatar_url: String,
    /// `None`: the system.
    pub creator: Option<UserId>,
    /// Whether the reader muted it.
    pub muted: bool,
}

/// Who is in a group as of a version, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    pub version: u32,
    pub members: Vec<UserId>,
}

impl GroupKind {
    /// As stored.
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    /// The inverse of `number`; `None` for a kind no release has written.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Normal, Self::Temporary]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

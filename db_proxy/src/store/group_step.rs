use std::time::Duration;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};

use super::{GroupKind, RequestKey, StoreError, UnixMillis};

/// What members do to their group, and how others come in.
#[async_trait]
pub trait GroupStepStore: Send + Sync {
    /// Takes a step in one transaction. What holds already is taken and changes nothing. A key that was used for it before
    /// is answered with how things are now, and with who came or went then.
    async fn take_group_step(&self, wish: &GroupWish) -> Result<GroupStepOutcome, StoreError>;

    /// A group as one user may see it; `None` if there is no such group.
    async fn group_view(
        &self,
        reader: UserId,
        group: GroupId,
        requests_since: UnixMillis,
    ) -> Result<Option<GroupView>, StoreError>;

    /// Members behind this user (`None`: from the first), ascending, as many as `limit`.
    async fn group_roll(
        &self,
        group: GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<GroupMember>, StoreError>;

    /// The requests that concern a user and wait, made at `since` or later, behind this place, ascending by group and user:
    /// his invitations but for those by somebody whom he blocks, his own applications, and applications to groups that he
    /// administers.
    async fn group_requests(
        &self,
        user: UserId,
        since: UnixMillis,
        after: Option<(GroupId, UserId)>,
        limit: usize,
    ) -> Result<Vec<GroupRequest>, StoreError>;
}

/// How somebody comes in who is not invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupJoining {
    Closed = 1,
    /// An admin answers.
    Approval = 2,
    Open = 3,
}

/// Who may invite, and add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupInviting {
    Members = 1,
    Admins = 2,
}

/// What somebody is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupRole {
    Member = 0,
    Admin = 1,
    Owner = 2,
}

/// A group as its members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDetails {
    pub id: GroupId,
    pub version: u32,
    pub kind: GroupKind,
    pub name: String,
    pub avatar_url: String,
    /// Who made it, or was made its owner; `None`: the system.
    pub creator: Option<UserId>,
    /// The same, while he is a member.
    pub owner: Option<UserId>,
    pub announcement: Option<Announcement>,
    pub joining: GroupJoining,
    pub inviting: GroupInviting,
    /// Most members; 0: as many as the deployment lets a group have.
    pub member_limit: u32,
    /// Until then only the owner and admins write.
    pub muted_until: Option<UnixMillis>,
    /// How many members it has.
    pub size: u32,
}

/// What a group tells its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub text: String,
    pub by: Option<UserId>,
    pub at: UnixMillis,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub user: UserId,
    pub role: GroupRole,
    /// His name in this group; empty: none.
    pub nickname: String,
    /// Until then he does not write here.
    pub muted_until: Option<UnixMillis>,
    pub joined_at: UnixMillis,
}

/// That somebody may come into a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRequest {
    pub group: GroupId,
    pub group_name: String,
    /// Who is to come in.
    pub user: UserId,
    /// Who invited him, or he himself.
    pub by: UserId,
    pub kind: GroupRequestKind,
    /// Empty: none.
    pub greeting: String,
    pub created_at: UnixMillis,
    pub state: GroupRequestState,
}

/// Who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupRequestKind {
    Invitation = 1,
    Application = 2,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupRequestState {
    Waiting = 1,
    /// Never stored: members have no request.
    Accepted = 2,
    Refused = 3,
    /// Taken back, or without a group.
    Ended = 4,
}

/// What somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupStep {
    Join {
        greeting: String,
    },
    Invite {
        /// Each once, without the one who invites.
        users: Vec<UserId>,
        greeting: String,
    },
    /// Answers his own invitation, or takes his application back.
    Answer {
        accept: bool,
    },
    /// Answers somebody's application, or takes an invitation back.
    Decide {
        applicant: UserId,
        accept: bool,
    },
    Leave,
    Disband,
    Transfer {
        to: UserId,
    },
    Set(GroupSettings),
    SetMember {
        member: UserId,
        settings: MemberSettings,
    },
}

/// What is to be different about a group; `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    /// Empty: none.
    pub announcement: Option<String>,
    pub joining: Option<GroupJoining>,
    pub inviting: Option<GroupInviting>,
    pub member_limit: Option<u32>,
    /// From now on; zero lifts it.
    pub muted: Option<Duration>,
}

/// What is to be different about a member; `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSettings {
    pub admin: Option<bool>,
    /// Empty: none.
    pub nickname: Option<String>,
    /// From now on; zero lifts it.
    pub muted: Option<Duration>,
}

/// A step that somebody wants to take.
#[derive(Clone, Debug)]
pub struct GroupWish {
    pub user: UserId,
    pub group: GroupId,
    pub step: GroupStep,
    pub bounds: GroupBounds,
    pub request: Option<RequestKey>,
}

/// Bounds of a group and of what waits for it.
#[derive(Clone, Copy, Debug)]
pub struct GroupBounds {
    /// Most members of any group.
    pub members: usize,
    /// Groups somebody may be in.
    pub per_user: usize,
    /// Most admins of a group, without the owner.
    pub admins: usize,
    /// Most applications to a group that wait.
    pub applications: usize,
    /// Most invitations into a group that wait.
    pub invitations: usize,
    /// Most requests of one user that wait, of each kind.
    pub requests_of_user: usize,
    /// How long requests wait.
    pub waiting: Duration,
}

/// What became of a wish.
pub type GroupStepOutcome = Result<GroupStepped, GroupStepRefusal>;

/// A group after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStepped {
    pub details: GroupDetails,
    /// The one who took the step is in it.
    pub is_member: bool,
    /// The members are to be told how it is, with those of them that changed.
    pub changed: Option<Vec<GroupMember>>,
    pub comings: Option<GroupComings>,
    /// Requests that changed, and whose devices are to be told.
    pub requests: Vec<(GroupRequest, Vec<UserId>)>,
}

/// Who came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupComings {
    /// Who did it, as the members are told.
    pub by: UserId,
    pub direction: super::Direction,
    /// Ascending.
    pub users: Vec<UserId>,
    /// Who is in it from then on, ascending.
    pub members: Vec<UserId>,
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupStepRefusal {
    #[error("the group does not exist")]
    NoSuchGroup,
    #[error("the user does not exist, or has left")]
    NoSuchUser,
    #[error("the user is not in the group")]
    NotAMember,
    #[error("this user may not do that")]
    NotPermitted,
    #[error("nobody comes in without an invitation")]
    NotOpen,
    #[error("there is no such request")]
    NoSuchRequest,
    #[error("the owner has to make somebody else the owner first")]
    OwnerMustTransfer,
    #[error("the group would have too many members")]
    TooManyMembers,
    #[error("the user would be in too many groups")]
    TooManyGroups,
    #[error("the group would have too many admins")]
    TooManyAdmins,
    #[error("too many requests wait already")]
    TooManyRequests,
    #[error("the group has used up its versions")]
    VersionsUsedUp,
}

/// A group as somebody sees it who may be in it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    pub details: GroupDetails,
    pub is_member: bool,
    /// An invitation waits for him that he may know of.
    pub is_invited: bool,
}

/// A group whose owner went, and the member who is the owner now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    pub details: GroupDetails,
    pub owner: GroupMember,
}

impl GroupJoining {
    pub const ALL: [Self; 3] = [Self::Closed, Self::Approval, Self::Open];

    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    /// The inverse of `number`, with 0 for a group in which nobody chose.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Closed),
            _ => Self::ALL.into_iter().find(|way| way.number() == number),
        }
    }
}

impl GroupInviting {
    pub const ALL: [Self; 2] = [Self::Members, Self::Admins];

    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    /// The inverse of `number`, with 0 for a group in which nobody chose.
    pub(crate) fn from_number(number: i64, kind: GroupKind) -> Option<Self> {
        match (number, kind) {
            (0, GroupKind::Temporary) => Some(Self::Members),
            (0, GroupKind::Normal) => Some(Self::Admins),
            _ => Self::ALL.into_iter().find(|who| who.number() == number),
        }
    }
}

impl GroupRequestKind {
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        let all = [Self::Invitation, Self::Application];
        all.into_iter().find(|kind| kind.number() == number)
    }
}

impl GroupRequestState {
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        let all = [Self::Waiting, Self::Accepted, Self::Refused, Self::Ended];
        all.into_iter().find(|state| state.number() == number)
    }
}

impl Default for GroupBounds {
    fn default() -> Self {
        Self {
            members: 10_000,
            per_user: 1_000,
            admins: 100,
            applications: 200,
            invitations: 1_000,
            requests_of_user: 100,
            waiting: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

use std::time::Duration;

use async_trait::async_trait;
use proto::ids::UserId;

use super::{StoreError, UnixMillis};

/// How long it is kept that two users have nothing to do with each other any more: longer than a client may be away.
pub(super) const NOTHING_KEPT: Duration = Duration::from_secs(92 * 24 * 60 * 60);

/// Longest greeting of a request, in characters.
pub const MAX_GREETING: usize = 256;

/// What users are to each other: who asked whom, who are friends, who blocks whom. Not whose presence a user follows.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// Takes a step, for both sides in one transaction, and lets the two's conversation know. What holds already is taken
    /// without changing anything: a step taken twice is as good as one.
    async fn take_step(&self, wish: &ContactWish) -> Result<ContactOutcome, StoreError>;

    /// The user's contacts that changed then or later, in the order of their changes. Those that are nothing to him any
    /// more are among them, for three months. Stamps are those of [`SyncStore`](super::SyncStore).
    async fn changed_contacts(
        &self,
        user: UserId,
        wanted: &ContactChanges,
    ) -> Result<Vec<Contact>, StoreError>;

    /// For each of the users his friends, the latest first.
    async fn friends(&self, users: &[UserId], limit: usize)
    -> Result<Vec<Vec<UserId>>, StoreError>;
}

/// What one user is to another, with the wire's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContactState {
    #[default]
    Nothing = 0,
    /// He asked to be friends.
    Asked = 1,
    /// He is asked.
    AsksMe = 2,
    Friend = 3,
}

impl ContactState {
    /// As stored and on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The inverse of `number`; `None` for one no release has written.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Nothing, Self::Asked, Self::AsksMe, Self::Friend]
            .into_iter()
            .find(|state| i64::from(state.number()) == number)
    }
}

/// Another user, as one user sees him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub other: UserId,
    pub state: ContactState,
    /// The user lets this one neither write to him nor ask him.
    pub blocked: bool,
    /// Of a request that is open.
    pub greeting: String,
    /// Later with each change of this contact; the beginning of all time if there never was one.
    pub changed_at: UnixMillis,
}

/// What a user does about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactStep {
    Ask {
        greeting: String,
    },
    /// The other one's request is granted, or
    Accept,
    /// is not.
    Refuse,
    /// Ends a friendship, or takes an own request back.
    Remove,
    Block,
    Unblock,
}

/// A step that somebody wants to take.
#[derive(Clone, Debug)]
pub struct ContactWish {
    pub user: UserId,
    /// Somebody else.
    pub other: UserId,
    pub step: ContactStep,
    /// Most friends, own requests and blocked users of one user together; and most requests by others.
    pub most: usize,
}

/// What became of a wish.
pub type ContactOutcome = Result<ContactSides, ContactRefusal>;

/// Both sides after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactSides {
    pub own: Contact,
    /// It changed, now or so short a while ago that this may be the same step, which is taken again because nobody heard
    /// how it went: the user's devices are to be told.
    pub own_is_news: bool,
    /// As the other user sees the one who took the step.
    pub other: Contact,
    /// The same for the other user's devices.
    pub other_is_news: bool,
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactRefusal {
    #[error("the other user does not exist, or has left")]
    NoSuchUser,
    #[error("there is no such request")]
    NoSuchRequest,
    #[error("the user blocks the other one himself")]
    Blocks,
    #[error("the user has too many contacts")]
    TooMany,
    #[error("too many others ask the other user already")]
    OtherTooMany,
}

/// Which contacts are asked for.
#[derive(Clone, Copy, Debug)]
pub struct ContactChanges {
    /// `UnixMillis(i64::MIN)`: all there are.
    pub since: UnixMillis,
    /// Behind this place; of no importance before `since`.
    pub after: Option<ContactPlace>,
    pub limit: usize,
}

/// A place in the order of changes of one user's contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactPlace {
    pub at: UnixMillis,
    pub other: UserId,
}

impl Contact {
    /// Its place in the order of changes.
    pub fn place(&self) -> ContactPlace {
        ContactPlace {
            at: self.changed_at,
            other: self.other,
        }
    }
}

use async_trait::async_trait;
use proto::ids::UserId;

use super::{InviteHash, InviteRefusal, NewUser, RequestKey, StoreError, UnixMillis};

/// Accounts that their users make themselves.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Whether somebody has this name, however it is written in upper and lower case.
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError>;

    /// Makes an account in one transaction that also takes the use of the invite. A key that was used for it before is
    /// answered with the account made then.
    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError>;

    /// The account that was made under this key.
    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError>;
}

/// An account that somebody makes.
#[derive(Clone)]
pub struct Registration {
    pub user: NewUser,
    /// What it is made with; `None`: nothing is needed.
    pub invite: Option<InviteHash>,
    /// The moment that decides whether an invite has expired.
    pub at: UnixMillis,
    pub request: Option<RequestKey>,
}

/// What became of it.
pub type RegisterOutcome = Result<UserId, RegisterRefusal>;

/// Why an account was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterRefusal {
    #[error("the name is taken")]
    NameTaken,
    #[error(transparent)]
    Invite(#[from] InviteRefusal),
}

use async_trait::async_trait;
use proto::ids::UserId;

use super::{
    GroupVersion, Inherited, InviteHash, InviteRefusal, NewUser, Profile, RequestKey, StoreError,
    UnixMillis, User, UserStatus,
};

/// Accounts that their users make themselves, and end.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Whether somebody has this name, however it is written in upper and lower case.
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError>;

    /// Makes an account in one transaction that also takes the use of the invite. A key that was used for it before is
    /// answered with the account made then.
    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError>;

    /// The account that was made under this key.
    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError>;

    /// Closes an account, provided its stored password still is `expected`, in one transaction: nobody can log in to it,
    /// his tokens are gone, he is in no group and asks for none, what groups he owned others own, and what others see of him is [`closed_profile`]. The name stays taken, and
    /// what he wrote stays. `None` if the password was another, or there is no such user.
    async fn close_account(
        &self,
        user: UserId,
        expected: &str,
    ) -> Result<Option<Closed>, StoreError>;

    /// What closing the account led to; `None` if it is not closed.
    async fn closed_account(&self, user: UserId) -> Result<Option<Closed>, StoreError>;
}

/// An account that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// As others see him from then on.
    pub user: User,
    /// The groups that he left with it, in the versions as of now.
    pub left: Vec<GroupVersion>,
    /// Those of them that he owned, with their new owners; of none, when it was done before.
    pub inherited: Vec<Inherited>,
}

/// What others see in place of somebody whose account is closed.
const CLOSED_NICK: &str = "deleted account";

/// What is left of a profile. The name stays, so that nobody takes it.
pub(super) fn closed_profile(name: String) -> Profile {
    Profile {
        name,
        nick_name: CLOSED_NICK.to_owned(),
        status: UserStatus::LEFT,
        ..Profile::default()
    }
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

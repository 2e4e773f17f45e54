use std::collections::{HashMap, HashSet};
use std::fmt;

use async_trait::async_trait;
use proto::ids::UserId;

use super::{StoreError, UnixMillis};

/// User accounts. Names are unique and compared exactly; users are marked as left, never deleted.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// For each name the account with exactly this name.
    async fn accounts(&self, names: &[&str]) -> Result<Vec<Option<Account>>, StoreError>;

    /// The account with exactly this name.
    async fn user_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts(&[name]).await?.pop().flatten())
    }

    /// Those of the named users that exist, in no particular order.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// A page of all users in the order of their last change, starting behind `after`. With `since`, only those
    /// changed then or later. A user changed while somebody turns pages is met again, never missed.
    async fn users_changed_since(
        &self,
        since: Option<UnixMillis>,
        after: Option<UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;

    /// Those of the named users that exist.
    async fn existing_users(&self, ids: &[UserId]) -> Result<HashSet<UserId>, StoreError>;

    /// Adds users in one transaction and answers in their order. A name that is taken is reported, not replaced.
    async fn insert_users(&self, users: &[NewUser]) -> Result<Vec<Inserted>, StoreError>;

    /// Replaces the stored hash, provided it still is `expected` (`None`: whatever it is). `false` if it was not, or
    /// there is no such user. Not a change of the profile: nobody else needs to hear of it.
    async fn set_password(
        &self,
        user: UserId,
        expected: Option<&str>,
        hash: &str,
    ) -> Result<bool, StoreError>;

    /// Changes fields of a profile and returns the user as he is then; `None` if there is no such user. A change for
    /// everybody who asks for changes, even if the new values are the old ones. Who may not log in any more loses his
    /// resume tokens with it.
    async fn change_profile(
        &self,
        user: UserId,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError>;

    /// A page of all users by id, starting behind `after`.
    async fn list_users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;

    async fn count_users(&self) -> Result<u64, StoreError>;
}

/// What everybody may see of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub updated_at: UnixMillis,
    pub profile: Profile,
}

impl User {
    /// Where a page that ends with this user is continued.
    pub fn cursor(&self) -> UserCursor {
        UserCursor {
            updated_at: self.updated_at,
            id: self.id,
        }
    }
}

/// The part of a user that others may see and an administrator may set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub gender: u32,
    pub nick_name: String,
    pub real_name: String,
    pub avatar_url: String,
    pub department_id: u32,
    pub email: String,
    pub tel: String,
    pub domain: String,
    pub status: UserStatus,
    pub sign_info: String,
}

/// New values of a profile; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub gender: Option<u32>,
    pub nick_name: Option<String>,
    pub avatar_url: Option<String>,
    pub department_id: Option<u32>,
    pub email: Option<String>,
    pub tel: Option<String>,
    pub status: Option<UserStatus>,
    pub sign_info: Option<String>,
}

impl ProfileChange {
    /// Whether the user may not log in from then on.
    pub(super) fn ends_logins(&self) -> bool {
        self.status
            .is_some_and(|status| status != UserStatus::REGULAR)
    }
}

/// A user's standing, with the wire's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserStatus(pub u32);

impl UserStatus {
    /// The only one that may log in.
    pub const REGULAR: Self = Self(0);
    /// Clients don't show him any more.
    pub const LEFT: Self = Self(3);
}

/// A position in the order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserCursor {
    pub updated_at: UnixMillis,
    pub id: UserId,
}

/// A user with what is needed to let him in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub user: User,
    /// As stored; empty for a user who can't log in.
    pub password: String,
}

impl Account {
    /// Somebody who does not exist, to do for him what is done for others.
    pub(crate) fn nobody() -> Self {
        Self {
            user: User {
                id: UserId::new(u32::MAX).expect("not zero"),
                updated_at: UnixMillis::default(),
                profile: Profile::default(),
            },
            password: String::new(),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// For each name its account, among those that were found.
pub(super) fn by_name(names: &[&str], found: &[Account]) -> Vec<Option<Account>> {
    let found: HashMap<&str, &Account> = found
        .iter()
        .map(|account| (account.user.profile.name.as_str(), account))
        .collect();
    let of = |name: &&str| found.get(*name).map(|account| (*account).clone());
    names.iter().map(of).collect()
}

/// A user to be added, with the hash of the password.
#[derive(Clone)]
pub struct NewUser {
    pub profile: Profile,
    pub password: String,
}

/// What became of a `NewUser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Created(UserId),
    NameTaken,
}

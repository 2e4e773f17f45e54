//! What users do with their own accounts: another password, and the end. Both need the password once more.

use std::net::IpAddr;
use std::sync::Arc;

use proto::device::DeviceType;
use proto::ids::UserId;
use tracing::warn;

use super::login::{Login, LoginRefusal, LoginTrouble};
use super::password::Passwords;
use super::registration::form::{self, FormError};
use super::user::Users;
use crate::store::{Account, Closed, Store};

/// Changes and closes accounts.
pub struct Accounts {
    store: Arc<dyn Store>,
    login: Arc<Login>,
    passwords: Arc<Passwords>,
    users: Users,
}

/// Why an account stays as it is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccountError {
    #[error("the user does not exist")]
    NoSuchUser,
    #[error("wrong password")]
    WrongPassword,
    #[error("too many failures")]
    TooManyFailures,
    #[error(transparent)]
    Form(#[from] FormError),
    /// Nothing is known; try again.
    #[error("passwords can't be checked now")]
    Unavailable(#[source] LoginTrouble),
}

impl<E: Into<LoginTrouble>> From<E> for AccountError {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl AccountError {
    /// One word, for those who tell refusals apart.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchUser => "no_such_user",
            Self::WrongPassword => "wrong_password",
            Self::TooManyFailures => "too_many_failures",
            Self::Form(error) => error.reason(),
            Self::Unavailable(_) => "store_failed",
        }
    }
}

fn refused(refusal: LoginRefusal) -> AccountError {
    match refusal {
        LoginRefusal::TooManyFailures => AccountError::TooManyFailures,
        LoginRefusal::Unavailable(trouble) => AccountError::Unavailable(trouble),
        LoginRefusal::WrongNameOrPassword | LoginRefusal::Token => AccountError::WrongPassword,
    }
}

impl Accounts {
    pub fn new(
        store: Arc<dyn Store>,
        login: Arc<Login>,
        passwords: Arc<Passwords>,
        users: Users,
    ) -> Self {
        Self {
            store,
            login,
            passwords,
            users,
        }
    }

    /// Replaces the password; both as the client sent them. All resume tokens end. A wrong old one counts as a failed login
    /// from `source`. Asked again, it is done already.
    pub async fn change_password(
        &self,
        user: UserId,
        old: &str,
        new: &str,
        source: Option<IpAddr>,
    ) -> Result<Account, AccountError> {
        let name = self.name(user).await?;
        form::check_password(new, &name)?;
        // the new one is right when this was done before
        let confirmed = self.login.either(&name, [old, new], source).await;
        let mut account = confirmed.map_err(refused)?;
        let hash = self.passwords.hash(new).await?;
        let expected = Some(account.password.as_str());
        if !self.store.set_password(user, expected, &hash).await? {
            // changed in this very moment
            return Err(AccountError::WrongPassword);
        }
        account.password = hash;
        // they are worth nothing any more; this only frees their room
        let types: Vec<_> = DeviceType::all().collect();
        if let Err(error) = self.store.revoke_resumes(user, &types).await {
            warn!(user_id = %user, %error, "tokens of an old password are kept for now");
        }
        Ok(account)
    }

    /// Closes the account. A wrong password counts as a failed login from `source`. Asked again, it is done already.
    pub async fn delete(
        &self,
        user: UserId,
        password: &str,
        source: Option<IpAddr>,
    ) -> Result<Closed, AccountError> {
        if let Some(closed) = self.store.closed_account(user).await? {
            return Ok(closed);
        }
        let name = self.name(user).await?;
        let confirmed = self.login.validate(&name, password, source).await;
        let account = confirmed.map_err(refused)?;
        let closed = self.store.close_account(user, &account.password).await?;
        // `None`: changed in this very moment
        let closed = closed.ok_or(AccountError::WrongPassword)?;
        self.users.changed(&closed.user).await;
        Ok(closed)
    }

    async fn name(&self, user: UserId) -> Result<String, AccountError> {
        let found = self.store.users(&[user]).await?;
        let found = found.into_iter().next();
        let found = found.ok_or(AccountError::NoSuchUser)?;
        Ok(found.profile.name)
    }
}

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::limiter::{FailureLimiter, FailureLimits};
use super::password::{Checked, HashError, Passwords};
use crate::store::{Store, StoreError, User, UserStatus};

/// Who is let in.
pub struct Login {
    store: Arc<dyn Store>,
    passwords: Arc<Passwords>,
    /// `None`: failures are not limited.
    limiter: Option<FailureLimiter>,
}

/// Why somebody was not let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// Which of the two is never told, nor whether the account exists but may not log in.
    #[error("wrong name or password")]
    WrongNameOrPassword,
    #[error("too many failures")]
    TooManyFailures,
    /// Nothing is known about the password; try again.
    #[error("logins can't be checked now")]
    Unavailable(#[source] LoginTrouble),
}

/// Why a login could not be checked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginTrouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl<E: Into<LoginTrouble>> From<E> for LoginRefusal {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Login {
    /// `limits` `None` switches the limiter off, for load tests.
    pub fn new(
        store: Arc<dyn Store>,
        passwords: Arc<Passwords>,
        limits: Option<FailureLimits>,
    ) -> Self {
        Self {
            store,
            passwords,
            limiter: limits.map(FailureLimiter::new),
        }
    }

    /// Lets a user in. `received` is the password as the client sent it, `source` the client's own address.
    pub async fn validate(
        &self,
        name: &str,
        received: &str,
        source: Option<IpAddr>,
    ) -> Result<User, LoginRefusal> {
        self.limit(name, source)?;
        let user = self.check(name, received).await?;
        // again, so that guesses made all at once learn no more than guesses made in turn
        self.limit(name, source)?;
        if let Some(limiter) = &self.limiter {
            match user {
                Some(_) => limiter.succeeded(name, source),
                None => limiter.failed(name, source, Instant::now()),
            }
        }
        user.ok_or(LoginRefusal::WrongNameOrPassword)
    }

    fn limit(&self, name: &str, source: Option<IpAddr>) -> Result<(), LoginRefusal> {
        match &self.limiter {
            Some(limiter) if limiter.refuses(name, source, Instant::now()) => {
                Err(LoginRefusal::TooManyFailures)
            }
            _ => Ok(()),
        }
    }

    /// The user, if the password is right and he may log in. Takes the same time for any wrong pair.
    async fn check(&self, name: &str, received: &str) -> Result<Option<User>, LoginTrouble> {
        let Some(account) = self.store.user_by_name(name).await? else {
            self.passwords.check_nothing(received).await?;
            return Ok(None);
        };
        let checked = self.passwords.check(&account.password, received).await?;
        if checked == Checked::Wrong || account.user.profile.status != UserStatus::REGULAR {
            return Ok(None);
        }
        if let Checked::RightUpgrade(hash) = checked {
            self.upgrade(&account.user, &account.password, &hash).await;
        }
        Ok(Some(account.user))
    }

    /// Stores the new form, unless the password was changed meanwhile. A failure costs nobody his login.
    async fn upgrade(&self, user: &User, old: &str, new: &str) {
        let user_id = user.id;
        match self.store.set_password(user_id, Some(old), new).await {
            Ok(true) => info!(%user_id, "stored password upgraded"),
            Ok(false) => {}
            Err(error) => warn!(%user_id, %error, "stored password not upgraded"),
        }
    }
}

#[cfg(test)]
mod tests;

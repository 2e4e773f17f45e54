mod guard;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use proto::device::DeviceType;
use tracing::{info, warn};

pub use guard::Guard;

use super::gather::Gather;
use super::password::{Checked, HashError, Passwords};
use super::resume::{Exchanged, Resumes};
use crate::cache::Attempt;
use crate::store::{Account, Store, StoreError, User, UserStatus};

/// Who is let in.
pub struct Login {
    store: Arc<dyn Store>,
    accounts: Gather<String, Option<Account>>,
    passwords: Arc<Passwords>,
    /// `None`: failures are not limited.
    guard: Option<Guard>,
}

/// Why somebody was not let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// Which of the two is never told, nor whether the account exists but may not log in.
    #[error("wrong name or password")]
    WrongNameOrPassword,
    /// Why is never told: unknown, expired, revoked, somebody else's.
    #[error("the resume token is not good: log in with the password")]
    Token,
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
    /// `guard` `None` switches the limiter off, for load tests.
    pub fn new(store: Arc<dyn Store>, passwords: Arc<Passwords>, guard: Option<Guard>) -> Self {
        Self {
            store,
            accounts: Gather::default(),
            passwords,
            guard,
        }
    }

    /// Lets a user in. `received` is the password as the client sent it, `source` the client's own address.
    pub async fn validate(
        &self,
        name: &str,
        received: &str,
        source: Option<IpAddr>,
    ) -> Result<Account, LoginRefusal> {
        self.either(name, [received], source).await
    }

    /// As `validate`, with one of several passwords: what counts as a failure is that none is right.
    pub(super) async fn either<const N: usize>(
        &self,
        name: &str,
        received: [&str; N],
        source: Option<IpAddr>,
    ) -> Result<Account, LoginRefusal> {
        let attempt = Attempt { name, source };
        self.limit(attempt).await?;
        let mut account = None;
        for received in received {
            account = self.check(name, received).await?;
            if account.is_some() {
                break;
            }
        }
        // again, so that guesses made all at once learn no more than guesses made in turn
        if let Some(guard) = &self.guard {
            let refused = match account {
                Some(_) => guard.succeeded(attempt).await,
                None => guard.failed(attempt).await,
            };
            if refused {
                return Err(LoginRefusal::TooManyFailures);
            }
        }
        account.ok_or(LoginRefusal::WrongNameOrPassword)
    }

    /// Lets a user in who shows a token, and gives him the next one; none if he is to keep the one he has. Failures
    /// neither count nor matter here: nobody guesses a token, and looking costs little more than refusing to.
    pub async fn resume(
        &self,
        resumes: &Resumes,
        name: &str,
        device_type: DeviceType,
        token: &[u8],
    ) -> Result<(Account, Option<Bytes>), LoginRefusal> {
        let account = self.account(name).await?;
        let account = account.filter(|account| may_log_in(&account.user));
        let exchanged = resumes
            .exchange(account.as_ref(), device_type, token)
            .await?;
        let account = account.ok_or(LoginRefusal::Token)?;
        match exchanged {
            Exchanged::Next(next) => Ok((account, Some(next))),
            Exchanged::Kept => Ok((account, None)),
            Exchanged::Refused => Err(LoginRefusal::Token),
        }
    }

    async fn limit(&self, attempt: Attempt<'_>) -> Result<(), LoginRefusal> {
        match &self.guard {
            Some(guard) if guard.refuses(attempt).await => Err(LoginRefusal::TooManyFailures),
            _ => Ok(()),
        }
    }

    /// Looked up together with others who log in now.
    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let all = |names: Vec<String>| async move {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.store.accounts(&names).await
        };
        self.accounts.ask(name.to_owned(), all).await
    }

    /// The account, if the password is right and its user may log in. Takes the same time for any wrong pair.
    async fn check(&self, name: &str, received: &str) -> Result<Option<Account>, LoginTrouble> {
        let Some(mut account) = self.account(name).await? else {
            self.passwords.check_nothing(name, received).await?;
            return Ok(None);
        };
        let checked = self.passwords.check(&account.password, received).await?;
        if checked == Checked::Wrong || !may_log_in(&account.user) {
            return Ok(None);
        }
        if let Checked::RightUpgrade(hash) = checked
            && !self.upgrade(&mut account, &hash).await
        {
            return self.check_changed(name, received).await;
        }
        Ok(Some(account))
    }

    /// Stores the new form, unless the password was changed meanwhile (`false`). A failure costs nobody his login.
    async fn upgrade(&self, account: &mut Account, new: &str) -> bool {
        let (user_id, old) = (account.user.id, &account.password);
        match self.store.set_password(user_id, Some(old), new).await {
            Ok(true) => {
                new.clone_into(&mut account.password);
                info!(%user_id, "stored password upgraded");
            }
            Ok(false) => return false,
            Err(error) => warn!(%user_id, %error, "stored password not upgraded"),
        }
        true
    }

    /// As `check`, after somebody else stored the password anew: another login of the same user most of the time. What is
    /// stored now is what a resume token is bound to.
    async fn check_changed(
        &self,
        name: &str,
        received: &str,
    ) -> Result<Option<Account>, LoginTrouble> {
        let Some(account) = self.store.user_by_name(name).await? else {
            return Ok(None);
        };
        let checked = self.passwords.check(&account.password, received).await?;
        Ok((checked != Checked::Wrong && may_log_in(&account.user)).then_some(account))
    }
}

fn may_log_in(user: &User) -> bool {
    user.profile.status == UserStatus::REGULAR
}

#[cfg(test)]
mod tests;

//! Accounts that people make themselves.

pub mod form;

use std::net::IpAddr;
use std::sync::Arc;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use proto::ids::UserId;

use super::invite::code_hash;
use super::limiter::FailureLimits;
use super::login::{Guard, LoginTrouble};
use super::password::Passwords;
use super::user::{ChangeError, check_change};
use crate::cache::Attempt;
use crate::store::{
    InviteHash, InviteRefusal, NewUser, Profile, ProfileChange, RegisterRefusal, Registration,
    RequestKey, Store, UnixMillis,
};
use form::FormError;

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    #[default]
    Nobody,
    /// Who has an invite.
    Invited,
    Everybody,
}

/// How much one address may do.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationLimits {
    /// Accounts made from one address within an hour; at least 1.
    pub accounts: usize,
    /// Requests from one address within an hour that cost something: accounts, taken names, invites that are no good.
    pub attempts: usize,
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        Self {
            accounts: 5,
            attempts: 50,
        }
    }
}

impl RegistrationLimits {
    /// As it is counted: like failed logins, with what is counted in place of the account's name.
    pub fn counted(self) -> FailureLimits {
        FailureLimits {
            per_account: self.accounts.saturating_sub(1),
            per_address: self.attempts,
            window: std::time::Duration::from_secs(60 * 60),
            ..FailureLimits::default()
        }
    }
}

/// An account as somebody wishes for it.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub name: String,
    /// As the client sent it.
    pub password: String,
    pub gender: u32,
    /// Empty: the name.
    pub nick_name: String,
    pub avatar_url: String,
    pub tel: String,
    pub email: String,
    pub invite: Option<String>,
    /// The client's own address; all that come without one are one source.
    pub source: Option<IpAddr>,
    /// Of the request: asked again with it, the same answer is given again.
    pub key: Option<Vec<u8>>,
}

/// Why there is no account.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("accounts are made by the operator of this server")]
    Off,
    #[error(transparent)]
    Form(#[from] FormError),
    #[error(transparent)]
    Profile(ChangeError),
    #[error("an invite is needed to make an account here")]
    InviteNeeded,
    #[error(transparent)]
    Refused(#[from] RegisterRefusal),
    #[error("too many accounts were made from this address: try again in an hour")]
    TooMany,
    /// Nothing is known; try again.
    #[error("accounts can't be made now: try again")]
    Unavailable(#[source] LoginTrouble),
}

impl<E: Into<LoginTrouble>> From<E> for RegistrationError {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

/// What made accounts are counted as; no name is empty.
const MADE: &str = "";

/// Makes accounts, as far as the operator allows it.
pub struct Registrar {
    store: Arc<dyn Store>,
    passwords: Arc<Passwords>,
    admission: Admission,
    /// `None`: nothing is limited.
    guard: Option<Guard>,
}

impl Registrar {
    /// `guard` counts by [`RegistrationLimits::counted`]; `None` switches the limits off, for load tests.
    pub fn new(
        store: Arc<dyn Store>,
        passwords: Arc<Passwords>,
        admission: Admission,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            store,
            passwords,
            admission,
            guard,
        }
    }

    /// Makes an account. What costs nothing is looked at first; a password is hashed only for somebody who will most
    /// likely get one.
    pub async fn register(&self, wish: Wish) -> Result<UserId, RegistrationError> {
        if self.admission == Admission::Nobody {
            return Err(RegistrationError::Off);
        }
        let profile = profile(&wish)?;
        let request = wish.key.as_deref().and_then(|key| request_key(&wish, key));
        if let Some(request) = &request
            && let Some(made) = self.store.registered(request).await?
        {
            return Ok(made);
        }
        if self.refuses(&wish).await {
            return Err(RegistrationError::TooMany);
        }
        let invite = match self.look(&wish).await {
            Err(refused @ RegistrationError::Refused(_)) => {
                self.count(&wish.name, wish.source).await;
                return Err(refused);
            }
            other => other?,
        };
        let password = self.passwords.hash(&wish.password).await?;
        // before it is made, so that requests made all at once get no further than requests made in turn
        if self.count(MADE, wish.source).await {
            return Err(RegistrationError::TooMany);
        }
        let new = Registration {
            user: NewUser { profile, password },
            invite,
            at: UnixMillis::now(),
            request,
        };
        Ok(self.store.register(&new).await??)
    }

    /// Whether name and invite look good; which invite has to be spent.
    async fn look(&self, wish: &Wish) -> Result<Option<InviteHash>, RegistrationError> {
        let invite = match self.admission {
            Admission::Invited => Some(self.invite(wish).await?),
            Admission::Everybody | Admission::Nobody => None,
        };
        if self.store.name_is_taken(&wish.name).await? {
            return Err(RegisterRefusal::NameTaken.into());
        }
        Ok(invite)
    }

    async fn invite(&self, wish: &Wish) -> Result<InviteHash, RegistrationError> {
        let code = wish.invite.as_deref().unwrap_or_default();
        if code.is_empty() {
            return Err(RegistrationError::InviteNeeded);
        }
        let hash = code_hash(code);
        let invite = self.store.invite(&hash).await?;
        let invite = invite.ok_or(RegisterRefusal::Invite(InviteRefusal::Unknown))?;
        invite
            .check(UnixMillis::now())
            .map_err(RegisterRefusal::Invite)?;
        Ok(hash)
    }

    async fn refuses(&self, wish: &Wish) -> bool {
        let Some(guard) = &self.guard else {
            return false;
        };
        for name in [MADE, &wish.name] {
            let source = wish.source;
            if guard.refuses(Attempt { name, source }).await {
                return true;
            }
        }
        false
    }

    /// Counts something; whether it was too much before.
    async fn count(&self, name: &str, source: Option<IpAddr>) -> bool {
        match &self.guard {
            Some(guard) => guard.failed(Attempt { name, source }).await,
            None => false,
        }
    }
}

fn profile(wish: &Wish) -> Result<Profile, RegistrationError> {
    form::check_name(&wish.name)?;
    form::check_password(&wish.password, &wish.name)?;
    let details = ProfileChange {
        gender: Some(wish.gender),
        nick_name: Some(wish.nick_name.clone()),
        avatar_url: Some(wish.avatar_url.clone()),
        email: Some(wish.email.clone()),
        tel: Some(wish.tel.clone()),
        ..ProfileChange::default()
    };
    check_change(&details).map_err(RegistrationError::Profile)?;
    let nick_name = match wish.nick_name.trim() {
        "" => wish.name.clone(),
        nick => nick.to_owned(),
    };
    Ok(Profile {
        name: wish.name.clone(),
        gender: wish.gender,
        nick_name,
        avatar_url: wish.avatar_url.clone(),
        email: wish.email.clone(),
        tel: wish.tel.clone(),
        ..Profile::default()
    })
}

/// With another name or password it is another request.
fn request_key(wish: &Wish, key: &[u8]) -> Option<RequestKey> {
    let parts = [key, wish.name.as_bytes(), wish.password.as_bytes()];
    let mut hash = Blake2b::<U32>::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    RequestKey::of_registration(&hash.finalize())
}

impl RegistrationError {
    /// One word, for those who tell refusals apart.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Off => "registration_off",
            Self::Form(error) => error.reason(),
            Self::Profile(error) => error.reason(),
            Self::InviteNeeded => "invite_needed",
            Self::Refused(RegisterRefusal::NameTaken) => "name_taken",
            Self::Refused(RegisterRefusal::Invite(refusal)) => match refusal {
                InviteRefusal::Unknown => "no_such_invite",
                InviteRefusal::Expired => "invite_expired",
                InviteRefusal::UsedUp => "invite_used_up",
            },
            Self::TooMany => "too_many_accounts",
            Self::Unavailable(_) => "store_failed",
        }
    }
}

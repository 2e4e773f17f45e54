//! Who logs in, again and again: with the password the first time, with a resume token from then on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use proto::capability;
use proto::device::DeviceType;
use proto::im::login::ImLoginReq;

use super::address::Address;
use super::error::{ConnectError, LoginError};
use super::event::Events;
use super::login::{Client, Status, login_request};
use super::session::Session;

/// A name, a password and a device, with the resume token of its last login. Clones share the token.
///
/// The token is in memory only. It is dropped when the server says that it is no good.
#[derive(Clone)]
pub struct Account {
    request: ImLoginReq,
    /// Locked for a moment, never across an await.
    token: Arc<Mutex<Option<Bytes>>>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.request.user_name)
            .finish_non_exhaustive()
    }
}

/// No session came of it.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// msg_server could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It was, but did not let one in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// There is no token that is good, and no password was given.
    #[error("the password is needed")]
    PasswordNeeded,
}

impl Account {
    /// Somebody with a plain password, of which only the digest is kept. Announces resume tokens.
    pub fn new(user: &str, password: &str, device: impl Into<DeviceType>, status: Status) -> Self {
        let request = login_request(user, password, device.into(), status);
        Self {
            request,
            token: Arc::default(),
        }
        .announcing(capability::RESUME)
    }

    /// Somebody whose password is not at hand, only a token of an earlier login.
    pub fn without_password(user: &str, device: impl Into<DeviceType>, status: Status) -> Self {
        let mut account = Self::new(user, "", device, status);
        account.request.password.clear();
        account
    }

    /// The same, beginning with a token of an earlier login.
    pub fn with_token(self, token: Option<Bytes>) -> Self {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        self
    }

    /// The name to log in with.
    pub fn user(&self) -> &str {
        &self.request.user_name
    }

    /// The same, announcing these extensions and no others; 0 is a stock client. See [`capability`].
    pub fn announcing(mut self, capabilities: u64) -> Self {
        self.request.capabilities = (capabilities != 0).then_some(capabilities);
        self
    }

    /// The extensions that it announces.
    pub fn capabilities(&self) -> u64 {
        self.request.capabilities.unwrap_or_default()
    }

    /// Connects and logs in: with the token if there is one, with the password if there is none or the token is no good,
    /// which takes another connection. Any other refusal says nothing about the token, which is kept.
    pub async fn enter(&self, address: &Address) -> Result<(Session, Events), EnterError> {
        if let Some(token) = self.token() {
            let request = ImLoginReq {
                password: String::new(),
                resume_token: Some(token.clone()),
                ..self.request.clone()
            };
            match self.log_in(address, request).await {
                Err(EnterError::Login(LoginError::Refused {
                    resume_refused: Some(true),
                    ..
                })) => self.forget(&token),
                other => return other,
            }
        }
        if self.request.password.is_empty() {
            return Err(EnterError::PasswordNeeded);
        }
        self.log_in(address, self.request.clone()).await
    }

    /// What the next login shows instead of the password.
    pub fn token(&self) -> Option<Bytes> {
        let token = self.token.lock();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn log_in(
        &self,
        address: &Address,
        request: ImLoginReq,
    ) -> Result<(Session, Events), EnterError> {
        let client = Client::connect(address).await?;
        let (session, events) = client.login_with(request).await?;
        // a server without the extension gives none
        if let Some(next) = session.resume_token() {
            let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
            *token = Some(next.clone());
        }
        Ok((session, events))
    }

    /// Unless another clone has got a newer one meanwhile.
    fn forget(&self, refused: &Bytes) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.take_if(|token| token == refused);
    }
}

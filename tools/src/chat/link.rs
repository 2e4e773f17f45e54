//! From credentials to a session, the first time and again.

use anyhow::Context;
use thiserror::Error;

use crate::client::{
    Address, AddressError, Backoff, Client, ConnectError, Device, Events, LoginError, Session,
    Status,
};

/// What it takes to log in.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) login: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) device: Device,
}

#[derive(Debug, Error)]
enum LinkError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl Link {
    /// One attempt.
    pub(super) async fn connect(&self) -> anyhow::Result<(Session, Events)> {
        self.attempt().await.with_context(|| {
            format!(
                "no session with {}; `ferrotalk doctor --login {}` looks for the cause",
                self.login, self.login
            )
        })
    }

    /// Attempts with growing waits until one succeeds or is refused for good. Asks login_server each time: the
    /// msg_server of before may be gone.
    pub(super) async fn reconnect(self) -> anyhow::Result<(Session, Events)> {
        let mut backoff = Backoff::default();
        loop {
            match self.attempt().await {
                Ok(linked) => return Ok(linked),
                Err(LinkError::Login(error)) if !error.is_retryable() => return Err(error.into()),
                Err(_) => tokio::time::sleep(backoff.wait()).await,
            }
        }
    }

    async fn attempt(&self) -> Result<(Session, Events), LinkError> {
        let address = Address::from_login(&self.login).await?;
        let client = Client::connect(&address).await?;
        let linked = client
            .login(&self.user, &self.password, self.device, Status::Online)
            .await?;
        Ok(linked)
    }
}

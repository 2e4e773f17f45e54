//! From credentials to a session, the first time and again.

use std::time::Duration;

use anyhow::anyhow;
use im_base::peer::backoff::Backoff;
use thiserror::Error;

use crate::client::{Account, Address, AddressError, EnterError, Events, Session, Trust};

/// Between attempts: long enough not to press a server that has to come up, short enough for somebody who waits.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    most: Duration::from_secs(10),
};

/// What it takes to log in.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) login: String,
    /// Where to go without asking login_server.
    pub(super) websocket: Option<Address>,
    /// Whom to believe, where msg_servers are to be reached with TLS.
    pub(super) trust: Option<Trust>,
    pub(super) user: String,
    pub(super) account: Account,
}

#[derive(Debug, Error)]
enum LinkError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Enter(#[from] EnterError),
}

impl Link {
    /// One attempt.
    pub(super) async fn connect(&self) -> anyhow::Result<(Session, Events)> {
        self.attempt().await.map_err(|error| match error {
            LinkError::Enter(EnterError::Login(error)) if !error.is_retryable() => {
                anyhow!("login as {} {error}", self.user)
            }
            error => anyhow!(
                "{:#}; `ferrotalk doctor --login {}` looks for the cause",
                anyhow::Error::new(error),
                self.login
            ),
        })
    }

    /// Attempts with growing waits until one succeeds or is refused for good. Asks login_server each time: the
    /// msg_server of before may be gone.
    pub(super) async fn reconnect(self) -> anyhow::Result<(Session, Events)> {
        let mut failures = 0;
        loop {
            match self.attempt().await {
                Ok(linked) => return Ok(linked),
                Err(LinkError::Enter(EnterError::Login(error))) if !error.is_retryable() => {
                    return Err(error.into());
                }
                Err(_) => {
                    failures += 1;
                    tokio::time::sleep(BACKOFF.wait(failures, fastrand::f64())).await;
                }
            }
        }
    }

    async fn attempt(&self) -> Result<(Session, Events), LinkError> {
        let address = match &self.websocket {
            Some(address) => address.clone(),
            None => Address::from_login_with(&self.login, self.trust.as_ref()).await?,
        };
        Ok(self.account.enter(&address).await?)
    }
}

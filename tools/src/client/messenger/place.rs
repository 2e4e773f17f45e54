//! From credentials to a session: where to go, how long to wait for it, and before the next try.

use std::time::Duration;

use im_base::peer::backoff::Backoff;
use thiserror::Error;
use tokio::time::timeout;

use crate::client::{
    Account, Address, AddressError, ConnectError, EnterError, Events, LoginError, Session, Trust,
};

/// Between attempts: long enough not to press a server that has to come up, short enough for somebody who waits.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    most: Duration::from_secs(10),
};

/// How long one attempt may take in all.
const ATTEMPT: Duration = Duration::from_secs(20);

/// Where to log in.
#[derive(Clone, Debug)]
pub enum Place {
    /// Where a login_server says, asked anew each time: the msg_server of before may be gone.
    Login {
        /// Its URL.
        url: String,
        /// Whom to believe, where msg_servers are to be reached with TLS.
        trust: Option<Trust>,
    },
    /// Always at this msg_server.
    At(Address),
}

/// An attempt to log in that failed.
#[derive(Debug, Error)]
pub enum AttemptError {
    /// login_server named no msg_server.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No session came of it.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// It took too long.
    #[error("nothing came of it within {} s", ATTEMPT.as_secs())]
    Deadline,
}

impl AttemptError {
    /// Whether trying again can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Enter(EnterError::Login(error)) => error.is_retryable(),
            Self::Enter(EnterError::PasswordNeeded) => false,
            _ => true,
        }
    }

    /// Whether somebody is there who may be ready soon: an installation of which a process is being started.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Address(error) => matches!(error, AddressError::NoMsgServer | AddressError::Full),
            Self::Enter(EnterError::Login(error)) => error.is_retryable(),
            _ => false,
        }
    }

    /// The server's refusal, if it was one.
    pub fn refusal(&self) -> Option<&LoginError> {
        match self {
            Self::Enter(EnterError::Login(error)) => Some(error),
            _ => None,
        }
    }

    /// What the connection itself failed of.
    pub fn connect(&self) -> Option<&ConnectError> {
        match self {
            Self::Enter(EnterError::Connect(error)) => Some(error),
            _ => None,
        }
    }
}

impl Place {
    /// One attempt, 20 s at most. Cancel-safe but for a token that the server has just exchanged: the old one is good for
    /// some minutes more.
    pub async fn enter(&self, account: &Account) -> Result<(Session, Events), AttemptError> {
        let entering = async {
            let address = match self {
                Self::At(address) => address.clone(),
                Self::Login { url, trust } => Address::from_login_with(url, trust.as_ref()).await?,
            };
            Ok(account.enter(&address).await?)
        };
        match timeout(ATTEMPT, entering).await {
            Ok(entered) => entered,
            Err(_) => Err(AttemptError::Deadline),
        }
    }

    /// As [`enter`](Self::enter), at the first of these servers that lets one in before that.
    pub(super) async fn enter_by(
        &self,
        account: &Account,
        servers: &[Address],
    ) -> Result<(Session, Events), AttemptError> {
        for server in servers {
            if let Ok(Ok(entered)) = timeout(ATTEMPT, account.enter(server)).await {
                return Ok(entered);
            }
        }
        self.enter(account).await
    }

    /// Whom to believe at servers that are named on the way.
    pub(super) fn trust(&self) -> Option<&Trust> {
        match self {
            Self::Login { trust, .. } => trust.as_ref(),
            Self::At(address) => address.trust.as_ref(),
        }
    }
}

/// The wait after so many failures in a row.
pub(super) fn wait(failures: u32) -> Duration {
    BACKOFF.wait(failures, fastrand::f64())
}

//! An account of one's own making, on a connection on which nobody is logged in yet.

use proto::Body;
use proto::im::login::{ImRegistReq, ImRegistRes};
use thiserror::Error;

use super::error::{CloseReason, LoginError};
use super::login::{Client, password_digest};

/// The number of the request; the login behind it has another one.
const SEQ_NUM: u16 = 2;

/// No account came of it.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// The server says no.
    #[error("no account was made: {message}")]
    Refused {
        /// One word for it, empty from a server that has none.
        reason: String,
        /// The server's own words.
        message: String,
    },
    /// There was no answer.
    #[error(transparent)]
    Unanswered(LoginError),
}

/// What an account is made of: name and plain password, of which only the digest is sent.
pub fn registration(user: &str, password: &str) -> ImRegistReq {
    ImRegistReq {
        user_name: user.to_owned(),
        password: password_digest(password),
        ..ImRegistReq::default()
    }
}

impl Client {
    /// Makes an account, where the server allows it, and returns the new user's number. A login may follow on the same
    /// connection. Takes 10 s at most.
    pub async fn register(&mut self, request: &ImRegistReq) -> Result<u32, RegisterError> {
        let sent = self.connection.send_message(request, SEQ_NUM).await;
        sent.map_err(|error| {
            RegisterError::Unanswered(LoginError::Closed(CloseReason::Io(error.to_string())))
        })?;
        let answer = self.answer_to(ImRegistRes::ID).await;
        let (answer, _early) = answer.map_err(RegisterError::Unanswered)?;
        let answer: ImRegistRes = answer
            .decode()
            .map_err(|error| RegisterError::Unanswered(error.into()))?;
        match answer.user_id.filter(|_| answer.result_code == 0) {
            Some(user_id) => Ok(user_id),
            None => Err(RegisterError::Refused {
                reason: answer.reason.unwrap_or_default(),
                message: answer.result_string.unwrap_or_default(),
            }),
        }
    }
}

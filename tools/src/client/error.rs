//! What can go wrong between a client and an installation, told apart as far as somebody acts on it.

use std::time::Duration;

use proto::im::base_define::{KickReasonType, ResultType};
use proto::{CommandId, FrameError};
use thiserror::Error;

use super::http::HttpError;

/// login_server did not name a msg_server.
#[derive(Debug, Error)]
pub enum AddressError {
    /// The answer did not come at all.
    #[error("asking login_server for an address")]
    Http(#[from] HttpError),
    /// Something else than login_server listens there, or a proxy in front of it answers.
    #[error("{url} answers with HTTP status {status}; is this login_server's HTTP port?")]
    Status {
        /// What was asked.
        url: String,
        /// The status of the answer.
        status: u16,
    },
    /// The answer is not the JSON object that clients read.
    #[error("the answer is not what a client can read: {0}")]
    Unreadable(String),
    /// Code 1: nobody is registered.
    #[error("no msg_server is registered with login_server")]
    NoMsgServer,
    /// Code 2: every msg_server is at its limit.
    #[error("every msg_server is full")]
    Full,
    /// TLS is wanted, and the msg_server has no port for it.
    #[error(
        "msg_server has no port for TLS; give it [clients] tls and a certificate, or connect without --tls"
    )]
    NoTls,
    /// TLS is not wanted, and the msg_server has no other port.
    #[error("msg_server speaks nothing but TLS; add --tls")]
    OnlyTls,
    /// A code that is none of the protocol.
    #[error("login_server answers with code {code} ({message})")]
    Code {
        /// The code; 0 would be success.
        code: i64,
        /// login_server's own words.
        message: String,
    },
}

/// msg_server could not be reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No address accepted a connection; the error is the last one's.
    #[error("cannot connect to {tried}")]
    Refused {
        /// The addresses that were tried, in order.
        tried: String,
        /// What the last one said.
        #[source]
        source: std::io::Error,
    },
    /// The addresses swallow packets: a firewall, or an address of another network.
    #[error("no answer from {tried} within {}", seconds(.after))]
    Deadline {
        /// The addresses that were tried, in order.
        tried: String,
        /// How long each one had.
        after: Duration,
    },
}

/// A connection stands, but no session came of it.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The server said no; it closes the connection behind it.
    #[error("{}", refusal_words(*.code))]
    Refused {
        /// The wire's number, see [`ResultType`].
        code: i32,
        /// The server's own words, possibly empty and in any language.
        message: String,
        /// Whether it was the resume token that is no good; `None`: none was shown.
        resume_refused: Option<bool>,
    },
    /// The connection ended before the answer.
    #[error("{0} before the login was answered")]
    Closed(CloseReason),
    /// No answer.
    #[error("the login was not answered within {}", seconds(.0))]
    Deadline(Duration),
    /// Accepted, but without the profile that says who one is.
    #[error("the login was accepted without a user's profile")]
    NoProfile,
    /// The answer's body is no login answer.
    #[error("the login's answer cannot be read")]
    Decode(#[from] prost::DecodeError),
}

impl LoginError {
    /// Whether asking again later can help: anything but wrong credentials can. A token that was not looked at may be
    /// good.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused {
                code,
                resume_refused,
                ..
            } => {
                let credentials = *code == ResultType::RefuseReasonDbValidateFailed as i32;
                let too_old = *code == ResultType::RefuseReasonVersionTooOld as i32;
                !too_old && (!credentials || *resume_refused == Some(false))
            }
            _ => true,
        }
    }
}

/// A refusal in words for people.
fn refusal_words(code: i32) -> String {
    match ResultType::try_from(code) {
        Ok(ResultType::RefuseReasonNoDbServer) => {
            "refused: msg_server has no db_proxy; look at [peers] db and whether db_proxy runs"
                .into()
        }
        Ok(ResultType::RefuseReasonNoLoginServer) => {
            "refused: msg_server has no login_server; look at [peers] login".into()
        }
        Ok(ResultType::RefuseReasonNoRouteServer) => {
            "refused: msg_server has no route_server; look at [peers] route and whether it runs"
                .into()
        }
        Ok(ResultType::RefuseReasonDbValidateFailed) => {
            "refused: wrong name or password, or too many failed attempts".into()
        }
        Ok(ResultType::RefuseReasonMsgServerFull) => "refused: this msg_server is full".into(),
        Ok(ResultType::RefuseReasonVersionTooOld) => "refused: this client is too old".into(),
        _ => format!("refused with code {code}"),
    }
}

/// Why a connection is over. Cheap to clone, so that everybody who waits is told the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// This side logged out or dropped the session.
    #[error("logged out")]
    Logout,
    /// Another device of the same class logged in, or the user's phone sent this one away.
    #[error("{}", kick_words(*.reason))]
    Kicked {
        /// The wire's number, see [`KickReasonType`].
        reason: i32,
    },
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Server,
    /// Nothing came for longer than heartbeats allow.
    #[error("the server was silent for {}", seconds(.0))]
    Silent(Duration),
    /// The stream is no sequence of frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The system reports an error of the connection.
    #[error("the connection broke: {0}")]
    Io(String),
}

fn kick_words(reason: i32) -> String {
    match KickReasonType::try_from(reason) {
        Ok(KickReasonType::KickReasonDuplicateUser) => {
            "kicked: the same user logged in on another device of this kind".into()
        }
        Ok(KickReasonType::KickReasonMobileKick) => "kicked by the user's own phone".into(),
        Err(_) => format!("kicked with reason {reason}"),
    }
}

/// A raw connection brought no frame.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The connection is over.
    #[error(transparent)]
    Closed(#[from] CloseReason),
    /// Nothing came in time; the connection stands.
    #[error("nothing came within {}", seconds(.0))]
    Deadline(Duration),
}

/// A request has no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The connection ended; whether the request took effect is not known.
    #[error("{0}")]
    Closed(CloseReason),
    /// The server did not answer in time; whether the request took effect is not known.
    #[error("no answer to {command} within {}", seconds(.after))]
    Deadline {
        /// What was asked.
        command: CommandId,
        /// How long was waited.
        after: Duration,
    },
    /// The server says no, and why: to clients that announced that they understand it.
    #[error("{command} was refused: {reason}")]
    Nak {
        /// What was asked.
        command: CommandId,
        /// A word for the reason.
        reason: String,
        /// Asking again may help after this long; `None`: it changes nothing.
        retry_after: Option<Duration>,
    },
    /// Every sequence number waits for an answer.
    #[error("too many requests wait for their answers")]
    TooMany,
    /// The answer's body is no such message.
    #[error("the answer to {command} cannot be read")]
    Decode {
        /// What was asked.
        command: CommandId,
        /// What is wrong with the body.
        #[source]
        source: prost::DecodeError,
    },
}

/// A message is not known to be stored.
#[derive(Debug, Error)]
pub enum SendError {
    /// The server answered that it does not store it: unknown receiver, oneself, too fast, or a failing store.
    #[error("refused by the server")]
    Refused,
    /// No answer. Sending the same [`Outgoing`](super::Outgoing) again is safe.
    #[error(transparent)]
    Request(#[from] RequestError),
}

pub(super) fn seconds(duration: &Duration) -> String {
    if duration.as_millis().is_multiple_of(1000) {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

//! Why a handler did not do what it was asked.

use std::time::Duration;

use crate::net::CloseReason;
use crate::peer::CallError;

/// How long who was refused for want of something should wait before asking again: a process that died is back by then, or
/// another one has taken over.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Turned by the router into the command's own refusal where it has one, and always counted with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerError {
    /// The request is not acceptable; asking again changes nothing.
    Refused(&'static str),
    /// Something it needs is not there right now; asking again may help.
    Unavailable(&'static str),
    /// It would have been done that much later.
    TooSoon(&'static str, Duration),
    /// The other side broke the rules so that the connection has to end.
    Close(CloseReason),
}

impl HandlerError {
    /// The reason, a short constant word for a metric's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused(reason) | Self::Unavailable(reason) | Self::TooSoon(reason, _) => reason,
            Self::Close(reason) => reason.0,
        }
    }

    /// When to ask again; `None`: asking again changes nothing.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Refused(_) | Self::Close(_) => None,
            Self::Unavailable(_) => Some(RETRY_AFTER),
            Self::TooSoon(_, after) => Some(after),
        }
    }
}

impl From<CallError> for HandlerError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(reason) => Self::Refused(reason),
            CallError::RefusedForNow(reason, after) => Self::TooSoon(reason, after),
            error => Self::Unavailable(error.reason()),
        }
    }
}

impl From<proto::FieldError> for HandlerError {
    fn from(_: proto::FieldError) -> Self {
        Self::Refused("bad_field")
    }
}

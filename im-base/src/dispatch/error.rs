//! Why a handler did not do what it was asked.

use crate::net::CloseReason;
use crate::peer::CallError;

/// Turned by the router into the command's own refusal where it has one, and always counted with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerError {
    /// The request is not acceptable; asking again changes nothing.
    Refused(&'static str),
    /// Something it needs is not there right now; asking again may help.
    Unavailable(&'static str),
    /// The other side broke the rules so that the connection has to end.
    Close(CloseReason),
}

impl HandlerError {
    /// The reason, a short constant word for a metric's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused(reason) | Self::Unavailable(reason) => reason,
            Self::Close(reason) => reason.0,
        }
    }
}

impl From<CallError> for HandlerError {
    fn from(error: CallError) -> Self {
        Self::Unavailable(error.reason())
    }
}

impl From<proto::FieldError> for HandlerError {
    fn from(_: proto::FieldError) -> Self {
        Self::Refused("bad_field")
    }
}

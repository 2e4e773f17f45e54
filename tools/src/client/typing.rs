//! Who is typing.

use proto::im::ext::message::{ImTyping, ImTypingReq};

use super::error::RequestError;
use super::message::Conversation;
use super::session::Session;

/// Somebody begins or ceases to write. Nothing says so if the connection is lost: a beginning is forgotten after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typing {
    /// Who does.
    pub user_id: u32,
    /// Where.
    pub conversation: Conversation,
    /// Begins.
    pub typing: bool,
}

impl Typing {
    /// As one of the others sees it.
    pub(super) fn from_notice(notice: ImTyping) -> Self {
        let to = Conversation::from_wire(notice.to_session_id, notice.session_type);
        Self {
            user_id: notice.user_id,
            conversation: match to {
                Conversation::User(_) => Conversation::User(notice.user_id),
                group => group,
            },
            typing: notice.typing,
        }
    }
}

impl Session {
    /// Tells the others of a conversation that the user begins or ceases to write. Nothing confirms it; what is said again
    /// within two seconds nobody is told.
    pub async fn say_typing(
        &self,
        conversation: impl Into<Conversation>,
        typing: bool,
    ) -> Result<(), RequestError> {
        let conversation = conversation.into();
        self.tell(&ImTypingReq {
            user_id: self.user_id(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            typing,
        })
        .await
    }
}

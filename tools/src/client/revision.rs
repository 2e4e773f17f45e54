//! Messages that are recalled and edited.

use proto::im::base_define::MsgInfo;
use proto::im::ext::message::{ImEditReq, ImMessageRevised, ImRecallReq, ImReviseRsp};
use proto::text;

use super::error::RequestError;
use super::message::{Conversation, Message};
use super::session::Session;

/// A message stayed as it was.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The request or its answer got lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server said no, with one of its words for why.
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// What became of a message since it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// It has another text.
    Edited,
    /// It has none any more; what it carries stands in its place.
    Recalled,
}

impl Revision {
    /// As the server says; `None` for a message that is as it was sent.
    pub fn of(message: &MsgInfo) -> Option<Self> {
        match message.revision() {
            1 => Some(Self::Edited),
            2 => Some(Self::Recalled),
            _ => None,
        }
    }
}

/// A message that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revised {
    /// Who did it.
    pub by: u32,
    /// As it is from now on.
    pub message: Message,
    /// What became of it.
    pub revision: Revision,
}

impl Revised {
    /// As the user `me` sees it; `None` if it says nothing that this program understands.
    pub(super) fn from_notice(me: u32, notice: ImMessageRevised) -> Option<Self> {
        let author = notice.message.from_session_id;
        let to = Conversation::from_wire(notice.to_session_id, notice.session_type);
        let conversation = match to {
            Conversation::User(to) if to == me => Conversation::User(author),
            to => to,
        };
        Some(Self {
            by: notice.user_id,
            revision: Revision::of(&notice.message)?,
            message: Message::from_history(conversation, notice.message),
        })
    }
}

impl Session {
    /// Takes a message back. Gives it as it is from then on; it may have been taken back before.
    pub async fn recall(
        &self,
        conversation: impl Into<Conversation>,
        id: u32,
    ) -> Result<Message, RevisionError> {
        let conversation = conversation.into();
        let request = ImRecallReq {
            user_id: self.user_id(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            msg_id: id,
            attach_data: None,
        };
        revised(conversation, self.request(request).await?)
    }

    /// Gives a message of one's own another text.
    pub async fn edit(
        &self,
        conversation: impl Into<Conversation>,
        id: u32,
        text: &str,
    ) -> Result<Message, RevisionError> {
        let conversation = conversation.into();
        let request = ImEditReq {
            user_id: self.user_id(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            msg_id: id,
            msg_data: text::encrypt(text, text::DEFAULT_KEY).into(),
            attach_data: None,
        };
        revised(conversation, self.request(request).await?)
    }
}

fn revised(conversation: Conversation, reply: ImReviseRsp) -> Result<Message, RevisionError> {
    match (reply.result_code, reply.message) {
        (0, Some(message)) => Ok(Message::from_history(conversation, message)),
        _ => Err(RevisionError::Refused(reply.reason.unwrap_or_default())),
    }
}

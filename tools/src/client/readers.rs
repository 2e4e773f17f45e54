//! How far others have read.

use proto::im::ext::message::{ImReadBy, ImReadersReq};

use super::error::RequestError;
use super::message::Conversation;
use super::session::Session;

/// How far others have read was not told.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The request or its answer got lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server said no, with one of its words for why.
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// Somebody has read a conversation up to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBy {
    /// Who has.
    pub user_id: u32,
    /// Which one.
    pub conversation: Conversation,
    /// The message.
    pub id: u32,
}

impl ReadBy {
    /// As one of the others sees it.
    pub(super) fn from_notice(notice: ImReadBy) -> Self {
        let to = Conversation::from_wire(notice.to_session_id, notice.session_type);
        Self {
            user_id: notice.user_id,
            conversation: match to {
                Conversation::User(_) => Conversation::User(notice.user_id),
                group => group,
            },
            id: notice.msg_id,
        }
    }
}

impl Session {
    /// How far the others of a conversation have read who show it, by their numbers. For clients that announced that they
    /// show it themselves.
    pub async fn readers(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<Vec<ReadBy>, ReadersError> {
        let conversation = conversation.into();
        let request = ImReadersReq {
            user_id: self.user_id(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            attach_data: None,
        };
        let reply = self.request(request).await?;
        if reply.result_code != 0 {
            return Err(ReadersError::Refused(reply.reason.unwrap_or_default()));
        }
        let readers = reply.reader.into_iter().map(|reader| ReadBy {
            user_id: reader.user_id,
            conversation,
            id: reader.msg_id,
        });
        Ok(readers.collect())
    }
}

//! Sending messages so that sending them again is safe.

use bytes::Bytes;
use prost::Message as _;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::header::HEADER_LEN;
use proto::ids::MessageId;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::text;

use super::error::SendError;
use super::message::{Conversation, References};
use super::session::{Session, Waiting};

/// A message to be sent, with the key that makes a resend the same message. Clones are the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub to: Conversation,
    /// The wire's number of its type.
    pub kind: i32,
    /// As it goes over the wire.
    pub data: Bytes,
    /// The sender's key, 1 to 64 bytes. `None` is what clients of the base protocol send.
    pub key: Option<Bytes>,
    /// 0, or a number of the client's own as some web clients send.
    pub msg_id: u32,
    /// Whom it mentions, and which message it answers.
    pub references: References,
}

impl Outgoing {
    /// A text message with a fresh key.
    pub fn text(to: impl Into<Conversation>, text: &str) -> Self {
        let to = to.into();
        let data = Bytes::from(text::encrypt(text, text::DEFAULT_KEY));
        Self::raw(to, to.text_type(), data)
    }

    /// A message of any type and content with a fresh key.
    pub fn raw(to: impl Into<Conversation>, kind: i32, data: impl Into<Bytes>) -> Self {
        Self {
            to: to.into(),
            kind,
            data: data.into(),
            key: Some(fresh_key()),
            msg_id: 0,
            references: References::default(),
        }
    }

    /// The same message, mentioning these members of the group.
    #[must_use]
    pub fn mentioning(mut self, users: impl IntoIterator<Item = u32>) -> Self {
        self.references.mentions.extend(users);
        self
    }

    /// The same message, mentioning everybody in the group.
    #[must_use]
    pub fn mentioning_everybody(mut self) -> Self {
        self.references.everybody = true;
        self
    }

    /// The same message, answering an earlier one of the conversation.
    #[must_use]
    pub fn answering(mut self, id: u32) -> Self {
        self.references.answers = Some(id);
        self
    }

    /// The same message as a client of the base protocol would send it.
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// As it goes over the wire.
    fn on_the_wire(&self, from_user_id: u32) -> ImMsgData {
        ImMsgData {
            from_user_id,
            to_session_id: self.to.id(),
            msg_id: self.msg_id,
            msg_type: self.kind,
            msg_data: self.data.clone(),
            client_msg_id: self.key.clone(),
            mention_user_id: self.references.mentions.clone(),
            mention_all: self.references.everybody.then_some(true),
            reply_to_msg_id: self.references.answers,
            ..Default::default()
        }
    }

    /// Whether it fits into a frame. A server ends the connection over one that is larger.
    pub(super) fn fits(&self) -> bool {
        let length = HEADER_LEN + self.on_the_wire(u32::MAX).encoded_len();
        length <= MAX_CLIENT_FRAME as usize
    }

    /// The same message, with a fresh key if it has none.
    pub(super) fn keyed(mut self) -> Self {
        self.key.get_or_insert_with(fresh_key);
        self
    }
}

/// Sixteen random bytes. They need to be unequal, not secret: keys of different senders never meet.
fn fresh_key() -> Bytes {
    Bytes::copy_from_slice(&fastrand::u128(..).to_be_bytes())
}

impl Session {
    /// Sends a text to a user (by number) or a group, and waits until it is stored.
    ///
    /// After an error other than [`SendError::Refused`] it may be stored: to resend, use [`Session::send`].
    pub async fn send_text(
        &self,
        to: impl Into<Conversation>,
        text: &str,
    ) -> Result<MessageId, SendError> {
        self.send(&Outgoing::text(to, text)).await
    }

    /// Sends a message of any type and content, as it is.
    pub async fn send_raw(
        &self,
        to: impl Into<Conversation>,
        kind: i32,
        data: impl Into<Bytes>,
    ) -> Result<MessageId, SendError> {
        self.send(&Outgoing::raw(to, kind, data)).await
    }

    /// Sends a message and waits until it is stored. The same message again gives the same id.
    pub async fn send(&self, message: &Outgoing) -> Result<MessageId, SendError> {
        self.start_send(message).await?.stored().await
    }

    /// Queues a message; messages leave in the order of these calls.
    pub async fn start_send(&self, message: &Outgoing) -> Result<Sending, SendError> {
        let data = message.on_the_wire(self.user_id());
        Ok(Sending {
            waiting: self.start(data).await?,
        })
    }
}

/// A message on its way.
#[derive(Debug)]
#[must_use = "whether a message is stored is known from its acknowledgement only"]
pub struct Sending {
    waiting: Waiting<ImMsgDataAck>,
}

impl Sending {
    /// The id under which the message is stored.
    pub async fn stored(self) -> Result<MessageId, SendError> {
        let ack = self.waiting.reply().await?;
        MessageId::new(ack.msg_id).ok_or(SendError::Refused)
    }
}

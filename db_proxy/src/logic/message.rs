use std::sync::Arc;

use bytes::Bytes;
use proto::ids::{MessageId, UserId};

use super::group_commit::{WriteError, Writer};
use crate::store::{
    AppendRefusal, Appended, ClientKey, Conversation, Counterpart, MessageKind, MessagePolicy,
    NewMessage, PageLimit, ReadMark, RecentConversation, References, Store, StoreError,
    StoredMessage, UnixMillis, UnreadList,
};

/// What a voice message begins with, its seconds: without sound behind it there is no message.
const VOICE_HEAD: usize = 4;

/// Bounds of what may be sent and of what one answer carries.
#[derive(Clone, Copy, Debug)]
pub struct MessageLimits {
    /// Largest body of a message.
    pub body_bytes: usize,
    /// Most messages of one answer.
    pub page_rows: usize,
    /// Bytes of bodies after which an answer ends; the first always fits.
    pub page_bytes: usize,
    /// Most messages of one answer to a request by id.
    pub by_ids_rows: usize,
    /// Most ids one request may name; those beyond are as if they were not there.
    pub by_ids_wanted: usize,
    /// Most conversations of a recent list.
    pub recent_rows: usize,
    /// Bytes of bodies after which a list of conversations ends.
    pub list_bytes: usize,
    /// Who may write to whom.
    pub policy: MessagePolicy,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            page_rows: 500,
            page_bytes: 256 * 1024,
            by_ids_rows: 100,
            by_ids_wanted: 1_000,
            recent_rows: 100,
            list_bytes: 1024 * 1024,
            policy: MessagePolicy::Everyone,
        }
    }
}

/// Why a message was not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    #[error("nobody can write to himself")]
    ToSelf,
    #[error("the message is empty")]
    Empty,
    #[error("users get messages of other kinds than groups")]
    WrongKind,
    #[error("the message is longer than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("more than {} users are mentioned", References::MAX_MENTIONED)]
    TooManyMentions,
    #[error(transparent)]
    Refused(#[from] AppendRefusal),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SendError {
    /// Whether the same message may be accepted later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Write(error) => error.is_retryable(),
            Self::ToSelf
            | Self::Empty
            | Self::WrongKind
            | Self::TooLarge { .. }
            | Self::TooManyMentions
            | Self::Refused(_) => false,
        }
    }
}

/// A message on its way in. `sender` comes from a session, never from a request's body.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub sender: UserId,
    pub to: Counterpart,
    pub kind: MessageKind,
    pub body: Bytes,
    pub created_at: UnixMillis,
    pub client_key: Option<ClientKey>,
    pub references: Option<Box<References>>,
}

/// Messages of conversations, and how far each user has read. `user` is always the one who asks; of a conversation that
/// he takes no part in he learns nothing.
#[derive(Clone)]
pub struct Messages {
    store: Arc<dyn Store>,
    writer: Writer,
    limits: MessageLimits,
}

impl Messages {
    pub fn new(store: Arc<dyn Store>, writer: Writer, limits: MessageLimits) -> Self {
        Self {
            store,
            writer,
            limits,
        }
    }

    /// Stores a message; on `Ok` it is committed. It takes its place among the others at the first poll, so two
    /// messages get their ids in the order in which their futures were first polled.
    ///
    /// That both users exist is checked where the conversation begins, and that the sender is in the group with each
    /// message, both inside the transaction: no look-up can let a later message overtake.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Appended, SendError> {
        let conversation =
            Conversation::of(outgoing.sender, outgoing.to).ok_or(SendError::ToSelf)?;
        if outgoing.kind.is_for_group() != matches!(outgoing.to, Counterpart::Group(_)) {
            return Err(SendError::WrongKind);
        }
        let limit = self.limits.body_bytes;
        match outgoing.body.len() {
            0 => return Err(SendError::Empty),
            length if outgoing.kind.is_voice() && length <= VOICE_HEAD => {
                return Err(SendError::Empty);
            }
            length if length > limit => return Err(SendError::TooLarge { limit }),
            _ => {}
        }
        let mentioned = outgoing.references.as_ref();
        if mentioned.is_some_and(|of| of.mentioned.len() > References::MAX_MENTIONED) {
            return Err(SendError::TooManyMentions);
        }
        let message = NewMessage {
            conversation,
            sender: outgoing.sender,
            kind: outgoing.kind,
            body: outgoing.body,
            created_at: outgoing.created_at,
            client_key: outgoing.client_key,
            policy: self.limits.policy,
            references: outgoing.references,
        };
        Ok(self.writer.append(message).await??)
    }

    /// Up to `count` messages back from `begin` (inclusive; `None`: from the latest), newest first. Fewer come when
    /// the beginning or a limit of one answer is reached; ask again from the last id minus one.
    pub async fn history(
        &self,
        user: UserId,
        with: Counterpart,
        begin: Option<MessageId>,
        count: usize,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let Some(conversation) = Conversation::of(user, with) else {
            return Ok(Vec::new());
        };
        let limit = PageLimit {
            rows: count.min(self.limits.page_rows),
            bytes: self.limits.page_bytes,
        };
        self.store.history(user, conversation, begin, limit).await
    }

    /// Those of the named messages that exist, newest first, as many as one answer carries.
    pub async fn by_ids(
        &self,
        user: UserId,
        with: Counterpart,
        ids: &[MessageId],
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let Some(conversation) = Conversation::of(user, with) else {
            return Ok(Vec::new());
        };
        let ids = &ids[..ids.len().min(self.limits.by_ids_wanted)];
        let limit = PageLimit {
            rows: self.limits.by_ids_rows,
            bytes: self.limits.page_bytes,
        };
        self.store.messages(user, conversation, ids, limit).await
    }

    /// The id of the newest message; `None` before the first.
    pub async fn latest_id(
        &self,
        user: UserId,
        with: Counterpart,
    ) -> Result<Option<MessageId>, StoreError> {
        match Conversation::of(user, with) {
            Some(conversation) => self.store.latest_id(user, conversation).await,
            None => Ok(None),
        }
    }

    /// The conversations in which others wrote something the user has not read.
    pub async fn unread(&self, user: UserId) -> Result<UnreadList, StoreError> {
        let limit = PageLimit {
            rows: self.limits.page_rows,
            bytes: self.limits.list_bytes,
        };
        self.store.unread(user, limit).await
    }

    /// The user's visible conversations with a message stored in that second or later, newest first; 0: all of them.
    pub async fn recent(
        &self,
        user: UserId,
        since_seconds: u32,
    ) -> Result<Vec<RecentConversation>, StoreError> {
        let limit = PageLimit {
            rows: self.limits.recent_rows,
            bytes: self.limits.list_bytes,
        };
        self.store.recent(user, since_seconds, limit).await
    }

    /// The user has read up to and including that message; `None`: all there is at this moment. Where that is, if it is to be
    /// shown to others and has moved for them.
    pub async fn mark_read(
        &self,
        user: UserId,
        with: Counterpart,
        up_to: Option<MessageId>,
        shown: bool,
    ) -> Result<Option<MessageId>, WriteError> {
        let Some(conversation) = Conversation::of(user, with) else {
            return Ok(None);
        };
        let up_to = match up_to {
            Some(up_to) => Some(up_to),
            None => self.store.latest_id(user, conversation).await?,
        };
        let Some(up_to) = up_to else {
            return Ok(None);
        };
        let mark = ReadMark {
            user,
            conversation,
            up_to,
            shown,
        };
        self.writer.mark_read(mark).await
    }

    /// Takes the conversation off the user's list until its next message and marks it read. `false` if it was not
    /// on the list.
    pub async fn hide(&self, user: UserId, with: Counterpart) -> Result<bool, WriteError> {
        match Conversation::of(user, with) {
            Some(conversation) => self.writer.hide(user, conversation).await,
            None => Ok(false),
        }
    }
}

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use blake2::digest::consts::U12;
use blake2::{Blake2b, Digest};
use bytes::Bytes;
use proto::ids::{MessageId, UserId};

use super::{Conversation, References, Revision, StoreError, UnixMillis};

/// Messages of conversations, numbered 1, 2, 3 … in each without a gap.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Stores a batch in one transaction and answers in its order. On return everything is committed; on an error
    /// nothing is. Within a conversation ids follow the order of the batch.
    ///
    /// A conversation of two begins with its first message, provided that both exist and that the message's policy lets its
    /// sender write. In a group only members may
    /// write, and a member who does has read everything up to his own message. A message that is stored is answered with
    /// its place when it comes again, even if its sender has left the group since; not so if it is altered.
    async fn append(&self, batch: &[NewMessage]) -> Result<Vec<AppendOutcome>, StoreError>;

    /// A page of messages going back from `begin` (inclusive; `None`: from the latest), newest first. As all readers
    /// here, `user` finds what he takes part in and may see, and nothing else: of a group, what was written since he
    /// joined.
    async fn history(
        &self,
        user: UserId,
        conversation: Conversation,
        begin: Option<MessageId>,
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// Those of the named messages that exist, newest first, each once.
    async fn messages(
        &self,
        user: UserId,
        conversation: Conversation,
        ids: &[MessageId],
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// The id of the newest message; `None` before the first.
    async fn latest_id(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Option<MessageId>, StoreError>;
}

/// A message to be stored. Of a conversation of two, `sender` is one.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub conversation: Conversation,
    pub sender: UserId,
    pub kind: MessageKind,
    pub body: Bytes,
    pub created_at: UnixMillis,
    pub client_key: Option<ClientKey>,
    /// Of a conversation of two: who may write to whom.
    pub policy: MessagePolicy,
    pub references: Option<Box<References>>,
}

impl NewMessage {
    /// The column `kind` of its row.
    pub(super) fn kind_column(&self) -> i64 {
        Revision::Original.with(self.kind, self.references.is_some())
    }
}

/// Who may write to whom. In groups, and where somebody writes what was stored before, it does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessagePolicy {
    #[default]
    /// What somebody writes who is blocked is stored, and withheld from the one who blocks him.
    Everyone,
    Friends,
    /// Friends, and whoever is in the same department, as long as he is not blocked.
    SameDepartmentOrFriends,
}

/// What became of one message of a batch.
pub type AppendOutcome = Result<Appended, AppendRefusal>;

/// The place a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub message_id: MessageId,
    pub created_at: UnixMillis,
    /// It had been stored before: id and time are those of the first.
    pub duplicate: bool,
    /// A duplicate whose kind, body or references are not those of the first.
    pub altered: bool,
    /// The other one of a conversation of two does not get it: he blocks the sender.
    pub withheld: bool,
    /// For a group's message, the version of the group at that moment: it tells who the members are.
    pub group_version: Option<u32>,
}

/// Why one message was not stored, while the rest of its batch was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefusal {
    #[error("a user of the conversation does not exist")]
    NoSuchUser,
    #[error("the group does not exist")]
    NoSuchGroup,
    #[error("the sender is not a member of the group")]
    NotAMember,
    #[error("the sender may not write in the group for now")]
    Muted { until: UnixMillis },
    #[error("the two are not friends")]
    NotFriends,
    #[error("the conversation has used up its message ids")]
    ConversationFull,
    #[error("only in a group somebody can be mentioned")]
    MentionsInNoGroup,
    #[error("somebody who is mentioned is not in the group")]
    MentionsNoMember,
    #[error("the sender may not mention everybody")]
    NotPermitted,
    /// Or none that the sender sees.
    #[error("there is no such message to answer")]
    NoSuchMessage,
}

/// The wire's message type; the store does not interpret it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKind(pub u8);

impl MessageKind {
    /// Types with this bit are for groups, those without it for one user.
    const GROUP: u8 = 0x10;
    const VOICE: u8 = 0x02;

    pub fn is_for_group(self) -> bool {
        self.0 & Self::GROUP != 0
    }

    /// Seconds and sound, rather than text.
    pub fn is_voice(self) -> bool {
        self.0 & !Self::GROUP == Self::VOICE
    }
}

/// A message with its place in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    pub id: MessageId,
    pub sender: UserId,
    pub kind: MessageKind,
    /// Empty if it was recalled.
    pub body: Bytes,
    pub created_at: UnixMillis,
    pub revision: Revision,
    /// Somebody who takes part and is not to see it.
    pub withheld_from: Option<UserId>,
    /// None if it was recalled.
    pub references: Option<Box<References>>,
}

impl StoredMessage {
    /// The column `kind` of its row.
    pub(super) fn kind_column(&self) -> i64 {
        self.revision.with(self.kind, self.references.is_some())
    }
}

/// Where a page ends: after `rows` entries, or before the bodies exceed `bytes`. The first entry always fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    pub rows: usize,
    pub bytes: usize,
}

/// Tells a resend from a new message, per conversation and sender.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientKey {
    bytes: Box<[u8]>,
    expires_after: Option<Duration>,
}

impl ClientKey {
    /// Longest key a client may choose, in bytes.
    pub const MAX_LEN: usize = 64;

    /// How long a key derived by `local` counts: clients that number their messages start again at 1 some day.
    pub const LOCAL_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// A key the client chose to be unique; it counts for ever. `None` when empty or longer than `MAX_LEN`.
    pub fn explicit(bytes: &[u8]) -> Option<Self> {
        (1..=Self::MAX_LEN)
            .contains(&bytes.len())
            .then(|| Self::tagged(b'e', bytes, None))
    }

    /// For a client that only has a local number: that and the content. The number alone would make a different
    /// message with a re-used number vanish. It comes first, so that the keys of one sender rise with his numbers: they
    /// lie side by side in an index, and a batch touches few of its pages.
    pub fn local(number: u32, kind: MessageKind, body: &[u8]) -> Self {
        let digest = Blake2b::<U12>::new()
            .chain_update([kind.0])
            .chain_update(body)
            .finalize();
        let mut key = [0; 16];
        key[..4].copy_from_slice(&number.to_be_bytes());
        key[4..].copy_from_slice(&digest);
        Self::tagged(b'n', &key, Some(Self::LOCAL_LIFETIME))
    }

    /// The tag keeps the two sorts apart, whatever a client chooses.
    fn tagged(tag: u8, key: &[u8], expires_after: Option<Duration>) -> Self {
        let mut bytes = Vec::with_capacity(1 + key.len());
        bytes.push(tag);
        bytes.extend_from_slice(key);
        Self {
            bytes: bytes.into(),
            expires_after,
        }
    }

    /// As stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a row with this key, stored at `then`, still stands for a message sent at `now`.
    pub(crate) fn counts(&self, then: UnixMillis, now: UnixMillis) -> bool {
        self.expires_after.is_none_or(|life| now.since(then) < life)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_keys_tell_number_kind_and_content_apart() {
        let text = MessageKind(1);
        let key = ClientKey::local(1, text, b"hello");
        assert_eq!(key, ClientKey::local(1, text, b"hello"));
        assert_ne!(key, ClientKey::local(2, text, b"hello"));
        assert_ne!(key, ClientKey::local(1, MessageKind(2), b"hello"));
        assert_ne!(key, ClientKey::local(1, text, b"hello!"));
    }

    #[test]
    fn a_local_key_counts_for_an_hour_and_an_explicit_one_for_ever() {
        let local = ClientKey::local(1, MessageKind(1), b"x");
        assert!(local.counts(UnixMillis(0), UnixMillis(3_599_999)));
        assert!(!local.counts(UnixMillis(0), UnixMillis(3_600_000)));
        let explicit = ClientKey::explicit(b"x").unwrap();
        assert!(explicit.counts(UnixMillis(0), UnixMillis(i64::MAX)));
    }

    #[test]
    fn kinds_tell_groups_and_voice() {
        let told = |kind| {
            (
                MessageKind(kind).is_for_group(),
                MessageKind(kind).is_voice(),
            )
        };
        assert_eq!(told(0x01), (false, false));
        assert_eq!(told(0x02), (false, true));
        assert_eq!(told(0x11), (true, false));
        assert_eq!(told(0x12), (true, true));
    }

    #[test]
    fn explicit_keys_have_a_length() {
        assert!(ClientKey::explicit(b"").is_none());
        assert!(ClientKey::explicit(&[0; 64]).is_some());
        assert!(ClientKey::explicit(&[0; 65]).is_none());
    }
}

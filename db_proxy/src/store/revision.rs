use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use proto::ids::{MessageId, UserId};

use super::{Conversation, MessageKind, StoreError, StoredMessage, UnixMillis};

/// Messages that change after they were sent. A message keeps its id, its sender and its time.
#[async_trait]
pub trait RevisionStore: Send + Sync {
    /// Changes a message in one transaction and answers with what it is then. One that is so already stays as it is.
    async fn revise(&self, wanted: &NewRevision) -> Result<RevisionOutcome, StoreError>;

    /// Messages that the user may see and that changed then or later, the latest changes first. What changed more than
    /// three months ago may be forgotten.
    async fn revised_messages(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<(Conversation, MessageId)>, StoreError>;
}

/// What became of a message since it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Revision {
    #[default]
    Original = 0,
    Edited = 1,
    /// It has no body any more.
    Recalled = 2,
}

impl Revision {
    /// Bits of the column `kind` that are the wire's type; the revision is above them.
    const KIND_BITS: u32 = 8;

    /// Added to it if the message refers to something.
    const REFERS: u32 = 1024;

    /// As the column `kind` has both; `None` for what no release has written.
    pub(super) fn split(column: u32) -> Option<(MessageKind, Self)> {
        let kind = MessageKind(column as u8);
        let revision = match (column & !Self::REFERS) >> Self::KIND_BITS {
            0 => Self::Original,
            1 => Self::Edited,
            2 => Self::Recalled,
            _ => return None,
        };
        Some((kind, revision))
    }

    /// The column `kind` of a message of that type.
    pub(super) fn with(self, kind: MessageKind, refers: bool) -> i64 {
        let refers = i64::from(refers) * i64::from(Self::REFERS);
        i64::from(kind.0) | (self as i64) << Self::KIND_BITS | refers
    }
}

/// What a message is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revised {
    Recalled,
    /// Has this body.
    Edited(Bytes),
}

/// A change that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewRevision {
    pub conversation: Conversation,
    pub id: MessageId,
    /// Who asks. Only he who sees the message learns that there is one.
    pub by: UserId,
    pub to: Revised,
    /// How long after it was stored the sender may still change it.
    pub within: Duration,
}

/// What became of that.
pub type RevisionOutcome = Result<StoredMessage, RevisionRefusal>;

/// Why a message was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionRefusal {
    /// Or none that the asker sees.
    #[error("there is no such message")]
    NoSuchMessage,
    #[error("the message is somebody else's")]
    NotTheSender,
    #[error("the message is too old")]
    TooLate,
    #[error("the message was recalled")]
    Recalled,
    #[error("only text can be edited")]
    NoText,
}

/// A message in the transaction that is to change it.
pub(super) struct Held {
    pub(super) message: StoredMessage,
    pub(super) stored_at: UnixMillis,
    /// The asker may take others' messages away.
    pub(super) by_admin: bool,
}

impl Held {
    /// The message as it is to be, or as it is already if nothing changes.
    pub(super) fn revised(self, wanted: &NewRevision, now: UnixMillis) -> Decision {
        let message = &self.message;
        if !self.by_admin && message.sender != wanted.by {
            return Decision::Refused(RevisionRefusal::NotTheSender);
        }
        let in_time = now.since(self.stored_at) <= wanted.within;
        match (&wanted.to, message.revision) {
            (Revised::Recalled, Revision::Recalled) => Decision::AsItIs(self.message),
            (Revised::Edited(_), Revision::Recalled) => {
                Decision::Refused(RevisionRefusal::Recalled)
            }
            (Revised::Edited(_), _) if message.sender != wanted.by => {
                Decision::Refused(RevisionRefusal::NotTheSender)
            }
            (Revised::Edited(body), Revision::Edited) if *body == message.body => {
                Decision::AsItIs(self.message)
            }
            (Revised::Edited(_), _) if message.kind.is_voice() => {
                Decision::Refused(RevisionRefusal::NoText)
            }
            (Revised::Edited(body), _) if in_time => Decision::Change(StoredMessage {
                body: body.clone(),
                revision: Revision::Edited,
                ..self.message
            }),
            (Revised::Recalled, _) if in_time || self.by_admin => Decision::Change(StoredMessage {
                body: Bytes::new(),
                revision: Revision::Recalled,
                references: None,
                ..self.message
            }),
            _ => Decision::Refused(RevisionRefusal::TooLate),
        }
    }
}

pub(super) enum Decision {
    Change(StoredMessage),
    AsItIs(StoredMessage),
    Refused(RevisionRefusal),
}

/// Whether somebody with that role may take others' messages away in a group: its creator, and those with any role above
/// a member's.
pub(super) fn is_admin(creator: Option<UserId>, by: UserId, role: i64) -> bool {
    creator == Some(by) || role > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_revision_share_a_column() {
        for revision in [Revision::Original, Revision::Edited, Revision::Recalled] {
            for kind in [0, 1, 0x12, 0xff].map(MessageKind) {
                for refers in [false, true] {
                    let column = u32::try_from(revision.with(kind, refers)).unwrap();
                    assert_eq!(Revision::split(column), Some((kind, revision)));
                }
            }
        }
        assert_eq!(Revision::split(0x301), None);
        assert_eq!(Revision::Original.with(MessageKind(0x11), false), 0x11);
        assert_eq!(Revision::Edited.with(MessageKind(0x11), true), 0x511);
    }
}

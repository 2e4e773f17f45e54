use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proto::ids::{MessageId, UserId};

use crate::store::{
    Conversation, Counterpart, NewRevision, Revised, RevisionRefusal, Store, StoreError,
    StoredMessage,
};

/// How long messages may be changed, and to what.
#[derive(Clone, Copy, Debug)]
pub struct RevisionLimits {
    /// After a message was stored, by its sender.
    pub recall: Duration,
    pub edit: Duration,
    /// Largest body of a message.
    pub body_bytes: usize,
}

/// Takes messages back, and changes their text.
pub struct Revisions {
    store: Arc<dyn Store>,
    limits: RevisionLimits,
}

/// Why a message was not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RevisionError {
    #[error("a message has a text")]
    Empty,
    #[error("the text is longer than {limit} bytes")]
    TooLarge { limit: usize },
    #[error(transparent)]
    Refused(#[from] RevisionRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Revisions {
    pub fn new(store: Arc<dyn Store>, limits: RevisionLimits) -> Self {
        Self { store, limits }
    }

    /// Makes a message one that was recalled, and answers with it. Twice is as once.
    pub async fn recall(
        &self,
        by: UserId,
        with: Counterpart,
        id: MessageId,
    ) -> Result<StoredMessage, RevisionError> {
        let within = self.limits.recall;
        self.revise(by, with, id, Revised::Recalled, within).await
    }

    /// Gives a text message another text, and answers with it. Twice is as once.
    pub async fn edit(
        &self,
        by: UserId,
        with: Counterpart,
        id: MessageId,
        body: Bytes,
    ) -> Result<StoredMessage, RevisionError> {
        let limit = self.limits.body_bytes;
        match body.len() {
            0 => return Err(RevisionError::Empty),
            length if length > limit => return Err(RevisionError::TooLarge { limit }),
            _ => {}
        }
        let within = self.limits.edit;
        self.revise(by, with, id, Revised::Edited(body), within)
            .await
    }

    async fn revise(
        &self,
        by: UserId,
        with: Counterpart,
        id: MessageId,
        to: Revised,
        within: Duration,
    ) -> Result<StoredMessage, RevisionError> {
        let conversation = Conversation::of(by, with).ok_or(RevisionRefusal::NoSuchMessage)?;
        let wanted = NewRevision {
            conversation,
            id,
            by,
            to,
            within,
        };
        Ok(self.store.revise(&wanted).await??)
    }
}

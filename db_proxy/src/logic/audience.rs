use std::sync::Arc;

use proto::ids::{MessageId, UserId};

use crate::store::{Audience, Conversation, Counterpart, MessagePolicy, Store, StoreError};

/// In a larger group nobody is told who is typing, nor how far others have read.
pub const MAX_MEMBERS: usize = 100;

/// Whom what users do without writing reaches.
pub struct Audiences {
    store: Arc<dyn Store>,
    policy: MessagePolicy,
    /// Whether users see how far others have read.
    read_positions: bool,
}

/// Why it reaches nobody.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AudienceError {
    #[error("users do not see how far others have read")]
    SwitchedOff,
    #[error("nobody hears of it: {0:?}")]
    Refused(Audience),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Audiences {
    pub fn new(store: Arc<dyn Store>, policy: MessagePolicy, read_positions: bool) -> Self {
        Self {
            store,
            policy,
            read_positions,
        }
    }

    /// Whether what a user does as if he wrote reaches the others of a conversation. `false`: it does not, and he is not to
    /// notice.
    pub async fn reaches(&self, user: UserId, with: Counterpart) -> Result<bool, AudienceError> {
        let audience = self.store.audience(user, with, self.policy, MAX_MEMBERS);
        match audience.await? {
            Audience::Others => Ok(true),
            Audience::Nobody => Ok(false),
            refused => Err(AudienceError::Refused(refused)),
        }
    }

    /// Whether what a user reads may be shown to others at all.
    pub fn shows_read(&self) -> bool {
        self.read_positions
    }

    /// Whether others are told how far a user has read in a conversation.
    pub async fn is_told(&self, user: UserId, with: Counterpart) -> Result<bool, StoreError> {
        match with {
            Counterpart::User(_) => Ok(true),
            Counterpart::Group(_) => {
                let audience = self.store.audience(user, with, self.policy, MAX_MEMBERS);
                Ok(is_heard(audience.await?))
            }
        }
    }

    /// Up to where the others of a conversation have read, as far as they show it.
    pub async fn readers(
        &self,
        user: UserId,
        with: Counterpart,
    ) -> Result<Vec<(UserId, MessageId)>, AudienceError> {
        if !self.read_positions {
            return Err(AudienceError::SwitchedOff);
        }
        if let Counterpart::Group(_) = with {
            let audience = self.store.audience(user, with, self.policy, MAX_MEMBERS);
            match audience.await? {
                audience if is_heard(audience) => {}
                refused => return Err(AudienceError::Refused(refused)),
            }
        }
        match Conversation::of(user, with) {
            Some(conversation) => Ok(self.store.readers(user, conversation).await?),
            None => Ok(Vec::new()),
        }
    }
}

/// Whether others of a group hear of a member what is no writing: also of one who may not write for now.
fn is_heard(audience: Audience) -> bool {
    matches!(audience, Audience::Others | Audience::Muted { .. })
}

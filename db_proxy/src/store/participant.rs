use async_trait::async_trait;
use proto::ids::{MessageId, UserId};

use super::{Conversation, Counterpart, PageLimit, StoreError, StoredMessage, UnixMillis};

/// How far each user has read, and which conversations he wants to see.
#[async_trait]
pub trait ParticipantStore: Send + Sync {
    /// Moves read positions, all in one transaction. A position never moves back and never past the latest message;
    /// a mark in a conversation that does not exist is nothing. Answers with those positions that others see and that moved.
    async fn mark_read(&self, marks: &[ReadMark]) -> Result<Vec<ShownRead>, StoreError>;

    /// Takes the conversation off the user's list until its next message, and marks all of it read. `false` if it was
    /// not on the list.
    async fn hide(&self, user: UserId, conversation: Conversation) -> Result<bool, StoreError>;

    /// The user's visible conversations whose latest message was stored in the given second or later, newest first.
    /// Whoever asks with the greatest second he was told misses nothing, and meets that second again; where several
    /// processes write, a few seconds before it too.
    async fn recent(
        &self,
        user: UserId,
        since_seconds: u32,
        limit: PageLimit,
    ) -> Result<Vec<RecentConversation>, StoreError>;

    /// The user's conversations with something unread, newest first. The total counts those too that the limit cut off.
    async fn unread(&self, user: UserId, limit: PageLimit) -> Result<UnreadList, StoreError>;

    /// For each of the users those whom he has a conversation of two with, the latest first, hidden ones too.
    async fn peers(&self, users: &[UserId], limit: usize) -> Result<Vec<Vec<UserId>>, StoreError>;
}

/// "I have read everything up to here."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMark {
    pub user: UserId,
    pub conversation: Conversation,
    pub up_to: MessageId,
    /// Others may see it.
    pub shown: bool,
}

/// Others of the conversation see from now on that the user has read up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownRead {
    pub user: UserId,
    pub conversation: Conversation,
    pub up_to: MessageId,
}

/// An entry of a user's conversation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentConversation {
    pub with: Counterpart,
    /// When the latest message was stored.
    pub last_active_at: UnixMillis,
    pub latest: StoredMessage,
}

/// What a user has not read, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadList {
    pub total: u64,
    pub conversations: Vec<UnreadConversation>,
}

/// `unread` is at least 1 and leaves out the user's own messages; `latest` may be one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadConversation {
    pub with: Counterpart,
    pub unread: u32,
    pub latest: StoredMessage,
}

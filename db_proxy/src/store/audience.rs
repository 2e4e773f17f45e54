use async_trait::async_trait;
use proto::ids::{MessageId, UserId};

use super::relation::Flags;
use super::{Conversation, Counterpart, MessagePolicy, ReadMark, StoreError, UnixMillis};

/// Whom what a user does without writing reaches: that he is typing, how far he has read.
#[async_trait]
pub trait AudienceStore: Send + Sync {
    /// Whether it reaches the others of a conversation. A group of more than `most` members is too large for it.
    async fn audience(
        &self,
        user: UserId,
        with: Counterpart,
        policy: MessagePolicy,
        most: usize,
    ) -> Result<Audience, StoreError>;

    /// Up to where the others of a conversation have shown that they have read, by their ids; of a group, those who are in
    /// it. That the user takes part is the asker's to know.
    async fn readers(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Vec<(UserId, MessageId)>, StoreError>;
}

/// Who hears of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The others of the conversation.
    Others,
    /// Nobody, and the user is not to notice: the other one blocks him.
    Nobody,
    /// The policy does not let him write.
    NotFriends,
    NoSuchUser,
    NoSuchGroup,
    NotAMember,
    /// He may not write in the group until then.
    Muted {
        until: UnixMillis,
    },
    /// The group has too many members.
    TooMany,
}

/// What two users are to each other, for one who might write to the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ties {
    pub(super) friends: bool,
    /// They are in the same department.
    pub(super) colleagues: bool,
    /// The other one blocks him.
    pub(super) blocked: bool,
}

impl Ties {
    /// Whether he may write.
    pub(super) fn let_write(self, policy: MessagePolicy) -> bool {
        match policy {
            MessagePolicy::Everyone => true,
            MessagePolicy::Friends => self.friends,
            MessagePolicy::SameDepartmentOrFriends => {
                self.friends || (self.colleagues && !self.blocked)
            }
        }
    }

    pub(super) fn audience(self, policy: MessagePolicy) -> Audience {
        match self.let_write(policy) {
            false => Audience::NotFriends,
            true if self.blocked => Audience::Nobody,
            true => Audience::Others,
        }
    }
}

/// A position that others see, as a transaction found it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownPosition {
    pub(super) up_to: u32,
    /// The newest message that the reader sees.
    pub(super) last: u32,
    /// The conversation's.
    pub(super) flags: Flags,
}

impl ShownPosition {
    /// Where it moves by a mark; `None` if it stays. Whoever blocks the other one shows him nothing.
    pub(super) fn moved(self, mark: &ReadMark) -> Option<MessageId> {
        if let Conversation::Single(pair) = mark.conversation
            && self.flags.blocks(pair.low() != mark.user)
        {
            return None;
        }
        let up_to = mark.up_to.get().min(self.last);
        MessageId::new(up_to).filter(|up_to| up_to.get() > self.up_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    #[test]
    fn a_shown_position_moves_on_and_not_for_whom_its_owner_blocks() {
        let (low, high) = (user(1), user(2));
        let mark = |user, up_to| ReadMark {
            user,
            conversation: Conversation::between(low, high).unwrap(),
            up_to: MessageId::new(up_to).unwrap(),
            shown: true,
        };
        let at = |flags| ShownPosition {
            up_to: 3,
            last: 5,
            flags: Flags(flags),
        };
        let moved = |flags, user, up_to| at(flags).moved(&mark(user, up_to)).map(MessageId::get);
        assert_eq!(moved(0, low, 3), None);
        assert_eq!(moved(0, low, 4), Some(4));
        assert_eq!(moved(0, high, 9), Some(5));
        let low_blocks_high = 1;
        assert_eq!(moved(low_blocks_high, low, 4), None);
        assert_eq!(moved(low_blocks_high, high, 4), Some(4));
    }
}

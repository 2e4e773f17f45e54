use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use proto::ids::{GroupId, MessageId, UserId};

use super::{Conversation, PageLimit, References, StoreError, StoredMessage, UnixMillis};

/// How long it is kept that somebody left a group.
pub(super) const FORMER_KEPT: Duration = Duration::from_secs(92 * 24 * 60 * 60);

/// How much later than its stamp a change may be committed: longer than one attempt lasts.
pub const UNSETTLED: Duration = Duration::from_secs(10);

/// What changed since a moment, and what was stored a short while ago.
///
/// Conversations, read positions, groups and memberships have stamps by one clock, which all writers share. A change is
/// committed a while after its stamp, so whoever asks on begins [`UNSETTLED`] before the moment at which he asked first.
#[async_trait]
pub trait SyncStore: Send + Sync {
    /// The present.
    async fn moment(&self) -> Result<Moment, StoreError>;

    /// The user's conversations and groups that changed then or later, in the order of their changes.
    async fn changed_conversations(
        &self,
        user: UserId,
        wanted: &Changes,
    ) -> Result<Vec<ChangedConversation>, StoreError>;

    /// Groups that the user left or was removed from, then or later, and is not in again; the latest ones. What is older
    /// than three months may be forgotten.
    async fn left_groups(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError>;

    /// The conversations of these users in which a message that one of them sees was stored then or later, ascending by
    /// [`Conversation::number`] from `from` on.
    async fn active_conversations(
        &self,
        users: &[UserId],
        since: UnixMillis,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ActiveConversation>, StoreError>;

    /// Of each group, the newest message behind the named one that mentions the user, or everybody; none of groups where
    /// there is none. Of each group the newest [`LOOKED_AT`] are looked at that refer to something. What the user sees of
    /// the groups is the asker's to know.
    async fn newest_mentions(
        &self,
        user: UserId,
        wanted: &[(GroupId, u32)],
    ) -> Result<Vec<(GroupId, MessageId)>, StoreError>;

    /// When a message was stored; `None` if there is no such message.
    async fn stored_at(
        &self,
        conversation: Conversation,
        id: MessageId,
    ) -> Result<Option<UnixMillis>, StoreError>;

    /// Messages in the order of the ranges, and in each by id, as far as they fit. Who may see them is the asker's to
    /// know.
    async fn ranges(
        &self,
        ranges: &[MessageRange],
        limit: PageLimit,
    ) -> Result<Vec<(Conversation, StoredMessage)>, StoreError>;
}

/// How many messages of a group are looked at for one that mentions somebody.
pub(super) const LOOKED_AT: u32 = 200;

/// Of messages that refer to something, the newest of each group that mentions the user.
pub(super) fn newest_mentions(
    user: UserId,
    found: impl IntoIterator<Item = (GroupId, MessageId, Option<Box<References>>)>,
) -> Vec<(GroupId, MessageId)> {
    let mut newest: BTreeMap<GroupId, MessageId> = BTreeMap::new();
    for (group, id, references) in found {
        if references.is_some_and(|references| references.mentions(user)) {
            let newest = newest.entry(group).or_insert(id);
            *newest = id.max(*newest);
        }
    }
    Vec::from_iter(newest)
}

/// A moment of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// As [`MetaStore::store_epoch`](super::MetaStore::store_epoch).
    pub epoch: u64,
    /// The time by which changes are stamped.
    pub now: UnixMillis,
}

/// A place in the order of changes: a stamp, and the number of the conversation that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub at: UnixMillis,
    pub number: u64,
}

/// Which changes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// `UnixMillis(i64::MIN)`: all there are.
    pub since: UnixMillis,
    /// Behind this place; of no importance before `since`.
    pub after: Option<Place>,
    /// How many of the latest messages are looked at to find the first new one.
    pub messages: u32,
    pub limit: usize,
}

/// A conversation as one of those who take part sees it, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedConversation {
    pub conversation: Conversation,
    /// Of all its changes the last.
    pub changed_at: UnixMillis,
    /// There are new messages, or the user's position in it is another one.
    pub talk_changed: bool,
    /// Members, name and the like of a group, or whether the user muted it.
    pub group_changed: bool,
    /// The newest message's id, whether or not the user sees it, but not one that is withheld from him; 0 before the first.
    pub last: u32,
    /// The user sees what lies behind this message.
    pub visible_after: u32,
    pub read: u32,
    pub unread: u32,
    pub hidden: bool,
    /// Of the latest messages, as many as were looked at: the newest one that was stored before `since`; 0 if there is
    /// none.
    pub old: u32,
}

impl ChangedConversation {
    /// Its place in the order of changes.
    pub fn place(&self) -> Place {
        Place {
            at: self.changed_at,
            number: self.conversation.number(),
        }
    }
}

/// A conversation with messages stored a short while ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveConversation {
    pub conversation: Conversation,
    /// Messages behind this one are asked for: they are new, and one of those asked about sees them.
    pub after: u32,
    pub last: u32,
    /// A group's, at this moment.
    pub group_version: Option<u32>,
}

/// Messages from one id to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRange {
    pub conversation: Conversation,
    pub first: u32,
    pub last: u32,
}

/// Messages asked for at once: a page ends by bytes too, and what is found has to be read.
const READ: u32 = 64;

/// The ranges, cut so that each group of pieces has at most 64 messages.
pub(super) fn pieces(ranges: &[MessageRange]) -> Vec<Vec<MessageRange>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut room = READ;
    for range in ranges {
        let mut first = range.first;
        while first <= range.last {
            let last = range.last.min(first.saturating_add(room - 1));
            piece.push(MessageRange {
                first,
                last,
                ..*range
            });
            room -= last - first + 1;
            if room == 0 {
                pieces.push(std::mem::take(&mut piece));
                room = READ;
            }
            match last.checked_add(1) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_make_up_the_ranges(wanted in prop::collection::vec((1u32.., 0u32..200), 0..9)) {
            let conversation = Conversation::from_number(7).unwrap();
            let range = |(first, more): (u32, u32)| MessageRange {
                conversation,
                first,
                last: first.saturating_add(more),
            };
            let ids = |range: &MessageRange| range.first..=range.last;
            let ranges: Vec<_> = wanted.into_iter().map(range).collect();
            let pieces = pieces(&ranges);
            for piece in &pieces {
                prop_assert!((1..=READ as usize).contains(&piece.iter().flat_map(ids).count()));
            }
            let all = pieces.iter().flatten().flat_map(ids);
            prop_assert!(all.eq(ranges.iter().flat_map(ids)));
        }
    }
}

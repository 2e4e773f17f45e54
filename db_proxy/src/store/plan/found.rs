//! What a batch's transaction looks for in the database, and what it found.

use std::collections::{BTreeSet, HashMap};

use proto::ids::{GroupId, MessageId, UserId};

use crate::store::group_rule::muted_until;
use crate::store::relation::Flags;
use crate::store::{
    AppendRefusal, ClientKey, Conversation, MessageKind, NewMessage, References, UnixMillis,
};

/// How the batch's senders stand to the groups they write to; a group that does not exist is not in it.
pub(in crate::store) type Standings = HashMap<(GroupId, UserId), Standing>;

/// A sender and a group, as the transaction found them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Standing {
    /// The group's.
    pub(in crate::store) version: u32,
    /// `None`: he is no member.
    pub(in crate::store) member: Option<Writer>,
}

/// A member as one who writes.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Writer {
    /// The owner, or an admin.
    pub(in crate::store) is_admin: bool,
    /// Until then only admins write in the group.
    pub(in crate::store) group_muted_until: UnixMillis,
    /// Until then he does not write.
    pub(in crate::store) muted_until: UnixMillis,
}

impl Writer {
    /// Whether he may write something new at that moment.
    pub(super) fn verdict(self, now: UnixMillis) -> Result<(), AppendRefusal> {
        let until = muted_until(self.group_muted_until, self.muted_until, self.is_admin, now);
        until.map_or(Ok(()), |until| Err(AppendRefusal::Muted { until }))
    }
}

/// A conversation as the transaction found it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Head {
    /// [`Head::NOT_BEGUN`] for two who exist and have none.
    pub(in crate::store) row: i64,
    /// Zero before the first message.
    pub(in crate::store) last: u32,
    /// What the two are to each other.
    pub(in crate::store) flags: Flags,
    /// The two are in the same department; looked up where a policy asks for it.
    pub(in crate::store) colleagues: bool,
}

impl Head {
    /// No database gives a conversation this number.
    pub(in crate::store) const NOT_BEGUN: i64 = 0;

    /// As the conversation is found when it has begun.
    pub(in crate::store) fn begun(self, found: Self) -> Self {
        Self {
            colleagues: self.colleagues,
            ..found
        }
    }

    pub(in crate::store) fn not_begun(flags: Flags) -> Self {
        Self {
            row: Self::NOT_BEGUN,
            last: 0,
            flags,
            colleagues: false,
        }
    }
}

/// The conversations of a batch that exist, or may begin.
pub(in crate::store) type Heads = HashMap<Conversation, Head>;

/// A message of an earlier batch that carries a key of this one.
#[derive(Debug)]
pub(in crate::store) struct StoredKey {
    pub(in crate::store) row: i64,
    pub(in crate::store) sender: UserId,
    pub(in crate::store) key: Vec<u8>,
    pub(in crate::store) message_id: MessageId,
    pub(in crate::store) created_at: UnixMillis,
    pub(in crate::store) kind: MessageKind,
    pub(in crate::store) body: Vec<u8>,
    pub(in crate::store) withheld: bool,
    pub(in crate::store) references: Option<Box<References>>,
}

/// Who writes to which groups, each once.
pub(in crate::store) fn writers_of_groups(batch: &[NewMessage]) -> Vec<(GroupId, UserId)> {
    let places = batch
        .iter()
        .filter_map(|message| match message.conversation {
            Conversation::Group(group) => Some((group, message.sender)),
            Conversation::Single(_) => None,
        });
    Vec::from_iter(places.collect::<BTreeSet<_>>())
}

/// Keys that earlier batches may have stored: the conversation's row, the sender, the key.
pub(in crate::store) fn keys_of<'a>(
    batch: &'a [NewMessage],
    heads: &Heads,
) -> Vec<(i64, UserId, &'a ClientKey)> {
    let places = batch.iter().filter_map(|message| {
        let head = heads.get(&message.conversation).filter(|h| h.last > 0)?;
        Some((head.row, message.sender, message.client_key.as_ref()?))
    });
    places.collect()
}

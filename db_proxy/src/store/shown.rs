//! What the two of a conversation see of its end, where messages are withheld from one of them.

use std::collections::{HashMap, HashSet};

use proto::ids::{MessageId, UserId};

use super::Conversation;
use super::plan::{Heads, Insert};
use super::relation::Flags;

/// What a user of two sees of his conversation's end after a batch, where that is not the end, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) row: i64,
    pub(super) user: UserId,
    /// Whether he is the lower one.
    pub(super) is_low: bool,
    pub(super) end: ShownEnd,
    /// How many messages of the batch are withheld from him.
    pub(super) withheld: u32,
    /// The conversation's.
    pub(super) flags_before: Flags,
}

/// The newest message that somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownEnd {
    /// The newest one there is.
    Newest,
    /// This one of the batch.
    Message(MessageId),
    /// What was the newest one before the batch.
    NewestBefore,
    /// What he saw before.
    AsBefore,
}

/// Nothing, mostly: who is blocked rarely writes. `before` are the conversations as they were.
pub(super) fn shown(inserts: &[Insert<'_>], before: &Heads) -> Vec<Shown> {
    let flags = |insert: &Insert<'_>| {
        let head = before.get(&insert.message.conversation);
        head.map_or(Flags(0), |head| head.flags)
    };
    let is_concerned = |insert: &&Insert<'_>| {
        let flags = flags(insert);
        insert.withheld_from.is_some()
            || [true, false].iter().any(|low| flags.is_withheld_from(*low))
    };
    let concerned: HashSet<i64> = inserts.iter().filter(is_concerned).map(|i| i.row).collect();
    let mut by_row: HashMap<i64, Vec<&Insert<'_>>> = HashMap::new();
    for insert in inserts
        .iter()
        .filter(|insert| concerned.contains(&insert.row))
    {
        by_row.entry(insert.row).or_default().push(insert);
    }
    let mut all = Vec::new();
    for (row, inserts) in by_row {
        let Some(Conversation::Single(pair)) =
            inserts.first().map(|insert| insert.message.conversation)
        else {
            continue;
        };
        let flags_before = inserts.first().map_or(Flags(0), |insert| flags(insert));
        let Some(high) = pair.peer_of(pair.low()) else {
            continue;
        };
        for (user, is_low) in [(pair.low(), true), (high, false)] {
            let is_seen = |insert: &&&Insert<'_>| insert.withheld_from != Some(user);
            let seen = inserts.iter().filter(is_seen).count();
            let withheld = inserts.len() - seen;
            let was_withheld = flags_before.is_withheld_from(is_low);
            if withheld == 0 && !was_withheld {
                continue;
            }
            let last_seen = inserts.iter().filter(is_seen).map(|i| i.id).max();
            let last = inserts.iter().map(|insert| insert.id).max();
            let end = match last_seen {
                Some(_) if last_seen == last => ShownEnd::Newest,
                Some(id) => ShownEnd::Message(id),
                None if was_withheld => ShownEnd::AsBefore,
                None => ShownEnd::NewestBefore,
            };
            all.push(Shown {
                row,
                user,
                is_low,
                end,
                withheld: u32::try_from(withheld).unwrap_or(u32::MAX),
                flags_before,
            });
        }
    }
    // as everybody locks participants
    all.sort_unstable_by_key(|shown| (shown.user, shown.row));
    all
}

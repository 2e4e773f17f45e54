//! Which messages and changes of groups were handed to devices here a while ago.

use std::collections::HashMap;

use parking_lot::Mutex;
use proto::ids::GroupId;
use proto::im::message::ImMsgData;
use smallvec::SmallVec;

/// Conversations remembered at least, in all; at most twice as many. A conversation is forgotten after that many others
/// had a message and it had none.
const REMEMBERED: usize = 262_144;

/// Ranges kept of one conversation. Two who write to each other in turns while a route_server is away make one of every
/// message. With more, the lowest is forgotten: rather is a message handed out twice than not at all.
const MAX_RANGES: usize = 4_096;

const SHARDS: usize = 16;

/// A bounded memory of what was delivered. A message may come more than once (its sender resent it, a link came back
/// and its frames were sent again, the store was asked what had been missed); the devices here get it once.
///
/// Ids of a conversation come nearly in order, so that a range holds nearly all of them.
pub(crate) struct Delivered {
    hasher: ahash::RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// Conversations by the hash of what they are. Two generations: what is used moves into the young one, and when that is full
/// the old one is forgotten.
#[derive(Default)]
struct Shard {
    young: HashMap<u64, Seen, ahash::RandomState>,
    old: HashMap<u64, Seen, ahash::RandomState>,
}

/// Ids as ranges, first and last, ascending and apart.
#[derive(Default)]
struct Seen(SmallVec<[(u32, u32); 1]>);

impl Default for Delivered {
    fn default() -> Self {
        Self {
            hasher: ahash::RandomState::new(),
            shards: Default::default(),
        }
    }
}

impl Delivered {
    /// Notes a message; false if it was noted before.
    pub(crate) fn first_time(&self, message: &ImMsgData) -> bool {
        let is_group = message.msg_type & 0x10 != 0;
        let (from, to) = (message.from_user_id, message.to_session_id);
        // Ids count per conversation: the two users in any order, or the group.
        let parties = if is_group {
            (0, to)
        } else {
            (from.min(to), from.max(to))
        };
        self.note(self.hasher.hash_one((is_group, parties)), message.msg_id)
    }

    /// Notes the change that made this version of a group; false if it was noted before.
    pub(crate) fn first_notice(&self, group: GroupId, version: u32) -> bool {
        self.note(self.hasher.hash_one(("change", group)), version)
    }

    fn note(&self, key: u64, id: u32) -> bool {
        let Shard { young, old } = &mut *self.shards[key as usize % SHARDS].lock();
        if let Some(seen) = young.get_mut(&key) {
            return seen.add(id);
        }
        let mut seen = old.remove(&key).unwrap_or_default();
        let is_new = seen.add(id);
        if young.len() >= REMEMBERED / SHARDS {
            *old = std::mem::take(young);
        }
        young.insert(key, seen);
        is_new
    }
}

impl Seen {
    /// Adds an id; false if it was in already.
    fn add(&mut self, id: u32) -> bool {
        let ranges = &mut self.0;
        // Where the first range lies that ends at or behind the one before this id.
        let at = ranges.partition_point(|(_, last)| last.saturating_add(1) < id);
        let Some((first, last)) = ranges.get_mut(at) else {
            ranges.push((id, id));
            self.limit();
            return true;
        };
        if (*first..=*last).contains(&id) {
            return false;
        }
        if last.checked_add(1) == Some(id) {
            *last = id;
            let last = id;
            if let Some((_, end)) = ranges
                .get(at + 1)
                .copied()
                .filter(|next| last.checked_add(1) == Some(next.0))
            {
                ranges[at].1 = end;
                ranges.remove(at + 1);
            }
        } else if id.checked_add(1) == Some(*first) {
            *first = id;
        } else {
            ranges.insert(at, (id, id));
            self.limit();
        }
        true
    }

    fn limit(&mut self) {
        if self.0.len() > MAX_RANGES {
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn message(from: u32, to: u32, msg_id: u32) -> ImMsgData {
        ImMsgData {
            from_user_id: from,
            to_session_id: to,
            msg_id,
            msg_type: 1,
            ..Default::default()
        }
    }

    #[test]
    fn a_message_is_new_once_whoever_of_the_two_wrote_it() {
        let delivered = Delivered::default();
        assert!(delivered.first_time(&message(1, 2, 1)));
        assert!(!delivered.first_time(&message(1, 2, 1)));
        assert!(!delivered.first_time(&message(2, 1, 1)));
        assert!(delivered.first_time(&message(2, 1, 2)));
        assert!(delivered.first_time(&message(1, 3, 1)));
        let group = ImMsgData {
            msg_type: 0x11,
            ..message(1, 2, 1)
        };
        assert!(delivered.first_time(&group));
        assert!(!delivered.first_time(&ImMsgData {
            from_user_id: 9,
            ..group
        }));
    }

    #[test]
    fn memory_is_bounded_by_conversations_and_not_by_messages() {
        let delivered = Delivered::default();
        for msg_id in 1..=1_000_000 {
            assert!(delivered.first_time(&message(1, 2, msg_id)));
        }
        assert!(!delivered.first_time(&message(1, 2, 1)));
        for to in 3..=4 * REMEMBERED as u32 {
            assert!(delivered.first_time(&message(1, to, 1)));
        }
        let remembered = delivered.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        });
        assert!(remembered.sum::<usize>() <= 2 * REMEMBERED);
        assert!(!delivered.first_time(&message(1, 4 * REMEMBERED as u32, 1)));
    }

    /// A route_server is away while two write to each other: this server sees every other message, and the rest later.
    #[test]
    fn every_second_message_may_come_much_later() {
        let delivered = Delivered::default();
        let count = 2 * MAX_RANGES as u32;
        for msg_id in (1..count).step_by(2) {
            assert!(delivered.first_time(&message(1, 2, msg_id)));
        }
        for msg_id in (2..count).step_by(2) {
            assert!(delivered.first_time(&message(2, 1, msg_id)), "{msg_id}");
        }
        assert!((1..count).all(|msg_id| !delivered.first_time(&message(1, 2, msg_id))));
    }

    proptest! {
        /// Against a set of ids.
        #[test]
        fn ranges_equal_a_set(ids in proptest::collection::vec(prop_oneof![1u32..40, 1u32..400, u32::MAX - 3..=u32::MAX], 1..300)) {
            let (mut seen, mut set) = (Seen::default(), BTreeSet::new());
            for id in ids {
                let is_new = seen.add(id);
                prop_assert_eq!(is_new, set.insert(id));
                let apart = seen.0.windows(2).all(|pair| pair[0].1.saturating_add(1) < pair[1].0);
                prop_assert!(apart && seen.0.iter().all(|(first, last)| first <= last));
            }
        }
    }
}

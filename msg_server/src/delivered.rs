//! Which messages and changes of groups were handed to devices here a short while ago.

use std::collections::VecDeque;

use parking_lot::Mutex;
use proto::ids::GroupId;
use proto::im::message::ImMsgData;

/// Messages remembered in all. More than what route_server and the links keep to send again, so that nothing is
/// handed out twice.
const REMEMBERED: usize = 4 * 65_536;

const SHARDS: usize = 16;

/// A bounded memory of delivered messages. A message may come more than once (its sender resent it, a link came back
/// and its frames were sent again); the devices here get it once.
pub(crate) struct Delivered {
    hasher: ahash::RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    seen: std::collections::HashSet<u64, ahash::RandomState>,
    order: VecDeque<u64>,
}

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
        self.note(self.hasher.hash_one((is_group, parties, message.msg_id)))
    }

    /// Notes the change that made this version of a group; false if it was noted before.
    pub(crate) fn first_notice(&self, group: GroupId, version: u32) -> bool {
        self.note(self.hasher.hash_one(("change", group, version)))
    }

    fn note(&self, key: u64) -> bool {
        let mut shard = self.shards[key as usize % SHARDS].lock();
        if !shard.seen.insert(key) {
            return false;
        }
        shard.order.push_back(key);
        if shard.order.len() > REMEMBERED / SHARDS
            && let Some(oldest) = shard.order.pop_front()
        {
            shard.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
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
    fn memory_is_bounded() {
        let delivered = Delivered::default();
        for msg_id in 1..=2 * REMEMBERED as u32 {
            assert!(delivered.first_time(&message(1, 2, msg_id)));
        }
        let remembered: usize = delivered
            .shards
            .iter()
            .map(|shard| shard.lock().seen.len())
            .sum();
        assert!(remembered <= REMEMBERED);
        assert!(!delivered.first_time(&message(1, 2, 2 * REMEMBERED as u32)));
    }
}

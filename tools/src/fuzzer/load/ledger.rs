//! The account of every message: who was to get it, who got it, how often, and behind what.
//!
//! Messages of a conversation are numbered by whoever sends them, all senders together, from 0. The number is in the
//! body, so that a message is known again whatever id the server gave it, and a message that was stored twice under
//! two ids is seen as doubled. Ids are for the order, which nothing else tells; that they have gaps means nothing.
//!
//! Memory: a few ranges for each member, and eight bytes more for each gap that is open. Absent on purpose: the
//! messages of a device that was away, which is nobody's loss until it asks for them.

mod ranges;

use ranges::Ranges;

/// So many writers are at least two others for every member.
const ENOUGH_WRITERS: usize = 3;

/// All conversations of one worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    conversations: Vec<Conversation>,
}

#[derive(Clone, Debug)]
struct Conversation {
    /// The next message's number.
    next: u32,
    /// Numbers that were acknowledged.
    acked: Ranges,
    /// Ids that acknowledgements gave.
    ids: Ranges,
    members: Vec<Member>,
    /// Members who write, no more of them than tell one from several.
    writers: Vec<usize>,
}

/// One device in a conversation.
#[derive(Clone, Debug)]
struct Member {
    online: bool,
    /// What has a smaller number was sent before the device was last online: it may arrive, nobody has to deliver it.
    since: u32,
    /// What it pushed to the device, and what the device sent itself.
    seen: Ranges,
    /// Of what it sent itself, how many are not acknowledged.
    open: u64,
    /// The largest id of a push, 0 before the first.
    last_id: u32,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    /// Devices that the message has to be pushed to.
    pub(super) expected: u64,
    /// Its id was given to a message before.
    pub(super) doubled: bool,
}

/// What a push means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It belongs here, and is the first of that message.
    First(Order),
    /// The device had it, or had another message with that id.
    Again,
    /// No message with that number was ever sent.
    Unknown,
}

/// Where a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// No larger id was pushed to this device before.
    Kept,
    /// Behind a later message, both of the only other one who writes.
    Broken,
    /// Behind a later message, where several others write: it may come another way than theirs.
    Overtaken,
}

/// What is left when nothing arrives any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Acknowledged, and not pushed to a device that was online from before it was sent.
    pub(super) lost: u64,
    /// Acknowledged, and not pushed to a device that was not online all the time.
    pub(super) away: u64,
    /// Pushed, though the sender never heard of it again.
    pub(super) unacked: u64,
}

impl Ledger {
    /// A conversation of that many devices, all of them away, and its number.
    pub(super) fn open(&mut self, members: usize) -> u32 {
        let member = Member {
            online: false,
            since: 0,
            seen: Ranges::default(),
            open: 0,
            last_id: 0,
        };
        self.conversations.push(Conversation {
            next: 0,
            acked: Ranges::default(),
            ids: Ranges::default(),
            members: vec![member; members],
            writers: Vec::new(),
        });
        (self.conversations.len() - 1) as u32
    }

    /// From now on the device has to get what is sent.
    pub(super) fn online(&mut self, conversation: u32, member: usize) {
        let conversation = &mut self.conversations[conversation as usize];
        let member = &mut conversation.members[member];
        member.online = true;
        member.since = conversation.next;
    }

    /// The device's connection is gone.
    pub(super) fn away(&mut self, conversation: u32, member: usize) {
        self.conversations[conversation as usize].members[member].online = false;
    }

    /// A member sends: the message's number. `None` when a conversation has had as many as there are numbers.
    pub(super) fn sent(&mut self, conversation: u32, member: usize) -> Option<u32> {
        let conversation = &mut self.conversations[conversation as usize];
        let number = conversation.next;
        conversation.next = number.checked_add(1)?;
        let writers = &mut conversation.writers;
        if writers.len() < ENOUGH_WRITERS && !writers.contains(&member) {
            writers.push(member);
        }
        let member = &mut conversation.members[member];
        member.seen.insert(number);
        member.open += 1;
        Some(number)
    }

    /// A member's message was given an id. Once for each message.
    pub(super) fn acked(
        &mut self,
        conversation: u32,
        member: usize,
        number: u32,
        id: u32,
    ) -> Acked {
        let conversation = &mut self.conversations[conversation as usize];
        conversation.acked.insert(number);
        conversation.members[member].open -= 1;
        let owed = conversation.members.iter().enumerate();
        let owed =
            owed.filter(|(at, other)| *at != member && other.online && number >= other.since);
        Acked {
            expected: owed.count() as u64,
            doubled: id < u32::MAX && !conversation.ids.insert(id),
        }
    }

    /// A message arrived on a member's device.
    pub(super) fn pushed(
        &mut self,
        conversation: u32,
        member: usize,
        number: u32,
        id: u32,
    ) -> Pushed {
        let conversation = &mut self.conversations[conversation as usize];
        if number >= conversation.next {
            return Pushed::Unknown;
        }
        let others = conversation.writers.iter();
        let others = others.filter(|writer| **writer != member).count();
        let member = &mut conversation.members[member];
        if !member.seen.insert(number) || id == member.last_id {
            return Pushed::Again;
        }
        let order = match (id > member.last_id, others) {
            (true, _) => Order::Kept,
            (false, ..=1) => Order::Broken,
            (false, _) => Order::Overtaken,
        };
        member.last_id = member.last_id.max(id);
        Pushed::First(order)
    }

    /// What would be missing if nothing more came.
    pub(super) fn balance(&self) -> Balance {
        let mut balance = Balance::default();
        for conversation in &self.conversations {
            let acked = &conversation.acked;
            for member in &conversation.members {
                let missing_from =
                    |first| acked.count_from(first) - acked.count_shared_from(&member.seen, first);
                let missing = missing_from(0);
                let lost = if missing > 0 && member.online {
                    missing_from(member.since)
                } else {
                    0
                };
                balance.lost += lost;
                balance.away += missing - lost;
                let had = member.seen.count_from(0);
                let unacked = had - acked.count_shared_from(&member.seen, 0);
                balance.unacked += unacked - member.open;
            }
        }
        balance
    }
}

#[cfg(test)]
mod tests;

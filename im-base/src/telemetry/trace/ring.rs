//! The memory that forgets the oldest.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::{Record, Step, key_hash};

/// The last steps, each thread's in a part of its own, so that the lock of a part is free nearly always. It is held for a copy
/// of one record, and by whoever asks for as long as it takes to look at a part.
///
/// Its memory is taken as it fills.
#[derive(Debug)]
pub struct Ring {
    parts: Box<[Mutex<Part>]>,
}

#[derive(Debug)]
struct Part {
    records: Vec<Record>,
    /// Where the oldest is, once it is full.
    next: usize,
    capacity: usize,
}

thread_local! {
    /// This thread's number, from 0.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

impl Ring {
    /// A ring of so many records, divided among as many parts as there are processors; each part has at least one.
    pub fn new(entries: usize) -> Self {
        let parts = thread::available_parallelism().map_or(1, usize::from);
        Self::with_parts(entries, parts)
    }

    fn with_parts(entries: usize, parts: usize) -> Self {
        let part = |_| {
            Mutex::new(Part {
                records: Vec::new(),
                next: 0,
                capacity: (entries / parts).max(1),
            })
        };
        Self {
            parts: (0..parts).map(part).collect(),
        }
    }

    /// Adds a record in the place of the oldest one of this thread's part.
    pub fn push(&self, record: Record) {
        let number = NUMBER.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            NUMBER.set(Some(number));
            number
        });
        self.parts[number % self.parts.len()].lock().push(record);
    }

    /// The steps of a message, oldest first, with every sending of it.
    pub fn of_message(&self, conversation: super::Conversation, id: u32) -> Vec<Record> {
        let named = |record: &Record| record.conversation == conversation && record.id == id;
        let requests = self.requests(named);
        self.find(|record| named(record) || is_of(record, &requests))
    }

    /// The steps of the messages that clients gave this key, oldest first. Two users may have used the same one.
    pub fn of_key(&self, key: &[u8]) -> Vec<Record> {
        let hash = key_hash(key);
        let mut requests = self
            .requests(|record| matches!(record.step, Step::Received { key, .. } if key == hash));
        let mut messages = BTreeSet::new();
        for record in self.find(|record| is_of(record, &requests)) {
            if record.id != 0 {
                messages.insert((record.conversation, record.id));
            }
        }
        let named = |record: &Record| messages.contains(&(record.conversation, record.id));
        requests.extend(self.requests(named));
        self.find(|record| named(record) || is_of(record, &requests))
    }

    fn requests(&self, matches: impl Fn(&Record) -> bool) -> BTreeSet<u64> {
        let found = self.find(matches);
        found
            .iter()
            .filter_map(|record| record.step.request())
            .collect()
    }

    fn find(&self, matches: impl Fn(&Record) -> bool) -> Vec<Record> {
        let mut found: Vec<Record> = Vec::new();
        for part in &self.parts {
            let part = part.lock();
            let (newer, older) = part.records.split_at(part.next);
            found.extend(older.iter().chain(newer).filter(|record| matches(record)));
        }
        // Stable: what a thread did in one microsecond stays in its order.
        found.sort_by_key(|record| record.at_us);
        found
    }
}

fn is_of(record: &Record, requests: &BTreeSet<u64>) -> bool {
    let request = record.step.request();
    request.is_some_and(|request| requests.contains(&request))
}

impl Part {
    fn push(&mut self, record: Record) {
        if self.records.len() < self.capacity {
            self.records.push(record);
            return;
        }
        self.records[self.next] = record;
        self.next = (self.next + 1) % self.capacity;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::trace::Conversation;

    const CHAT: Conversation = Conversation::Single(1, 2);

    fn record(at_us: u64, id: u32, step: Step) -> Record {
        Record {
            at_us,
            conversation: CHAT,
            id,
            step,
        }
    }

    fn received(request: u64, key: &[u8]) -> Step {
        Step::Received {
            request,
            user: 1,
            session: 9,
            seq_num: 3,
            key: key_hash(key),
        }
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Record>() <= 64, "{}", size_of::<Record>());
    }

    #[test]
    fn a_message_is_found_with_every_sending_of_it() {
        let ring = Ring::new(100);
        let other = record(3, 0, received(8, b"other"));
        let of_it = [
            record(1, 0, received(7, b"key")),
            record(
                2,
                0,
                Step::Refused {
                    request: 7,
                    reason: "peer_lost",
                },
            ),
            record(4, 0, received(9, b"key")),
            record(5, 5, Step::Stored { request: 9 }),
            record(6, 5, Step::Relayed { link: Some(0) }),
            record(7, 0, received(10, b"key")),
            record(8, 5, Step::Stored { request: 10 }),
        ];
        of_it
            .into_iter()
            .chain([other])
            .for_each(|record| ring.push(record));

        assert_eq!(ring.of_key(b"key"), of_it);
        // What was refused was not known by an id.
        assert_eq!(ring.of_message(CHAT, 5), of_it[2..]);
        assert_eq!(ring.of_message(CHAT, 6), []);
        assert_eq!(ring.of_message(Conversation::Group(1), 5), []);
        assert_eq!(ring.of_key(b"unknown"), []);
    }

    proptest! {
        #[test]
        fn it_holds_the_last_ones_in_their_order(capacity in 1usize..40, count in 0u64..200) {
            let ring = Ring::with_parts(capacity, 1);
            for at in 0..count {
                ring.push(record(at, 1, Step::Repeated));
            }
            let kept: Vec<u64> = ring.of_message(CHAT, 1).iter().map(|record| record.at_us).collect();
            let wanted: Vec<u64> = (count.saturating_sub(capacity as u64)..count).collect();
            prop_assert_eq!(kept, wanted);
        }
    }

    #[test]
    fn threads_that_write_at_once_lose_nothing_that_has_room() {
        let ring = Ring::with_parts(4_000, 2);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..250).for_each(|at| ring.push(record(at, 1, Step::Repeated))));
            }
        });
        assert_eq!(ring.of_message(CHAT, 1).len(), 1_000);
    }
}

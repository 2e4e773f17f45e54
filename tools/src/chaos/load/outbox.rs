//! What a device has written and not seen acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::history::Talk;

/// Messages that wait; nothing is written beyond it.
const MOST: usize = 64;

/// Messages on their way at once: below what a server works on for one client.
const ON_THE_WAY: usize = 12;

#[derive(Debug)]
struct Waiting {
    talk: Talk,
    /// On its way, or due to be sent again then.
    due: Option<Instant>,
}

/// Messages by key, which is also their order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<u64, Waiting>,
    on_the_way: usize,
}

impl Outbox {
    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more is written for now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    /// A new one, due now.
    pub(super) fn write(&mut self, key: u64, talk: Talk) {
        let due = Some(Instant::now());
        self.waiting.insert(key, Waiting { talk, due });
    }

    /// The next one to be sent, which is on its way from now on.
    pub(super) fn next(&mut self) -> Option<(u64, Talk)> {
        if self.on_the_way >= ON_THE_WAY {
            return None;
        }
        let now = Instant::now();
        let mut waiting = self.waiting.iter_mut();
        let (key, next) = waiting.find(|(_, next)| next.due.is_some_and(|due| due <= now))?;
        next.due = None;
        self.on_the_way += 1;
        Some((*key, next.talk))
    }

    /// One that was on its way is acknowledged; gives its conversation.
    pub(super) fn acked(&mut self, key: u64) -> Option<Talk> {
        self.on_the_way -= 1;
        self.waiting.remove(&key).map(|waiting| waiting.talk)
    }

    /// One that was on its way is not, and is sent again after a while.
    pub(super) fn failed(&mut self, key: u64, again: Duration) {
        self.on_the_way -= 1;
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.due = Some(Instant::now() + again);
        }
    }
}

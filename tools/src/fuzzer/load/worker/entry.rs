//! Who logs in next: so many at once, so many per second.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::schedule::Schedule;

/// The queue before the door.
#[derive(Debug)]
pub(super) struct Entry {
    queue: VecDeque<u32>,
    /// Who comes back to the queue, and when.
    later: BinaryHeap<Reverse<(u64, u32)>>,
    under_way: u32,
    most: u32,
    schedule: Option<Schedule>,
}

impl Entry {
    /// At most so many logins at once, and per second if that is above 0.
    pub(super) fn new(now: u64, most: u32, per_second: f64) -> Self {
        Self {
            queue: VecDeque::new(),
            later: BinaryHeap::new(),
            under_way: 0,
            most,
            schedule: (per_second > 0.0).then(|| Schedule::new(now, per_second)),
        }
    }

    /// Other limits from now on; who waits goes on waiting.
    pub(super) fn set(&mut self, now: u64, most: u32, per_second: f64) {
        self.most = most;
        self.schedule = (per_second > 0.0).then(|| Schedule::new(now, per_second));
    }

    pub(super) fn push(&mut self, seat: u32) {
        self.queue.push_back(seat);
    }

    pub(super) fn push_later(&mut self, at: u64, seat: u32) {
        self.later.push(Reverse((at, seat)));
    }

    /// The next one to begin; he is under way until [`ended`](Self::ended).
    pub(super) fn next(&mut self, now: u64) -> Option<u32> {
        while let Some(Reverse((at, seat))) = self.later.peek().copied() {
            if at > now {
                break;
            }
            self.later.pop();
            self.queue.push_back(seat);
        }
        if self.under_way >= self.most || self.queue.is_empty() {
            return None;
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.take(now)?;
        }
        self.under_way += 1;
        self.queue.pop_front()
    }

    /// A login that was under way has ended, well or not.
    pub(super) fn ended(&mut self) {
        self.under_way -= 1;
    }

    /// Forgets who waits.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.later.clear();
    }

    /// Nobody waits, nobody is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.later.is_empty() && self.under_way == 0
    }

    /// When somebody can begin though nothing happens.
    pub(super) fn due(&self) -> Option<u64> {
        let later = self.later.peek().map(|Reverse((at, _))| *at);
        let waiting = !self.queue.is_empty() && self.under_way < self.most;
        let turn = self.schedule.filter(|_| waiting).map(|next| next.due());
        later.into_iter().chain(turn).min()
    }
}

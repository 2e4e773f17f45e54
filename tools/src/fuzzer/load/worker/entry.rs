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
    /// A login begins at the moment of its turn, however late it is dealt with.
    timed_from_turn: bool,
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
            timed_from_turn: false,
        }
    }

    /// Other limits from now on; who waits goes on waiting. At a rate, logins are timed from their turns.
    pub(super) fn set(&mut self, now: u64, most: u32, per_second: f64) {
        self.most = most;
        self.schedule = (per_second > 0.0).then(|| Schedule::new(now, per_second));
        self.timed_from_turn = per_second > 0.0;
    }

    pub(super) fn push(&mut self, seat: u32) {
        self.queue.push_back(seat);
    }

    pub(super) fn push_later(&mut self, at: u64, seat: u32) {
        self.later.push(Reverse((at, seat)));
    }

    /// The next one to begin, and from when on his login is timed; he is under way until [`ended`](Self::ended).
    pub(super) fn next(&mut self, now: u64) -> Option<(u32, u64)> {
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
        let mut began = now;
        if let Some(schedule) = &mut self.schedule {
            let (_, due) = schedule.take(now)?;
            if self.timed_from_turn {
                began = due;
            }
        }
        self.under_way += 1;
        self.queue.pop_front().map(|seat| (seat, began))
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
        self.queue.is_empty() && self.later.is_empty() && !self.is_under_way()
    }

    /// Somebody is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// When somebody can begin though nothing happens.
    pub(super) fn due(&self) -> Option<u64> {
        let later = self.later.peek().map(|Reverse((at, _))| *at);
        let waiting = !self.queue.is_empty() && self.under_way < self.most;
        let turn = self.schedule.filter(|_| waiting).map(|next| next.due());
        later.into_iter().chain(turn).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_at_a_rate_begins_at_its_turn_however_late_it_is_taken() {
        let mut entry = Entry::new(0, 1, 0.0);
        for seat in 0..3 {
            entry.push(seat);
        }
        assert_eq!(entry.next(5), Some((0, 5)));
        entry.set(1000, u32::MAX, 1000.0);
        // Nobody ended meanwhile, and still both turns are taken.
        assert_eq!(entry.next(9000), Some((1, 1000)));
        assert_eq!(entry.next(9000), Some((2, 2000)));
        assert_eq!(entry.next(9000), None);
    }
}

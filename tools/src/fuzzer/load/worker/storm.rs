//! Many lose their connections at once, and come back.

use std::collections::HashSet;

use super::super::super::outcome::Timing;
use super::seat::State;
use super::{SECOND, Worker};

/// When the next storm is, and whom the last one keeps away.
#[derive(Debug)]
pub(super) struct Storm {
    next: Option<u64>,
    broke: u64,
    away: HashSet<u32>,
}

impl Storm {
    pub(super) fn due(&self) -> Option<u64> {
        self.next
    }
}

impl Worker<'_> {
    pub(super) fn begin_storms(&mut self) {
        if let Some(storm) = &self.scenario().storm {
            let wait = (storm.after_seconds * SECOND as f64) as u64;
            self.storm = Some(Storm {
                next: Some(self.now + wait),
                broke: self.now,
                away: HashSet::new(),
            });
            // Nobody waits for anybody else.
            self.entry.set(self.now, u32::MAX, 0.0);
        }
    }

    pub(super) fn break_storms(&mut self) {
        let (Some(how), Some(storm)) = (&self.job.scenario.storm, &mut self.storm) else {
            return;
        };
        let Some(due) = storm.next.filter(|due| *due <= self.now) else {
            return;
        };
        let every = (how.every_seconds * SECOND as f64) as u64;
        storm.next = (every > 0).then_some(due + every);
        // Those whom an earlier one keeps away have to come back from this one.
        storm.broke = self.now;
        let share = super::super::scenario::share_of(self.job.scenario.users, how.share);
        let is_online = |seat: &u32| self.seats[*seat as usize].state == State::Online;
        let hit: Vec<u32> = (0..share).filter(is_online).collect();
        storm.away.extend(&hit);
        for seat in hit {
            self.leave(seat);
            let wait = fastrand::u64(0..=u64::from(how.within_ms) * 1000);
            self.entry.push_later(self.now + wait, seat);
        }
    }

    /// The last one who is back ends the storm.
    pub(super) fn after_login_in_storm(&mut self, seat: u32) {
        let Some(storm) = &mut self.storm else {
            return;
        };
        if storm.away.remove(&seat) && storm.away.is_empty() {
            self.measure.time(Timing::Back, storm.broke, self.now);
        }
    }

    /// Whether a storm is not over yet.
    pub(super) fn is_stormy(&self) -> bool {
        let storm = self.storm.as_ref();
        storm.is_some_and(|storm| !storm.away.is_empty())
    }

    /// How many tried to come back from the last storm and are not when the run ends. It is timed with the age that it has
    /// then, unless some had not set out yet.
    pub(super) fn still_away_from_storm(&mut self) -> u64 {
        let Some(storm) = &self.storm else {
            return 0;
        };
        let tried = storm.away.iter().filter(|seat| {
            let at = &self.seats[**seat as usize];
            at.state != State::Away || at.failures > 0
        });
        let tried = tried.count();
        if tried > 0 && tried == storm.away.len() {
            self.measure.time(Timing::Back, storm.broke, self.now);
        }
        tried as u64
    }
}

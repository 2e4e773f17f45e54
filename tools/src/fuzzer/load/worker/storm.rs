//! Many lose their connections at once, and come back.

use super::seat::State;
use super::{SECOND, Worker};

/// When the next storm is.
#[derive(Debug)]
pub(super) struct Storm {
    next: Option<u64>,
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
            });
            // Nobody waits for anybody else.
            self.entry.set(self.now, u32::MAX, 0.0);
        }
    }

    pub(super) fn break_storms(&mut self) {
        let (Some(how), Some(storm)) = (&self.scenario().storm, &mut self.storm) else {
            return;
        };
        let Some(due) = storm.next.filter(|due| *due <= self.now) else {
            return;
        };
        let every = (how.every_seconds * SECOND as f64) as u64;
        storm.next = (every > 0).then_some(due + every);
        let hit = super::super::scenario::share_of(self.scenario().users, how.share);
        for seat in 0..hit {
            if self.seats[seat as usize].state == State::Online {
                self.leave(seat);
                let wait = fastrand::u64(0..=u64::from(how.within_ms) * 1000);
                self.entry.push_later(self.now + wait, seat);
            }
        }
    }
}

//! Users who come and go, and what others are told of it.

use std::collections::HashMap;

use proto::im::base_define::UserStatType;
use proto::im::buddy::ImUserStatNotify;

use super::super::super::outcome::{Counter, Phase, Timing};
use super::super::scenario::share_of;
use super::Worker;
use super::schedule::Schedule;
use super::seat::State;

/// Who comes and goes.
#[derive(Debug)]
pub(super) struct Presence {
    first: u32,
    count: u32,
    schedule: Schedule,
    /// By the users' ids.
    seats: HashMap<u32, u32>,
}

impl Presence {
    pub(super) fn due(&self) -> u64 {
        self.schedule.due()
    }
}

impl Worker<'_> {
    pub(super) fn begin_presence(&mut self) {
        let Some(presence) = &self.scenario().presence else {
            return;
        };
        let users = self.scenario().users;
        let count = share_of(users, presence.share);
        let first = users - count;
        let seats = first..users;
        let seats = seats.map(|seat| (self.seats[seat as usize].user_id, seat));
        self.presence = Some(Presence {
            first,
            count,
            seats: seats.filter(|(id, _)| *id != 0).collect(),
            schedule: Schedule::new(self.now, presence.rate),
        });
    }

    pub(super) fn change_presence(&mut self) {
        while let Some(presence) = &mut self.presence
            && let Some((turn, _)) = presence.schedule.take(self.now)
        {
            let seat = presence.first + (turn % u64::from(presence.count)) as u32;
            match self.seats[seat as usize].state {
                State::Online => self.leave(seat),
                State::Away => self.entry.push(seat),
                // He is still on his way in: the turn is nobody's.
                _ => self.count(Counter::Skipped),
            }
        }
    }

    /// A notice of somebody's presence.
    pub(super) fn on_presence(&mut self, body: &[u8]) {
        self.count(Counter::Presence);
        if self.measure.phase != Phase::Run {
            return;
        }
        let Some(presence) = &self.presence else {
            return;
        };
        let Ok(notice) = <ImUserStatNotify as prost::Message>::decode(body) else {
            self.count(Counter::Malformed);
            return;
        };
        let Some(seat) = presence.seats.get(&notice.user_stat.user_id) else {
            return;
        };
        let seat = &self.seats[*seat as usize];
        let online = matches!(seat.state, State::Entering | State::Online);
        // A notice of the change before is not timed from this one.
        if online == (notice.user_stat.status == UserStatType::UserStatusOnline as i32) {
            let changed = seat.changed;
            self.measure.time(Timing::Presence, changed, self.now);
        }
    }
}

//! Users who log in during the load.

use super::super::super::outcome::{Phase, Timing};
use super::Worker;
use super::seat::State;

/// How the logins of the load go.
#[derive(Debug)]
pub(super) struct Logins {
    /// Seats from here on log in during the load.
    online: u32,
    hold: bool,
}

impl Worker<'_> {
    pub(super) fn prepare_logins(&mut self) {
        let logins = self.scenario().logins.as_ref();
        self.logins = logins.map(|logins| Logins {
            online: logins.online,
            hold: logins.hold,
        });
    }

    /// Seats that log in before the load, the first ones.
    pub(super) fn seats_before_the_load(&self) -> u32 {
        match &self.scenario().logins {
            Some(logins) if !logins.resumed => logins.online,
            _ => self.scenario().users,
        }
    }

    /// Before the load, who comes back in it was here for his token alone.
    pub(super) fn after_login_for_token(&mut self, seat: u32) {
        if self
            .logins
            .as_ref()
            .is_some_and(|logins| seat >= logins.online)
        {
            self.leave(seat);
        }
    }

    pub(super) fn begin_logins(&mut self) {
        let Some(logins) = &self.scenario().logins else {
            return;
        };
        // At a rate nobody waits for anybody else's login: what a slow server would delay so is what it is measured by.
        let most = match logins.rate > 0.0 {
            true => u32::MAX,
            false => logins.concurrency,
        };
        self.entry.set(self.now, most, logins.rate);
        self.door.let_in = 0;
        self.door.failed = 0;
        for seat in logins.online..self.scenario().users {
            self.entry.push(seat);
        }
    }

    /// Unless he stays, he leaves and queues again.
    pub(super) fn after_login_in_load(&mut self, seat: u32) {
        let Some(logins) = &self.logins else {
            return;
        };
        if !logins.hold && seat >= logins.online {
            self.leave(seat);
            self.entry.push(seat);
        }
    }

    /// Everybody who was to log in did, or failed to.
    pub(super) fn logins_are_over(&self) -> bool {
        self.logins.as_ref().is_some_and(|logins| logins.hold) && self.entry.is_idle()
    }

    /// Why logins make no sense any more, if they are what the load consists of.
    pub(super) fn login_verdict(&self) -> Option<String> {
        self.logins.as_ref()?;
        self.door.verdict(self.logins_are_over())
    }

    /// Times a login that has come to its end, or one that is not waited for any more with the age that it has.
    pub(super) fn time_login(&mut self, seat: u32, resumed: bool) {
        let timing = if resumed {
            Timing::Resume
        } else {
            Timing::Login
        };
        // Where logins are the load, those that only prepare it are not among its times.
        if self.measure.phase != Phase::Setup || !self.logins_are_the_load() {
            let started = self.seats[seat as usize].started;
            self.measure.time(timing, started, self.now);
        }
    }

    /// Times the logins that are under way when the run ends: how many those are.
    pub(super) fn time_open_logins(&mut self) -> u64 {
        let mut open = 0;
        for seat in 0..self.seats.len() as u32 {
            let at = &self.seats[seat as usize];
            if !matches!(at.state, State::Away | State::Online) {
                self.time_login(seat, at.token.is_some());
                open += 1;
            }
        }
        open
    }

    /// Whether the scenario is about logins.
    pub(super) fn logins_are_the_load(&self) -> bool {
        self.scenario().logins.is_some() || self.scenario().storm.is_some()
    }
}

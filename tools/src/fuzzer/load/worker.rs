//! One process's users: a loop over epoll in one thread, without a task or a thread for each connection.
//!
//! Read in this order: [`seat`] (a user), [`enter`] (how he gets in), [`hear`] (what he is told), [`talk`] (what he
//! writes), then what else users do. [`link`], [`poller`], [`wire`] and [`asked`] are about bytes and know no scenario.

mod asked;
mod enter;
mod entry;
mod group;
mod hear;
mod history;
mod link;
mod login_server;
mod logins;
mod measure;
mod poller;
mod presence;
mod schedule;
mod seat;
mod stage;
mod storm;
mod talk;
mod wire;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use anyhow::Context;
use proto::Body;
use proto::im::other::ImHeartBeat;
use proto::pdu::write_message;

use super::super::outcome::{Counter, Ending, Slice};
use super::super::permit::Permit;
use super::ledger::Ledger;
use super::scenario::Scenario;
use super::tag::Run;
use super::target::Route;
use crate::client::Trust;
use entry::Entry;
use measure::{Clock, Measure};
use poller::Poller;
use seat::{Seat, State, of_key};
use stage::Stage;

/// Microseconds of a second.
const SECOND: u64 = 1_000_000;

/// Between two rounds of housekeeping, in microseconds.
const TICK: u64 = 100_000;

/// Between heartbeats of one connection, in ticks: 25 s, shorter than any silence a server takes for death.
const HEARTBEAT_TICKS: u64 = 250;

/// Bytes read at once. A connection that has more is read again in its turn.
const READ_SIZE: usize = 64 * 1024;

/// Who hears of a worker's progress, and says when to go on.
pub(super) trait Director {
    /// Something was measured.
    fn slice(&mut self, slice: Slice);

    /// Everything is prepared. The load begins when `may_go` is true.
    fn ready(&mut self);

    /// Whether all workers are ready.
    fn may_go(&mut self) -> bool;

    /// Whether the load is over because everybody who had something to do has done it.
    fn is_over(&mut self) -> bool;

    /// Everything has arrived, or is not waited for any more.
    fn arrived(&mut self);

    /// Whether all workers are that far. Until then users stay.
    fn may_leave(&mut self) -> bool;

    /// Whether somebody wants the run to end now.
    fn must_stop(&mut self) -> bool;
}

/// What a worker is to do.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) scenario: Scenario,
    pub(super) route: Route,
    pub(super) permit: Permit,
    /// Whom to believe, where msg_servers are to be reached with TLS.
    pub(super) trust: Option<Trust>,
    pub(super) password: String,
    pub(super) run: Run,
    pub(super) began: SystemTime,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Done {
    pub(super) ending: Ending,
    /// How long the load lasted.
    pub(super) seconds: f64,
}

/// Plays its part of a scenario, and returns when that is over. An error means that it could not even begin.
pub(super) fn play(job: &Job, director: &mut dyn Director) -> anyhow::Result<Done> {
    let mut worker = Worker::new(job, director)?;
    worker.run().context("waiting for connections")
}

struct Worker<'a> {
    job: &'a Job,
    director: &'a mut dyn Director,
    clock: Clock,
    now: u64,
    poller: Poller,
    seats: Vec<Seat>,
    /// Seats with something to flush.
    dirty: Vec<u32>,
    scratch: Vec<u8>,
    entry: Entry,
    door: enter::Door,
    measure: Measure,
    ledger: Ledger,
    talks: Vec<talk::Talk>,
    voices: Vec<talk::Voice>,
    groups: group::Groups,
    logins: Option<logins::Logins>,
    presence: Option<presence::Presence>,
    history: Option<history::History>,
    storm: Option<storm::Storm>,
    /// Connections from which messages are expected a moment after their login: when, whose, which.
    settling: VecDeque<(u64, u32, u32)>,
    stage: Stage,
    verdict: stage::Verdict,
    next_tick: u64,
    ticks: u64,
}

impl<'a> Worker<'a> {
    fn new(job: &'a Job, director: &'a mut dyn Director) -> anyhow::Result<Self> {
        let clock = Clock::since(job.began);
        let now = clock.now();
        let scenario = &job.scenario;
        let mut worker = Self {
            job,
            director,
            clock,
            now,
            poller: Poller::new().context("making an epoll instance")?,
            seats: (0..scenario.users).map(|_| Seat::new()).collect(),
            dirty: Vec::new(),
            scratch: vec![0; READ_SIZE],
            entry: Entry::new(now, scenario.login_concurrency, scenario.login_rate),
            door: enter::Door::new(scenario, &job.password),
            measure: Measure::new(now),
            ledger: Ledger::default(),
            talks: Vec::new(),
            voices: Vec::new(),
            groups: group::Groups::default(),
            logins: None,
            presence: None,
            history: None,
            storm: None,
            settling: VecDeque::new(),
            stage: Stage::Enter,
            verdict: stage::Verdict::default(),
            next_tick: now + TICK,
            ticks: 0,
        };
        worker.prepare();
        Ok(worker)
    }

    fn scenario(&self) -> &'a Scenario {
        &self.job.scenario
    }

    fn run(&mut self) -> std::io::Result<Done> {
        loop {
            self.now = self.clock.now();
            if let Some(done) = self.advance() {
                return Ok(done);
            }
            while let Some((seat, began)) = self.entry.next(self.now) {
                self.begin_login(seat, began);
            }
            self.take_turns();
            self.flush();
            let (until, exact) = self.wake_at();
            self.poller
                .wait(until.saturating_sub(self.clock.now()), exact)?;
            for at in 0..self.poller.len() {
                if let Some(ready) = self.poller.ready(at) {
                    self.now = self.clock.now();
                    self.on_ready(ready);
                }
            }
            if self.now >= self.next_tick {
                self.tick();
            }
        }
    }

    /// When to wake up though nothing happens, and whether to the microsecond.
    fn wake_at(&self) -> (u64, bool) {
        let mut due = self.entry.due().into_iter().chain(self.stage_due()).min();
        if let Stage::Run { .. } = self.stage {
            let others = [
                self.presence.as_ref().map(presence::Presence::due),
                self.history.as_ref().and_then(history::History::due),
                self.storm.as_ref().and_then(storm::Storm::due),
            ];
            let talks = self.talks.iter().filter_map(talk::Talk::due);
            due = talks.chain(others.into_iter().flatten()).chain(due).min();
        }
        match due {
            Some(due) if due < self.next_tick => (due, true),
            _ => (self.next_tick, false),
        }
    }

    fn on_ready(&mut self, ready: poller::Ready) {
        let (seat, generation) = of_key(ready.key);
        let is_now = |worker: &Self| {
            let now = &worker.seats[seat as usize];
            now.generation == generation && now.link.is_some()
        };
        if ready.writable && is_now(self) {
            match self.seats[seat as usize].state {
                State::Looking | State::Dialling => self.on_dialled(seat),
                _ => self.mark(seat),
            }
        }
        // What was written above may have ended the connection.
        if ready.readable && is_now(self) {
            self.on_readable(seat);
        }
    }

    /// Has the seat's output flushed before the next wait.
    fn mark(&mut self, seat: u32) {
        let marked = &mut self.seats[seat as usize].dirty;
        if !*marked {
            *marked = true;
            self.dirty.push(seat);
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for seat in dirty.drain(..) {
            let at = &mut self.seats[seat as usize];
            at.dirty = false;
            let key = at.key(seat);
            let Some(link) = &mut at.link else {
                continue;
            };
            let flushed = link.flush().and_then(|whole| {
                if whole == link.watched {
                    link.watched = !whole;
                    self.poller
                        .watch_writable(link.stream(), key, link.watched)?;
                }
                Ok(())
            });
            if let Err(error) = flushed {
                self.broke(seat, &error.to_string());
            }
        }
        // A connection that broke may have marked another one meanwhile: those keep their place.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    /// Heartbeats, deadlines, slices.
    fn tick(&mut self) {
        self.next_tick = self.now + TICK;
        self.ticks += 1;
        let first = (self.ticks % HEARTBEAT_TICKS) as usize;
        for seat in (first..self.seats.len()).step_by(HEARTBEAT_TICKS as usize) {
            let at = &mut self.seats[seat];
            if at.state == State::Online
                && let Some(link) = &mut at.link
            {
                write_message(&ImHeartBeat {}, 0, &mut link.output);
                self.mark(seat as u32);
            }
        }
        self.expire_logins();
        self.settle();
        if self.ticks.is_multiple_of(10) {
            self.give_up_old_questions();
        }
        if let Some(slice) = self.measure.tick(self.now) {
            self.director.slice(slice);
        }
    }

    /// Messages to who has been online for a moment are expected to arrive.
    fn settle(&mut self) {
        while let Some((at, seat, generation)) = self.settling.front().copied() {
            if at > self.now {
                return;
            }
            self.settling.pop_front();
            let settled = &self.seats[seat as usize];
            if settled.generation == generation && settled.state == State::Online {
                for (conversation, member) in &settled.places {
                    self.ledger.online(*conversation, *member);
                }
            }
        }
    }

    /// Where this seat dials from, if not from where the system chooses.
    fn source(&self, seat: u32) -> Option<Ipv4Addr> {
        let count = self.scenario().source_addresses;
        let number = self.scenario().first_user.wrapping_add(seat);
        let host = u32::from(Ipv4Addr::new(127, 0, 0, 2));
        (count > 0).then(|| Ipv4Addr::from(host + number % count))
    }

    /// What a seat's user is called.
    fn user_name(&self, seat: u32) -> String {
        let scenario = self.scenario();
        format!("{}{}", scenario.user_prefix, scenario.first_user + seat)
    }

    /// Queues a message that is not on the hot path.
    fn write<M: Body>(&mut self, seat: u32, message: &M, seq_num: u16) {
        if let Some(link) = &mut self.seats[seat as usize].link {
            write_message(message, seq_num, &mut link.output);
            self.mark(seat);
        }
    }

    fn count(&mut self, counter: Counter) {
        self.measure.add(counter);
    }
}

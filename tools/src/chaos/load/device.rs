//! One device: a task that writes, listens, comes back and moves on.

mod coming;
mod hearing;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Phase;
use super::catch_up::Knowledge;
use super::content::Run;
use super::enter::Entered;
use super::outbox::Outbox;
use crate::chaos::history::{History, Talk};
use crate::client::{Account, Event, Events, SendError, Session};

/// How long an answer may take before a device sends again.
const ANSWER: Duration = Duration::from_secs(5);

/// After so long without a frame a device asks whether anybody is there.
const SILENCE: Duration = Duration::from_secs(3);

/// How long that may take before it gives the connection up.
const PING: Duration = Duration::from_secs(3);

/// Between two tries to come back, at first and at most.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// Between two read marks of a device, about.
const READ_EVERY: Duration = Duration::from_secs(2);

/// Between two times at which a phone finds another network and logs in anew, about.
const ROAM_EVERY: Duration = Duration::from_secs(30);

/// Of a hundred messages of somebody who is in groups, how many go to one.
const TO_GROUPS: u32 = 10;

/// Who it is, and what it does.
pub(in crate::chaos) struct Device {
    pub(in crate::chaos) number: u32,
    pub(in crate::chaos) user: u32,
    pub(in crate::chaos) account: Account,
    pub(in crate::chaos) logins: Arc<[String]>,
    pub(in crate::chaos) talks: Vec<Talk>,
    /// Where each conversation began, in the order of `talks`.
    pub(in crate::chaos) bases: Vec<u32>,
    /// Whether it logs in anew now and then without a need.
    pub(in crate::chaos) roams: bool,
    /// Between two messages.
    pub(in crate::chaos) pace: Duration,
    pub(in crate::chaos) run: Run,
    pub(in crate::chaos) history: History,
    pub(in crate::chaos) random: fastrand::Rng,
}

/// A connection.
struct Line {
    number: u32,
    session: Session,
    events: Events,
    syncs: bool,
    heard: Instant,
}

/// A connection that was left: nothing new goes over it, what comes is taken.
struct Old {
    number: u32,
    events: Events,
    /// Until everything on its way is answered.
    session: Option<Session>,
    on_the_way: usize,
}

type Sent = (u32, u64, Result<u32, SendError>);

struct Life {
    device: Device,
    phase: watch::Receiver<Phase>,
    calm: watch::Sender<Option<Phase>>,
    line: Option<Line>,
    /// The connection that was left for another one.
    old: Option<Old>,
    entering: Option<BoxFuture<'static, Result<Entered, String>>>,
    catching: Option<BoxFuture<'static, Option<Knowledge>>>,
    /// Something may be missing that the catching up under way does not see.
    catch_again: Option<Duration>,
    pinging: Option<BoxFuture<'static, bool>>,
    sending: FuturesUnordered<BoxFuture<'static, Sent>>,
    outbox: Outbox,
    knowledge: Knowledge,
    connections: u32,
    messages: u32,
    backoff: Duration,
    write_at: Instant,
    read_at: Instant,
    roam_at: Instant,
    /// Whether the newest marks were made once more.
    marked: bool,
}

impl Device {
    /// Lives until everybody is sent away. `calm` is the phase in which it is connected and has nothing left to do.
    pub(in crate::chaos) async fn live(
        mut self,
        phase: watch::Receiver<Phase>,
        calm: watch::Sender<Option<Phase>>,
    ) {
        let mut knowledge = Knowledge::default();
        for (talk, base) in self.talks.iter().zip(&self.bases) {
            knowledge.memory.skip_to(*talk, *base);
        }
        // Not all at once.
        let first = self.pace.mul_f64(self.random.f64());
        let life = Life {
            knowledge,
            phase,
            calm,
            line: None,
            old: None,
            entering: None,
            catching: None,
            catch_again: None,
            pinging: None,
            sending: FuturesUnordered::new(),
            outbox: Outbox::default(),
            connections: 0,
            messages: 0,
            backoff: FIRST_BACKOFF,
            write_at: Instant::now() + first,
            read_at: Instant::now() + READ_EVERY.mul_f64(self.random.f64()),
            roam_at: Instant::now() + ROAM_EVERY.mul_f64(self.random.f64() + 0.5),
            marked: false,
            device: self,
        };
        life.run().await;
    }
}

impl Life {
    async fn run(mut self) {
        let beat = self
            .device
            .pace
            .clamp(Duration::from_millis(10), Duration::from_millis(100));
        let mut beat = interval(beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.come_back(Duration::ZERO, Vec::new());
        loop {
            let phase = *self.phase.borrow_and_update();
            if phase == Phase::Leave {
                return;
            }
            self.say_whether_calm(phase);
            tokio::select! {
                _ = beat.tick() => self.beat(phase).await,
                event = next_event(self.line.as_mut().map(|line| &mut line.events)) => self.happened(event),
                event = next_event(self.old.as_mut().map(|old| &mut old.events)) => self.happened_before(&event),
                Some(sent) = self.sending.next() => {
                    self.sent(sent);
                    self.send().await;
                }
                entered = optional(&mut self.entering) => {
                    self.entering = None;
                    self.entered(entered);
                    self.send().await;
                }
                knowledge = optional(&mut self.catching) => {
                    self.catching = None;
                    self.caught_up(knowledge);
                }
                answered = optional(&mut self.pinging) => {
                    self.pinging = None;
                    self.pinged(answered);
                }
                changed = self.phase.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    fn say_whether_calm(&self, phase: Phase) {
        let calm = self.line.is_some()
            && self.entering.is_none()
            && self.outbox.is_empty()
            && self.catching.is_none()
            && (phase < Phase::Mark || self.marked);
        let now = calm.then_some(phase);
        self.calm.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }

    async fn beat(&mut self, phase: Phase) {
        let now = Instant::now();
        if phase == Phase::Write {
            if now.saturating_duration_since(self.write_at) > Duration::from_secs(1) {
                // What could not be written because too much waited is not made up for.
                self.write_at = now;
            }
            while self.write_at <= now && !self.outbox.is_full() {
                self.write();
                let about = 0.5 + self.device.random.f64();
                self.write_at += self.device.pace.mul_f64(about);
            }
        }
        self.send().await;
        if now >= self.read_at && phase >= Phase::Write {
            self.read_at = now + READ_EVERY.mul_f64(0.5 + self.device.random.f64());
            let talk = self.device.random.choice(&self.device.talks).copied();
            if let Some(talk) = talk {
                self.mark(talk).await;
            }
        }
        if now >= self.roam_at && self.device.roams && phase == Phase::Write {
            self.roam_at = now + ROAM_EVERY.mul_f64(self.device.random.f64() + 0.5);
            if self.line.is_some() && self.entering.is_none() {
                self.come_back(Duration::ZERO, Vec::new());
            }
        }
        if phase == Phase::Mark && !self.marked && self.line.is_some() {
            for talk in self.device.talks.clone() {
                self.mark(talk).await;
            }
            self.marked = self.line.is_some();
        }
        let silent = |line: &Line| line.heard.elapsed() > SILENCE;
        if self.pinging.is_none()
            && let Some(line) = self.line.as_ref().filter(|line| silent(line))
        {
            let session = line.session.with_deadline(PING);
            self.pinging = Some(Box::pin(async move { session.ping().await.is_ok() }));
        }
    }
}

/// Cancel-safe if the future is.
async fn optional<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Cancel-safe.
async fn next_event(events: Option<&mut Events>) -> Event {
    let next = match events {
        Some(events) => events.next().await,
        None => None,
    };
    match next {
        Some(event) => event,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

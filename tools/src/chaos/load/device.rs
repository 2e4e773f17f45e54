//! One device: a task that writes, listens, comes back and moves on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use proto::capability;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Phase;
use super::catch_up::{CatchUp, Knowledge};
use super::content::Run;
use super::enter::{Entered, enter};
use super::outbox::Outbox;
use crate::chaos::history::{History, Talk, What};
use crate::client::{
    Account, Address, CloseReason, Conversation, Event, Events, RequestError, SendError, Session,
};

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

    /// Somebody types.
    fn write(&mut self) {
        let random = &mut self.device.random;
        let to_group = random.u32(0..100) < TO_GROUPS;
        let groups = |talk: &&Talk| matches!(talk, Talk::Group(_)) == to_group;
        let talks: Vec<&Talk> = self.device.talks.iter().filter(groups).collect();
        let talk = match random.choice(&talks) {
            Some(talk) => **talk,
            None => self.device.talks[0],
        };
        self.messages += 1;
        let key = u64::from(self.device.number) << 32 | u64::from(self.messages);
        self.outbox.write(key, talk);
    }

    /// Sends what is due.
    async fn send(&mut self) {
        let Some(line) = &self.line else { return };
        while let Some((key, talk)) = self.outbox.next() {
            let number = line.number;
            self.device.history.note(What::Sent {
                device: self.device.number,
                connection: number,
                key,
                talk,
            });
            let to = talk.seen_by(self.device.user);
            // There is room for many more requests than are on their way, so this does not wait.
            let message = self.device.run.message(key, to);
            let started = line.session.start_send(&message).await;
            self.sending.push(Box::pin(async move {
                let stored = match started {
                    Ok(sending) => sending.stored().await,
                    Err(error) => Err(error.into()),
                };
                (number, key, stored.map(proto::ids::MessageId::get))
            }));
        }
    }

    fn sent(&mut self, (connection, key, result): Sent) {
        let device = self.device.number;
        if let Some(old) = self.old.as_mut().filter(|old| old.number == connection) {
            old.on_the_way = old.on_the_way.saturating_sub(1);
            if old.on_the_way == 0 {
                old.session = None;
            }
        }
        match result {
            Ok(id) => {
                self.device.history.note(What::Acked {
                    device,
                    connection,
                    key,
                    id,
                });
                if let Some(talk) = self.outbox.acked(key) {
                    self.knowledge.memory.put(talk, id);
                }
                self.heard(connection);
            }
            Err(error) => {
                let (reason, again) = self.failure(&error);
                self.device.history.note(What::Failed {
                    device,
                    connection,
                    key,
                    reason,
                });
                self.outbox.failed(key, again);
            }
        }
    }

    /// Why it failed, in few words, and when it is tried again.
    fn failure(&mut self, error: &SendError) -> (String, Duration) {
        let a_while = Duration::from_millis(self.device.random.u64(200..600));
        match error {
            SendError::Refused => ("refused".into(), a_while),
            SendError::Request(RequestError::Nak {
                reason,
                retry_after,
                ..
            }) => {
                let again = retry_after.unwrap_or(Duration::from_secs(1));
                (format!("refused: {reason}"), again + a_while)
            }
            SendError::Request(RequestError::Closed(_)) => {
                ("the connection was lost".into(), Duration::ZERO)
            }
            SendError::Request(RequestError::Deadline { .. }) => {
                (format!("no answer within {} s", ANSWER.as_secs()), a_while)
            }
            SendError::Request(other) => (other.to_string(), a_while),
        }
    }

    fn heard(&mut self, connection: u32) {
        if let Some(line) = self.line.as_mut().filter(|line| line.number == connection) {
            line.heard = Instant::now();
        }
    }

    /// Marks a conversation as read.
    async fn mark(&mut self, talk: Talk) {
        let id = self.knowledge.memory.newest(talk);
        let Some(line) = self.line.as_ref().filter(|_| id > 0) else {
            return;
        };
        self.device.history.note(What::Marked {
            device: self.device.number,
            talk,
            id,
        });
        let conversation = talk.seen_by(self.device.user);
        // Nothing confirms it, and a connection that is lost shows otherwise.
        drop(line.session.mark_read(conversation, id).await);
    }

    fn happened(&mut self, event: Event) {
        let Some(line) = &mut self.line else { return };
        line.heard = Instant::now();
        let connection = line.number;
        match event {
            Event::Closed(reason) => {
                self.line = None;
                self.lost(connection, &reason);
            }
            event => self.told(connection, event),
        }
    }

    fn happened_before(&mut self, event: &Event) {
        let Some(connection) = self.old.as_ref().map(|old| old.number) else {
            return;
        };
        match event {
            Event::Closed(reason) => {
                self.old = None;
                self.disconnected(connection, &reason.to_string());
            }
            event => self.told(connection, event.clone()),
        }
    }

    fn told(&mut self, connection: u32, event: Event) {
        let device = self.device.number;
        match event {
            Event::Message(message) => {
                let (talk, seen) = self.device.run.seen(self.device.user, &message);
                self.knowledge.memory.put(talk, seen.id);
                self.device.history.note(What::Pushed {
                    device,
                    connection,
                    talk,
                    seen,
                });
            }
            Event::ReadNotify(notify) => {
                let conversation = Conversation::from_wire(notify.session_id, notify.session_type);
                self.device.history.note(What::MarkTold {
                    device,
                    talk: Talk::of(self.device.user, conversation),
                    id: notify.msg_id,
                });
            }
            Event::Other(pdu) => self.extension(&pdu),
            _ => {}
        }
    }

    fn extension(&mut self, pdu: &proto::Pdu) {
        use proto::Body;
        use proto::im::ext::login::ImReconnect;
        use proto::im::ext::message::ImSyncHint;
        let device = self.device.number;
        if let (ImSyncHint::ID, Ok(hint)) = (pdu.command(), pdu.decode::<ImSyncHint>()) {
            self.device.history.note(What::Hinted { device });
            let wait = self.device.random.u64(0..=hint.within_ms.into());
            self.catch_up(wait);
        }
        if let (ImReconnect::ID, Ok(order)) = (pdu.command(), pdu.decode::<ImReconnect>()) {
            let within_ms = u64::from(order.within_ms);
            self.device.history.note(What::ToMove { device, within_ms });
            let first = u64::from(order.after_ms).min(within_ms);
            // Well before the end, for logging in takes time as well.
            let last = first.max(within_ms / 2);
            let wait = Duration::from_millis(self.device.random.u64(first..=last));
            let servers = order.server.into_iter().filter_map(|server| {
                let port = u16::try_from(server.port).ok()?;
                let mut address = Address::direct(&server.ip1, port);
                address.backup = server.ip2;
                Some(address)
            });
            self.come_back(wait, servers.collect());
        }
    }

    fn lost(&mut self, connection: u32, reason: &CloseReason) {
        self.disconnected(connection, &reason.to_string());
        self.give_up();
    }

    fn disconnected(&self, connection: u32, reason: &str) {
        self.device.history.note(What::Disconnected {
            device: self.device.number,
            connection,
            reason: reason.to_owned(),
        });
    }

    /// The connection is gone.
    fn give_up(&mut self) {
        self.catching = None;
        self.pinging = None;
        self.come_back(Duration::ZERO, Vec::new());
    }

    fn pinged(&mut self, answered: bool) {
        if answered {
            return;
        }
        if let Some(line) = self.line.take() {
            let reason = format!("no answer to a ping within {} s", PING.as_secs());
            self.disconnected(line.number, &reason);
            self.give_up();
        }
    }

    /// Logs in after a wait, at one of these servers or where a login_server says.
    fn come_back(&mut self, wait: Duration, servers: Vec<Address>) {
        let account = self.device.account.clone();
        let logins = self.device.logins.clone();
        let first = self.device.random.usize(0..logins.len());
        self.entering = Some(Box::pin(async move {
            sleep(wait).await;
            enter(&account, &servers, &logins[first]).await
        }));
    }

    fn entered(&mut self, entered: Result<Entered, String>) {
        let device = self.device.number;
        let Entered {
            session,
            events,
            server,
        } = match entered {
            Ok(entered) => entered,
            Err(reason) => {
                self.device
                    .history
                    .note(What::NotConnected { device, reason });
                let wait = self.backoff.mul_f64(0.5 + self.device.random.f64());
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                self.come_back(wait, Vec::new());
                return;
            }
        };
        self.backoff = FIRST_BACKOFF;
        self.connections += 1;
        let granted = |bit| session.granted() & bit != 0;
        let syncs = granted(capability::SYNC);
        self.device.history.note(What::Connected {
            device,
            connection: self.connections,
            server,
            moves: granted(capability::RECONNECT),
            syncs,
        });
        let line = Line {
            number: self.connections,
            session: session.with_deadline(ANSWER),
            events,
            syncs,
            heard: Instant::now(),
        };
        if let Some(old) = self.line.replace(line) {
            let on_the_way = self.sending.len();
            self.old = Some(Old {
                number: old.number,
                events: old.events,
                session: (on_the_way > 0).then_some(old.session),
                on_the_way,
            });
        }
        self.catching = None;
        self.pinging = None;
        self.catch_up(0);
    }

    /// Asks for what is missing, after so many milliseconds.
    fn catch_up(&mut self, wait_ms: u64) {
        let wait = Duration::from_millis(wait_ms);
        let Some(line) = &self.line else { return };
        if self.catching.is_some() {
            self.catch_again = Some(wait);
            return;
        }
        let catch_up = CatchUp {
            device: self.device.number,
            connection: line.number,
            session: line.session.clone(),
            syncs: line.syncs,
            run: self.device.run,
            history: self.device.history.clone(),
        };
        let knowledge = self.knowledge.clone();
        self.catching = Some(Box::pin(async move {
            sleep(wait).await;
            catch_up.run(knowledge).await
        }));
    }

    fn caught_up(&mut self, knowledge: Option<Knowledge>) {
        // Without an answer the connection is over, which shows by itself.
        if let Some(knowledge) = knowledge {
            self.knowledge.memory.add(&knowledge.memory);
            self.knowledge.cursor = knowledge.cursor;
        }
        if let Some(wait) = self.catch_again.take() {
            self.catch_up(u64::try_from(wait.as_millis()).unwrap_or_default());
        }
    }
}

async fn optional<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

fn next_event(events: Option<&mut Events>) -> impl Future<Output = Event> {
    async move {
        match events {
            Some(events) => match events.next().await {
                Some(event) => event,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

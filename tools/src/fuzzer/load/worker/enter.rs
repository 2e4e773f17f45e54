//! How a user gets in, and how he leaves: address, connection, login, and the end of it.

use std::collections::VecDeque;
use std::time::Duration;

use im_base::peer::backoff::Backoff;
use proto::device::DeviceType;
use proto::im::base_define::{ClientType, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::{Body, capability};

use super::super::super::outcome::{Counter, Timing};
use super::super::scenario::{ClientKind, Scenario};
use super::super::target::{Route, Spot};
use super::asked::Question;
use super::link::Link;
use super::seat::State;
use super::{SECOND, Worker, login_server};
use crate::client::{Trust, password_digest};

/// The login's number, which no other question has.
const LOGIN_SEQ_NUM: u16 = 1;

/// Until messages to somebody who logged in are expected to arrive, in microseconds: so long the servers may take to hear of it.
const SETTLE: u64 = SECOND / 2;

/// How often who lost his connection tries to come back.
const RECONNECT: Backoff = Backoff {
    first: Duration::from_millis(200),
    most: Duration::from_secs(8),
};

/// Failed logins before which nobody gives up while others are still to come.
const FEW: u64 = 5;

/// What all logins have in common, and how they go.
#[derive(Debug)]
pub(super) struct Door {
    digest: String,
    device: DeviceType,
    wants_token: bool,
    /// Logins under way: deadline, seat, generation.
    deadlines: VecDeque<(u64, u32, u32)>,
    /// Logins that were let in, and that were not.
    pub(super) let_in: u64,
    pub(super) failed: u64,
    /// Why the first one was not.
    pub(super) first_failure: Option<String>,
    /// When anybody was last let in.
    pub(super) opened: u64,
}

impl Door {
    pub(super) fn new(scenario: &Scenario, password: &str) -> Self {
        let client = match scenario.client {
            ClientKind::Desktop => ClientType::Windows,
            ClientKind::Phone => ClientType::Android,
        };
        Self {
            digest: password_digest(password),
            device: DeviceType::parse(client as i32)
                .expect("the base protocol's own types are known"),
            wants_token: scenario.is_resumed(),
            deadlines: VecDeque::new(),
            let_in: 0,
            failed: 0,
            first_failure: None,
            opened: 0,
        }
    }

    /// Why it makes no sense to go on, if more than a tenth fail: after some failures, or of all there will be.
    pub(super) fn verdict(&self, of_all: bool) -> Option<String> {
        let tried = self.failed + self.let_in;
        let enough = of_all || self.failed >= FEW;
        if !enough || self.failed * 10 <= tried {
            return None;
        }
        let first = self.first_failure.as_deref().unwrap_or_default();
        Some(format!(
            "{} of {tried} logins failed; the first: {first}",
            self.failed
        ))
    }
}

impl Worker<'_> {
    /// Begins a login that is timed from `began`; it is under way until it succeeds or fails.
    pub(super) fn begin_login(&mut self, seat: u32, began: u64) {
        let at = &mut self.seats[seat as usize];
        if at.state != State::Away {
            // He was sent for twice.
            self.entry.ended();
            return;
        }
        at.started = began;
        at.generation += 1;
        let deadline = self.now + u64::from(self.scenario().answer_seconds) * SECOND;
        let generation = self.seats[seat as usize].generation;
        self.door.deadlines.push_back((deadline, seat, generation));
        let job = self.job;
        let trust = job.trust.as_ref();
        match &job.route {
            Route::Ask {
                login, is_https, ..
            } => self.dial(seat, login, trust.filter(|_| *is_https), State::Looking),
            Route::Dial(servers) => {
                let number = (self.scenario().first_user + seat).saturating_sub(1) as usize;
                let server = &servers[number % servers.len()];
                self.dial(seat, server, trust, State::Dialling);
            }
        }
    }

    /// Begins to connect, with TLS if there is somebody to believe.
    fn dial(&mut self, seat: u32, spot: &Spot, trust: Option<&Trust>, state: State) {
        let source = self.source(seat);
        let to = spot.at;
        let at = &mut self.seats[seat as usize];
        at.state = state;
        let tls = trust.map(|trust| trust.dialer().engine(&spot.host));
        let dialled = tls.transpose().and_then(|tls| Link::dial(to, source, tls));
        let dialled = dialled.and_then(|link| {
            self.poller.add(link.stream(), at.key(seat))?;
            Ok(link)
        });
        match dialled {
            Ok(link) => at.link = Some(link),
            Err(error) => self.login_failed(
                seat,
                Counter::ConnectFailed,
                format!("cannot connect to {to}: {error}"),
            ),
        }
    }

    /// A connection was made, or failed to be.
    pub(super) fn on_dialled(&mut self, seat: u32) {
        let at = &mut self.seats[seat as usize];
        let Some(link) = &mut at.link else {
            return;
        };
        let state = at.state;
        if let Err(error) = link.dialled() {
            let whom = if state == State::Looking {
                "login_server"
            } else {
                "msg_server"
            };
            let why = format!("cannot connect to {whom}: {error}");
            self.login_failed(seat, Counter::ConnectFailed, why);
            return;
        }
        if state == State::Looking {
            if let Route::Ask { request, .. } = &self.job.route
                && link.output.is_empty()
            {
                link.output.extend_from_slice(request);
            }
            self.mark(seat);
            return;
        }
        self.count(Counter::Connected);
        self.seats[seat as usize].state = State::Entering;
        let request = self.login_request(seat);
        self.seats[seat as usize].changed = self.now;
        self.write(seat, &request, LOGIN_SEQ_NUM);
    }

    fn login_request(&self, seat: u32) -> ImLoginReq {
        let token = self.seats[seat as usize].token.clone();
        let wants_token = self.door.wants_token;
        ImLoginReq {
            user_name: self.user_name(seat),
            password: match token {
                Some(_) => String::new(),
                None => self.door.digest.clone(),
            },
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: self.door.device.raw(),
            client_version: Some(concat!("pdu-fuzzer/", env!("CARGO_PKG_VERSION")).to_owned()),
            capabilities: wants_token.then_some(capability::RESUME),
            resume_token: token,
        }
    }

    /// login_server's whole answer, or all there will be of it.
    pub(super) fn on_address(&mut self, seat: u32, answer: &[u8]) {
        let trust = self.job.trust.as_ref();
        match login_server::address(answer, self.job.permit, trust) {
            Ok(spot) => self.dial(seat, &spot, trust, State::Dialling),
            Err(error) => self.login_failed(seat, Counter::LoginFailed, format!("{error:#}")),
        }
    }

    /// The login's answer.
    pub(super) fn on_login(&mut self, seat: u32, body: &[u8]) {
        let Ok(answer) = <ImLoginRes as prost::Message>::decode(body) else {
            self.count(Counter::Malformed);
            self.login_failed(
                seat,
                Counter::LoginFailed,
                "the answer cannot be read".to_owned(),
            );
            return;
        };
        let name = || self.user_name(seat);
        if answer.result_code != 0 {
            let text = answer.result_string.unwrap_or_default();
            let why = format!("{} is refused: code {} {text}", name(), answer.result_code);
            // Whether or not the token is still worth something, the password is.
            self.seats[seat as usize].token = None;
            self.login_failed(seat, Counter::LoginFailed, why);
            return;
        }
        let Some(profile) = answer.user_info else {
            let why = format!("{} is let in without a profile", name());
            self.login_failed(seat, Counter::LoginFailed, why);
            return;
        };
        if self.door.wants_token && answer.resume_token.is_none() {
            let why = "the server does not hand out tokens to log in with".to_owned();
            self.login_failed(seat, Counter::LoginFailed, why);
            return;
        }
        let at = &mut self.seats[seat as usize];
        let resumed = at.token.is_some();
        at.token = answer.resume_token.filter(|_| self.door.wants_token);
        at.state = State::Online;
        at.user_id = profile.user_id;
        at.failures = 0;
        at.lost = false;
        self.settling
            .push_back((self.now + SETTLE, seat, at.generation));
        self.count(if resumed {
            Counter::Resumed
        } else {
            Counter::LoggedIn
        });
        self.time_login(seat, resumed);
        self.measure.online += 1;
        self.door.let_in += 1;
        self.door.opened = self.now;
        self.entry.ended();
        self.after_login(seat);
    }

    /// A login that was under way is over, and was none.
    pub(super) fn login_failed(&mut self, seat: u32, counter: Counter, why: String) {
        self.count(counter);
        self.door.failed += 1;
        self.door.first_failure.get_or_insert(why);
        self.entry.ended();
        self.close(seat);
        self.seats[seat as usize].failures += 1;
        if self.comes_back() {
            self.come_back(seat);
        }
    }

    /// The other side ended the connection, or it broke.
    pub(super) fn broke(&mut self, seat: u32, why: &str) {
        match self.seats[seat as usize].state {
            State::Away => {}
            State::Online => {
                self.count(Counter::Dropped);
                self.time_unanswered(seat);
                self.leave(seat);
                let at = &mut self.seats[seat as usize];
                at.failures += 1;
                at.lost = true;
                if self.comes_back() {
                    self.come_back(seat);
                }
            }
            State::Looking | State::Dialling | State::Entering => {
                let why = format!("{}: {why}", self.user_name(seat));
                self.login_failed(seat, Counter::LoginFailed, why);
            }
        }
    }

    /// Somebody who is online closes his connection.
    pub(super) fn leave(&mut self, seat: u32) {
        self.measure.online -= 1;
        self.close(seat);
        let at = &mut self.seats[seat as usize];
        at.changed = self.now;
        for (conversation, member) in &at.places {
            self.ledger.away(*conversation, *member);
        }
        let left = at.asked.drain();
        for question in left {
            self.unanswered(seat, question);
        }
    }

    /// He logs in again after a wait that grows with his failures.
    pub(super) fn come_back(&mut self, seat: u32) {
        let failures = self.seats[seat as usize].failures.max(1);
        let wait = RECONNECT.wait(failures, fastrand::f64());
        self.entry
            .push_later(self.now + wait.as_micros() as u64, seat);
    }

    /// Times what a user waits for with the age that it has: it would have taken longer than that, and left out, a server that
    /// hangs would look like a fast one. How many messages and pages those are.
    pub(super) fn time_unanswered(&mut self, seat: u32) -> (u64, u64) {
        let (mut messages, mut pages) = (0, 0);
        for question in self.seats[seat as usize].asked.iter() {
            match question {
                Question::Message { voice, due, .. } if self.is_of_load(*voice) => {
                    self.measure.time(Timing::Ack, *due, self.now);
                    messages += 1;
                }
                Question::Page { due, .. } => {
                    self.measure.time(Timing::History, *due, self.now);
                    pages += 1;
                }
                _ => {}
            }
        }
        (messages, pages)
    }

    /// A question will not be answered.
    pub(super) fn unanswered(&mut self, seat: u32, question: Question) {
        match question {
            Question::Message {
                voice, given_up, ..
            } => {
                self.count(Counter::Unanswered);
                if !given_up {
                    self.voices[voice as usize].in_flight -= 1;
                }
            }
            Question::Page { given_up, .. } => {
                if !given_up {
                    self.count(Counter::RequestFailed);
                    self.page_is_over(seat);
                }
            }
            Question::Group { .. } => self.count(Counter::RequestFailed),
        }
    }

    fn close(&mut self, seat: u32) {
        let at = &mut self.seats[seat as usize];
        at.state = State::Away;
        at.link = None;
        at.generation += 1;
    }

    /// Logins that take too long fail.
    pub(super) fn expire_logins(&mut self) {
        while let Some((deadline, seat, generation)) = self.door.deadlines.front().copied() {
            let at = &self.seats[seat as usize];
            let under_way = at.generation == generation && at.state != State::Online;
            if under_way && deadline > self.now {
                return;
            }
            self.door.deadlines.pop_front();
            if under_way {
                let why = format!(
                    "{} was not answered within {} s",
                    self.user_name(seat),
                    self.scenario().answer_seconds
                );
                self.time_login(seat, self.seats[seat as usize].token.is_some());
                self.login_failed(seat, Counter::LoginFailed, why);
            }
        }
    }
}

/// The number of the login's answer.
pub(super) const LOGIN_ANSWER: proto::CommandId = ImLoginRes::ID;

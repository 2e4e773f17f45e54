//! What comes after what: users log in, groups are made, the load, and what is under way when it ends.

use super::super::super::outcome::{Counter, Ending, Phase};
use super::super::scenario::OneToOne;
use super::talk::{Manner, Peer};
use super::{Done, SECOND, Worker};
use proto::im::base_define::MsgType;

/// How long the making of groups and the messages before the load may take.
const PREPARATION: u64 = 120 * SECOND;

/// The load ends when nobody has been online for so long: if nobody comes back by himself, and if they try.
const GONE: u64 = 3 * SECOND;
const GONE_FOR_GOOD: u64 = 15 * SECOND;

/// Everything has arrived when nothing has been missing for so long: what comes twice has that time to come.
const QUIET: u64 = SECOND / 5;

/// Between two looks whether something is missing.
const LOOK: u64 = SECOND / 50;

/// Where a worker is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// Who is online before the load logs in.
    Enter,
    /// The servers hear of who has logged in.
    Settle,
    /// Groups are made.
    MakeGroups { until: u64 },
    /// Messages are written that will be read.
    Prefill { until: u64 },
    /// Other workers are waited for.
    Ready,
    /// The load.
    Run { began: u64, until: u64 },
    /// What is under way arrives.
    Drain {
        until: u64,
        look: u64,
        quiet_since: Option<u64>,
    },
    /// Other workers are waited for again.
    Stay,
    /// Nothing more happens.
    Over,
}

impl Stage {
    /// Whether writers write.
    pub(super) fn is_talking(&self, prefill: bool) -> bool {
        match self {
            Self::Prefill { .. } => prefill,
            Self::Run { .. } => !prefill,
            _ => false,
        }
    }
}

/// How the load went, once that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) ending: Option<Ending>,
    /// How long it lasted.
    pub(super) seconds: f64,
    /// Somebody wanted it to end.
    stopped: bool,
}

impl Worker<'_> {
    /// Conversations, writers, and who logs in before the load.
    pub(super) fn prepare(&mut self) {
        let scenario = self.scenario();
        if let Some(pairs) = &scenario.one_to_one {
            self.prepare_pairs(scenario.pairs(), pairs, false);
        }
        if let Some(history) = &scenario.history {
            let prefill = OneToOne {
                window: 10,
                messages: u64::from(history.prefill) * u64::from(scenario.users / 2),
                ..OneToOne::default()
            };
            if history.prefill > 0 {
                self.prepare_pairs(scenario.users / 2, &prefill, true);
            }
        }
        self.prepare_groups();
        self.prepare_logins();
        for seat in 0..self.seats_before_the_load() {
            self.entry.push(seat);
        }
    }

    fn prepare_pairs(&mut self, pairs: u32, how: &OneToOne, is_prefill: bool) {
        let mut voices = Vec::new();
        for pair in 0..pairs {
            let (first, second) = (2 * pair, 2 * pair + 1);
            let conversation = self.add_conversation([first, second].into_iter());
            voices.push((first, Peer::Seat(second), conversation, 0));
            if how.both_ways {
                voices.push((second, Peer::Seat(first), conversation, 1));
            }
        }
        let manner = Manner {
            window: how.window,
            rate: how.rate,
            messages: how.messages,
            body: how.body,
            msg_type: MsgType::SingleText,
            is_prefill,
        };
        self.add_talk(manner, voices);
    }

    /// Goes on to the next stage if this one is over. The end, if it has come.
    pub(super) fn advance(&mut self) -> Option<Done> {
        if !self.verdict.stopped && self.stage != Stage::Over && self.director.must_stop() {
            self.verdict.stopped = true;
            match self.stage {
                Stage::Run { .. } => {
                    self.verdict.ending.get_or_insert(Ending::Interrupted);
                    self.end_load();
                }
                // It ends soon by itself, and as it should.
                Stage::Drain { .. } | Stage::Stay => {}
                _ => {
                    self.verdict.ending.get_or_insert(Ending::Interrupted);
                    self.stage = Stage::Over;
                }
            }
        }
        match self.stage.clone() {
            Stage::Enter => self.advance_enter(),
            Stage::Settle => {
                if self.settling.is_empty() {
                    self.stage = Stage::MakeGroups {
                        until: self.now + PREPARATION,
                    };
                    if !self.make_next_group() {
                        self.groups_are_made();
                    }
                }
            }
            Stage::MakeGroups { until } if self.now > until => {
                self.fail("groups are not made: no answer".to_owned());
            }
            Stage::MakeGroups { .. } => {}
            Stage::Prefill { until } => {
                if self.talks_are_over(true) || self.now > until {
                    self.stage = Stage::Ready;
                    self.director.ready();
                }
            }
            Stage::Ready => {
                if self.director.may_go() {
                    self.begin_load();
                }
            }
            Stage::Run { until, .. } => self.advance_run(until),
            Stage::Drain {
                until,
                look,
                quiet_since,
            } => self.advance_drain(until, look, quiet_since),
            Stage::Stay => {
                if self.director.may_leave() {
                    self.stage = Stage::Over;
                }
            }
            Stage::Over => {}
        }
        (self.stage == Stage::Over).then(|| self.finish())
    }

    fn advance_enter(&mut self) {
        let everybody_tried = self.entry.is_idle();
        if let Some(verdict) = self.door.verdict(everybody_tried) {
            self.fail(verdict);
        } else if everybody_tried {
            self.stage = Stage::Settle;
        }
    }

    pub(super) fn groups_are_made(&mut self) {
        self.send_absentees_home();
        self.stage = Stage::Prefill {
            until: self.now + PREPARATION,
        };
        self.begin_talks(true);
    }

    fn begin_load(&mut self) {
        let slice = self.measure.enter(Phase::Run, self.now);
        self.director.slice(slice);
        let until = self.now + u64::from(self.scenario().seconds) * SECOND;
        self.stage = Stage::Run {
            began: self.now,
            until,
        };
        self.door.opened = self.now;
        self.begin_logins();
        self.begin_storms();
        self.begin_presence();
        self.begin_reading();
        self.begin_talks(false);
    }

    fn advance_run(&mut self, until: u64) {
        let written = self.talks_have_an_end() && self.talks_are_over(false);
        if let Some(verdict) = self.login_verdict() {
            self.fail(verdict);
            return;
        }
        if self.now >= until || written || self.logins_are_over() || self.director.is_over() {
            self.end_load();
            return;
        }
        if self.measure.online > 0 {
            self.door.opened = self.now;
        }
        let patience = if self.comes_back() || self.scenario().logins.is_some() {
            GONE_FOR_GOOD
        } else {
            GONE
        };
        if self.now > self.door.opened + patience {
            let first = self.door.first_failure.as_deref();
            let first = first.map(|why| format!("; {why}")).unwrap_or_default();
            self.fail(format!("every connection is gone{first}"));
        }
    }

    /// Nothing new is begun.
    fn end_load(&mut self) {
        self.take_time();
        let slice = self.measure.enter(Phase::Drain, self.now);
        self.director.slice(slice);
        if !self.is_stormy() {
            self.entry.clear();
        }
        self.end_talks();
        self.stage = Stage::Drain {
            until: self.now + u64::from(self.scenario().drain_seconds) * SECOND,
            look: self.now,
            quiet_since: None,
        };
    }

    fn advance_drain(&mut self, until: u64, look: u64, quiet_since: Option<u64>) {
        if self.now < look {
            return;
        }
        let all_in = !self.entry.is_under_way() && !self.is_stormy();
        let nothing_missing =
            all_in && self.all_answered() && self.all_read() && self.ledger.balance().lost == 0;
        let quiet_since = quiet_since.or(Some(self.now)).filter(|_| nothing_missing);
        let quiet = quiet_since.is_some_and(|since| self.now >= since + QUIET);
        if !quiet && self.now < until {
            self.stage = Stage::Drain {
                until,
                look: self.now + LOOK,
                quiet_since,
            };
        } else if self.director.may_leave() {
            self.stage = Stage::Over;
        } else {
            self.stage = Stage::Stay;
            // Whoever puts slices together has all of the load's before anybody leaves.
            let slice = self.measure.cut(self.now);
            self.director.slice(slice);
            self.director.arrived();
        }
    }

    /// When the stage has to be looked at though nothing happens.
    pub(super) fn stage_due(&self) -> Option<u64> {
        match self.stage {
            Stage::Drain { look, .. } => Some(look),
            Stage::Run { until, .. } => Some(until),
            Stage::Settle | Stage::Ready | Stage::Stay => Some(self.now + LOOK),
            _ => None,
        }
    }

    /// Ends the run with a reason. What was measured is kept.
    pub(super) fn fail(&mut self, why: String) {
        self.take_time();
        self.verdict.ending.get_or_insert(Ending::Failed(why));
        self.stage = Stage::Over;
    }

    fn take_time(&mut self) {
        if let Stage::Run { began, .. } = self.stage {
            self.verdict.seconds = (self.now - began) as f64 / SECOND as f64;
        }
    }

    /// Draws the balance.
    fn finish(&mut self) -> Done {
        let (mut messages, mut pages) = (0, 0);
        for seat in 0..self.seats.len() as u32 {
            let open = self.time_unanswered(seat);
            messages += open.0;
            pages += open.1;
            for question in self.seats[seat as usize].asked.drain() {
                self.unanswered(seat, question);
            }
        }
        let logins = self.time_open_logins();
        let logins = if self.logins_are_the_load() {
            logins
        } else {
            0
        };
        let away = self.still_away_from_storm();
        let balance = self.ledger.balance();
        self.measure.add_many(Counter::Lost, balance.lost);
        self.measure.add_many(Counter::Away, balance.away);
        self.measure
            .add_many(Counter::DeliveredUnacked, balance.unacked);
        let slice = self.measure.cut(self.now);
        self.director.slice(slice);
        // Who does not wait at the end cannot ask for answers.
        let waited = self.scenario().drain_seconds > 0;
        let open = [
            (messages, "messages were not answered"),
            (pages, "pages of history were not answered"),
            (away, "users were not back"),
            (logins, "logins were not answered"),
        ];
        let open = open.into_iter().find(|(count, _)| *count > 0 && waited);
        let open = open.map(|(count, what)| format!("{count} {what} before the run ended"));
        let missed = self.lost_connections().or(open);
        Done {
            ending: self
                .verdict
                .ending
                .take()
                .or(missed.map(Ending::Failed))
                .unwrap_or(Ending::Complete),
            seconds: self.verdict.seconds,
        }
    }

    /// What is wrong with an end at which connections are missing that the other side ended. Of those whose users try to
    /// come back some are on their way whenever the load ends, which is no fault unless nobody is there.
    fn lost_connections(&self) -> Option<String> {
        let lost = self.seats.iter().filter(|seat| seat.lost).count();
        let excused = self.returns() && self.measure.online > 0;
        (lost > 0 && !excused)
            .then(|| format!("{lost} of {} connections were lost", self.seats.len()))
    }

    /// What happens at moments of its own.
    pub(super) fn take_turns(&mut self) {
        if let Stage::Run { .. } = self.stage {
            self.talk_on_schedule();
            self.change_presence();
            self.read_on_schedule();
            self.break_storms();
        }
    }

    /// Whether who loses his connection logs in again.
    pub(super) fn comes_back(&self) -> bool {
        match self.stage {
            Stage::Run { .. } => self.returns(),
            // The way back from a storm was begun in the load.
            Stage::Drain { .. } => self.is_stormy(),
            _ => false,
        }
    }

    /// Whether the scenario's users log in again during the load.
    fn returns(&self) -> bool {
        let scenario = self.scenario();
        let always = scenario.logins.as_ref().is_some_and(|logins| !logins.hold);
        scenario.reconnect || always || scenario.storm.is_some()
    }

    /// Somebody was let in.
    pub(super) fn after_login(&mut self, seat: u32) {
        match self.stage {
            Stage::Enter => self.after_login_for_token(seat),
            Stage::Drain { .. } => self.after_login_in_storm(seat),
            Stage::Run { .. } => {
                self.after_login_in_load(seat);
                self.after_login_in_storm(seat);
                self.go_on_from(seat);
                self.read_on(seat);
            }
            _ => {}
        }
    }
}

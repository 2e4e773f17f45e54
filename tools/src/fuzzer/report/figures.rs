use hdrhistogram::Histogram;

use crate::fuzzer::outcome::{Counter, Counts, Ending, Outcome, Phase, Timing};
use crate::fuzzer::usage::ProcessUsage;

/// What the work of a run is counted in: rates and CPU time are given for each of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Messages that were acknowledged.
    Message,
    /// Logins, with a password or a token.
    Login,
    /// Pages of history.
    Page,
    /// Notices of presence.
    Notice,
}

impl Unit {
    /// In the order in which a run is asked whether it has any: the first one that it has is what it is counted in.
    const ALL: [Self; 4] = [Self::Message, Self::Page, Self::Login, Self::Notice];

    /// One of it: `message`.
    pub fn one(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Login => "login",
            Self::Page => "page",
            Self::Notice => "notice",
        }
    }

    /// Many of it, and what became of them: `messages acknowledged`.
    pub fn done(self) -> &'static str {
        match self {
            Self::Message => "messages acknowledged",
            Self::Login => "logins",
            Self::Page => "pages of history read",
            Self::Notice => "notices of presence",
        }
    }

    /// How often it was done.
    pub fn count(self, counts: &Counts) -> u64 {
        match self {
            Self::Message => counts[Counter::Acked],
            Self::Login => counts[Counter::LoggedIn] + counts[Counter::Resumed],
            Self::Page => counts[Counter::HistoryRead],
            Self::Notice => counts[Counter::Presence],
        }
    }

    /// How long it took.
    pub fn timing(self, outcome: &Outcome) -> Option<&Histogram<u64>> {
        let timings = &outcome.timings;
        match self {
            Self::Message => timings.get(Timing::Ack),
            Self::Login => timings
                .get(Timing::Resume)
                .or_else(|| timings.get(Timing::Login)),
            Self::Page => timings.get(Timing::History),
            Self::Notice => timings.get(Timing::Presence),
        }
    }
}

/// What the promise about messages is broken by.
pub(super) const BROKEN: [Counter; 4] = [
    Counter::Lost,
    Counter::Doubled,
    Counter::OutOfOrder,
    Counter::Misdelivered,
];

/// All servers of a run together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Servers {
    /// CPU time over the run, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory before anybody logged in, in bytes.
    pub resident_before: u64,
    /// The same at the run's end.
    pub resident_after: u64,
}

/// What follows from an outcome. Rates are those of [`Phase::Run`].
#[derive(Clone, Debug)]
pub struct Figures<'a> {
    outcome: &'a Outcome,
    /// Of [`Phase::Run`] alone.
    run: Counts,
    unit: Option<Unit>,
}

impl<'a> Figures<'a> {
    /// Adds the slices up. An outcome without slices of the run, because it was shorter than one, counts as a whole.
    pub fn of(outcome: &'a Outcome) -> Self {
        let mut run = Counts::default();
        let mut slices = outcome.slices.iter();
        if slices.any(|slice| slice.phase == Phase::Run) {
            let slices = outcome.slices.iter();
            for slice in slices.filter(|slice| slice.phase == Phase::Run) {
                run.merge(&slice.counts);
            }
        } else {
            run = outcome.counts.clone();
        }
        let unit = Unit::ALL.into_iter().find(|unit| unit.count(&run) > 0);
        Self { outcome, run, unit }
    }

    /// The outcome itself.
    pub fn outcome(&self) -> &'a Outcome {
        self.outcome
    }

    /// What happened in the run, without what came before and after it.
    pub fn run(&self) -> &Counts {
        &self.run
    }

    /// What the run is counted in; `None` if nothing was done in it, as with idle connections.
    pub fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// How many units of work the run did.
    pub fn units(&self) -> u64 {
        self.unit.map_or(0, |unit| unit.count(&self.run))
    }

    /// Units of work in a second.
    pub fn rate(&self) -> Option<f64> {
        self.unit.and_then(|_| self.a_second(self.units()))
    }

    /// How often something happened in a second of the run.
    pub fn rate_of(&self, counter: Counter) -> Option<f64> {
        self.a_second(self.run[counter])
    }

    /// Logins in a second over the slices that have some, whatever phase they are of, with their number.
    pub fn logins(&self) -> Option<(u64, f64)> {
        let mut logins = 0;
        let mut millis = 0;
        let mut before = 0;
        for slice in &self.outcome.slices {
            let of_slice = Unit::Login.count(&slice.counts);
            if of_slice > 0 {
                logins += of_slice;
                millis += slice.at_ms.saturating_sub(before);
            }
            before = slice.at_ms;
        }
        (millis > 0).then(|| (logins, logins as f64 * 1e3 / millis as f64))
    }

    /// All servers together; `None` if there is none, or if the numbers of one are not those of the whole run.
    pub fn servers(&self) -> Option<Servers> {
        let processes = &self.outcome.processes;
        let known = processes.iter().all(|process| process.trouble.is_none());
        (known && !processes.is_empty()).then(|| Servers {
            cpu_seconds: processes.iter().map(ProcessUsage::cpu_seconds).sum(),
            resident_before: processes
                .iter()
                .map(|process| process.resident_before)
                .sum(),
            resident_after: processes.iter().map(|process| process.resident_after).sum(),
        })
    }

    /// Microseconds of CPU time for each unit of work, if servers took `cpu_seconds` for all of it.
    pub fn cpu_micros_each(&self, cpu_seconds: f64) -> Option<f64> {
        let units = self.units();
        (units > 0).then(|| cpu_seconds * 1e6 / units as f64)
    }

    /// Bytes for each connection, if memory grew by `growth` bytes.
    pub fn bytes_each(&self, growth: f64) -> Option<f64> {
        let online = self.outcome.online;
        (online > 0).then(|| growth / online as f64)
    }

    /// What went wrong on the way: connections, logins and requests that failed, messages without an id.
    pub fn errors(counts: &Counts) -> u64 {
        const ERRORS: [Counter; 7] = [
            Counter::ConnectFailed,
            Counter::Dropped,
            Counter::LoginFailed,
            Counter::Refused,
            Counter::Unanswered,
            Counter::RequestFailed,
            Counter::Malformed,
        ];
        ERRORS.iter().map(|counter| counts[*counter]).sum()
    }

    /// What has to be known before the numbers are believed, each a sentence without a full stop.
    pub fn notes(&self) -> Vec<String> {
        let counts = &self.outcome.counts;
        let mut notes = Vec::new();
        let mut note = |counter: Counter, text: &str| {
            if counts[counter] > 0 {
                let count = super::quantities::count(counts[counter]);
                notes.push(format!("{count} {text}"));
            }
        };
        note(
            Counter::Behind,
            "messages were written late by this side and not by the server: it could not keep the rate, and their times are longer for it",
        );
        note(
            Counter::Unanswered,
            "messages were not answered: those that were open when the run ended, or the server ended their connection, are in the times with the age they had then, so that they would have taken longer still",
        );
        note(
            Counter::Refused,
            "messages were refused: the rate is what the server's limits let through (`ferrotalk up --no-limits` has none for a user or an address)",
        );
        note(
            Counter::Skipped,
            "turns at the rate were not taken: the writer was not online, or too much was unanswered",
        );
        notes
    }

    /// Whether it ended as the scenario says, and no promise about messages was broken.
    pub fn succeeded(&self) -> bool {
        self.outcome.ending == Ending::Complete && !self.outcome.counts.is_broken_promise()
    }

    /// How it ended, in a sentence without a full stop.
    pub fn verdict(&self) -> String {
        let counts = &self.outcome.counts;
        let promise = if counts.is_broken_promise() {
            let broken = BROKEN.into_iter().filter(|counter| counts[*counter] > 0);
            let broken = broken.map(|counter| {
                let count = super::quantities::count(counts[counter]);
                format!("{count} {}", label(counter))
            });
            format!(
                "the promise was broken: {}",
                broken.collect::<Vec<_>>().join(", ")
            )
        } else if counts[Counter::Away] > 0 {
            let away = super::quantities::count(counts[Counter::Away]);
            format!(
                "nothing was lost, doubled or out of order on devices that were online all the time; {away} pushes to others did not arrive"
            )
        } else if counts[Counter::Expected] > 0 {
            "every acknowledged message arrived once and in order".to_owned()
        } else {
            "no message was lost, doubled or out of order".to_owned()
        };
        match &self.outcome.ending {
            Ending::Complete => format!("complete; {promise}"),
            Ending::Interrupted => {
                format!("interrupted; what was measured until then is true; {promise}")
            }
            Ending::Failed(why) => {
                format!("failed: {why}; what was measured until then is kept; {promise}")
            }
        }
    }

    fn a_second(&self, count: u64) -> Option<f64> {
        (self.outcome.seconds > 0.0).then(|| count as f64 / self.outcome.seconds)
    }
}

/// A counter's name in words.
pub(super) fn label(counter: Counter) -> String {
    counter.name().replace('_', " ")
}

/// Settings on one line, as they would stand in a scenario's file.
pub(super) fn settings(outcome: &Outcome) -> String {
    let settings = outcome.settings.iter();
    let settings = settings.map(|(key, value)| format!("{key} = {value}"));
    settings.collect::<Vec<_>>().join(", ")
}

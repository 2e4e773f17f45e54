//! One run, from its scenario to its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::bail;

use super::super::observer::Observer;
use super::super::outcome::{Counter, Ending, Outcome, Slice};
use super::gather::Gather;
use super::scenario::Scenario;
use super::tag::Run;
use super::target::{Route, Target};
use super::worker::{self, Director, Done, Job};
use super::{limits, processes};

/// Ends a run from outside. Clones end the same one.
#[derive(Clone, Debug, Default)]
pub struct StopToken(Arc<AtomicBool>);

impl StopToken {
    /// The run ends as soon as what is under way has arrived.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody ended it.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Plays a scenario, which takes as long as it says and up to some minutes more, and blocks the thread. Prints nothing.
/// `observer` is told how it goes.
///
/// # Errors
/// What keeps a run from beginning: a scenario out of bounds, an address that may not be sent to or where nobody answers, too
/// low a limit of open files. Whatever happens later is the outcome's [`Ending`], and what was measured is kept.
pub fn play(
    scenario: &Scenario,
    target: &Target,
    observer: &mut dyn Observer,
    stop: StopToken,
) -> anyhow::Result<Outcome> {
    scenario.check()?;
    let trust = target.tls.trust()?;
    let route = Route::find(&target.place, target.permit, trust.as_ref())?;
    if scenario.source_addresses > 0 && !route.is_loopback() {
        bail!("source-addresses: only a target on this machine can be dialled from 127.0.0.0/8");
    }
    let mut parts = scenario.split();
    let users = parts.iter().map(|part| part.users).max().unwrap_or(0);
    limits::make_room(users, parts.len() as u32)?;
    route.knock()?;
    let began = SystemTime::now();
    let run = Run::new(parts.len() as u32);
    let mut gather = Gather::new(parts.len(), observer);
    let done = if parts.len() == 1 {
        let job = Job {
            scenario: parts.remove(0),
            route,
            permit: target.permit,
            trust,
            password: target.password.clone(),
            run,
            began,
        };
        let mut alone = Alone {
            gather: &mut gather,
            stop,
        };
        worker::play(&job, &mut alone)?
    } else {
        processes::play(parts, target, (run, began), &mut gather, &stop)?
    };
    let (slices, counts, timings) = gather.finish();
    let mut ending = done.ending;
    let refused = counts[Counter::Refused];
    if ending == Ending::Complete && counts[Counter::Acked] == 0 && refused > 0 {
        ending = Ending::Failed(format!("all of {refused} messages were refused"));
    }
    Ok(Outcome {
        scenario: scenario.name.clone(),
        settings: scenario.settings(),
        target: target.to_string(),
        started_at: started_at(began),
        seconds: done.seconds,
        online: slices.iter().map(|slice| slice.online).max().unwrap_or(0),
        counts,
        timings,
        slices,
        processes: Vec::new(),
        ending,
    })
}

/// RFC 3339, UTC, to the second.
fn started_at(began: SystemTime) -> String {
    let began = jiff::Timestamp::try_from(began).unwrap_or_default();
    began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The only worker's.
struct Alone<'a, 'b> {
    gather: &'a mut Gather<'b>,
    stop: StopToken,
}

impl Director for Alone<'_, '_> {
    fn slice(&mut self, slice: Slice) {
        self.gather.add(0, slice);
    }

    fn ready(&mut self) {}

    fn may_go(&mut self) -> bool {
        self.gather.load_begins();
        true
    }

    fn is_over(&mut self) -> bool {
        false
    }

    fn arrived(&mut self) {}

    fn may_leave(&mut self) -> bool {
        true
    }

    fn must_stop(&mut self) -> bool {
        self.stop.is_stopped()
    }
}

/// How all ended together: a failure is told before an interruption, and the first failure before the others.
pub(super) fn together(all: impl IntoIterator<Item = Done>) -> Done {
    let nothing = Done {
        ending: Ending::Complete,
        seconds: 0.0,
    };
    all.into_iter().fold(nothing, |sum, next| Done {
        seconds: sum.seconds.max(next.seconds),
        ending: match (sum.ending, next.ending) {
            (Ending::Failed(why), _) | (_, Ending::Failed(why)) => Ending::Failed(why),
            (Ending::Interrupted, _) | (_, Ending::Interrupted) => Ending::Interrupted,
            (Ending::Complete, Ending::Complete) => Ending::Complete,
        },
    })
}

//! One run, from its scenario to its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::super::outcome::{Counts, Outcome, Phase, Slice, Timing, Timings};
use super::scenario::Scenario;
use super::target::{Route, Target};
use super::worker::{self, Director, Done, Job};

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

struct Alone<'a> {
    slices: Vec<Slice>,
    on_slice: &'a mut dyn FnMut(&Slice),
    stop: StopToken,
}

impl Director for Alone<'_> {
    fn slice(&mut self, slice: Slice) {
        (self.on_slice)(&slice);
        self.slices.push(slice);
    }
    fn ready(&mut self) {}
    fn may_go(&mut self) -> bool {
        true
    }
    fn must_stop(&mut self) -> bool {
        self.stop.is_stopped()
    }
}

/// Plays a scenario.
pub fn play(
    scenario: &Scenario,
    target: &Target,
    on_slice: &mut dyn FnMut(&Slice),
    stop: StopToken,
) -> anyhow::Result<Outcome> {
    scenario.check()?;
    let route = Route::find(&target.place, target.permit)?;
    if scenario.source_addresses > 0 && !route.is_loopback() {
        anyhow::bail!(
            "source-addresses: only a target on this machine can be dialled from 127.0.0.0/8"
        );
    }
    route.knock()?;
    let job = Job {
        scenario: scenario.clone(),
        route,
        permit: target.permit,
        password: target.password.clone(),
        run: fastrand::u32(..),
        began: SystemTime::now(),
    };
    let mut alone = Alone {
        slices: Vec::new(),
        on_slice,
        stop,
    };
    let done = worker::play(&job, &mut alone)?;
    let slices = alone.slices;
    let mut counts = Counts::default();
    let mut timings = Timings::default();
    for slice in &slices {
        counts.merge(&slice.counts);
        timings.merge(&slice.timings);
    }
    let _ = (Phase::Run, Timing::Ack);
    let Done { ending, seconds } = done;
    Ok(Outcome {
        scenario: scenario.name.clone(),
        settings: scenario.settings(),
        target: target.to_string(),
        started_at: String::new(),
        seconds,
        online: slices.iter().map(|slice| slice.online).max().unwrap_or(0),
        counts,
        timings,
        slices,
        processes: Vec::new(),
        ending,
    })
}

//! What is counted and timed, second by second.

use std::time::{Duration, Instant, SystemTime};

use super::super::super::outcome::{Counter, Counts, Phase, Slice, Timing, Timings};

/// Microseconds since the run's beginning, the same in all of its processes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
    /// When the run's beginning is not in this machine's memory of time: how much earlier it was.
    before: u64,
}

impl Clock {
    /// A clock whose zero is that moment.
    pub(super) fn since(began: SystemTime) -> Self {
        let elapsed = began.elapsed().unwrap_or_default();
        Self {
            origin: Instant::now(),
            before: elapsed.as_micros() as u64,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.before + self.origin.elapsed().as_micros() as u64
    }
}

/// What happened since the last slice.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) counts: Counts,
    timings: Timings,
    pub(super) phase: Phase,
    pub(super) online: u64,
    /// When the slice ends.
    next: u64,
}

/// Microseconds in a slice.
const SLICE: u64 = 1_000_000;

impl Measure {
    pub(super) fn new(now: u64) -> Self {
        Self {
            counts: Counts::default(),
            timings: Timings::default(),
            phase: Phase::Setup,
            online: 0,
            next: (now / SLICE + 1) * SLICE,
        }
    }

    pub(super) fn add(&mut self, counter: Counter) {
        self.counts.add(counter);
    }

    pub(super) fn add_many(&mut self, counter: Counter, count: u64) {
        self.counts[counter] += count;
    }

    /// Times something that began at `from`.
    pub(super) fn time(&mut self, timing: Timing, from: u64, now: u64) {
        let took = Duration::from_micros(now.saturating_sub(from));
        self.timings.record(timing, took);
    }

    /// The slice that is over, if one is.
    pub(super) fn tick(&mut self, now: u64) -> Option<Slice> {
        (now >= self.next).then(|| self.cut(now))
    }

    /// Ends the slice, and goes on in that phase.
    pub(super) fn enter(&mut self, phase: Phase, now: u64) -> Slice {
        let slice = self.cut(now);
        self.phase = phase;
        slice
    }

    /// Ends the slice.
    pub(super) fn cut(&mut self, now: u64) -> Slice {
        self.next = (now / SLICE + 1) * SLICE;
        Slice {
            at_ms: now / 1000,
            phase: self.phase,
            online: self.online,
            counts: std::mem::take(&mut self.counts),
            timings: std::mem::take(&mut self.timings),
        }
    }
}

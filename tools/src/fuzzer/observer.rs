//! Who looks on at a run.

use super::outcome::{Outcome, Slice};
use super::report::Progress;
use super::usage::Watch;

/// Is told how a run goes, in the thread that plays it: whatever it does delays the run.
pub trait Observer {
    /// Everybody is ready, and the load begins at once.
    fn load_begins(&mut self);

    /// What all processes together measured in about a second. With several of them it comes up to a second late.
    fn slice(&mut self, slice: &Slice);
}

/// Nobody looks on.
impl Observer for () {
    fn load_begins(&mut self) {}

    fn slice(&mut self, _: &Slice) {}
}

/// Shows progress, with an eye on the servers' processes.
pub(super) struct Onlooker {
    pub(super) watch: Watch,
    pub(super) progress: Progress,
}

impl Observer for Onlooker {
    fn load_begins(&mut self) {
        self.watch.load_begins();
    }

    fn slice(&mut self, slice: &Slice) {
        self.watch.slice(slice);
        self.progress.slice(slice);
    }
}

impl Onlooker {
    /// The run is over: its outcome, if it has one, with what the servers took.
    pub(super) fn conclude(self, played: anyhow::Result<Outcome>) -> anyhow::Result<Outcome> {
        self.progress.done();
        let mut outcome = played?;
        outcome.processes = self.watch.finish();
        Ok(outcome)
    }
}

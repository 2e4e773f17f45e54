//! Whether a target is still well: its process, its log, and what an honest client gets.

mod log;
mod process;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::probe::Probe;
use super::target::Target;
pub(super) use log::Log;
pub(super) use process::{Sample, listener, sample};

/// Descriptors that may be more than before: of databases, links, a probe's connection that is about to go.
const SPARE_DESCRIPTORS: u64 = 24;

/// How long descriptors may take to settle after a round.
const SETTLE: Duration = Duration::from_secs(20);

/// How long a target may take to serve an honest client to begin with.
const BEGIN: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// What is wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum Trouble {
    /// The process is gone, or another one is in its place.
    Died { pid: u32 },
    /// An honest client is not served.
    NoService { why: String },
    /// An error or a panic in the log.
    Log { lines: Vec<String> },
    /// What came is none of the port's language.
    Garbled { what: String },
    /// Descriptors stay open when all connections are closed.
    Descriptors { before: u64, after: u64 },
    /// Resident memory grew beyond the limit; in bytes.
    Memory { before: u64, after: u64 },
}

impl Trouble {
    /// The same for troubles of the same kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Died { .. } => "died",
            Self::NoService { .. } => "no_service",
            Self::Log { .. } => "log",
            Self::Garbled { .. } => "garbled",
            Self::Descriptors { .. } => "descriptors",
            Self::Memory { .. } => "memory",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Died { pid } => write!(f, "process {pid} died"),
            Self::NoService { why } => write!(f, "an honest client is not served: {why}"),
            Self::Log { lines } => write!(f, "in the log: {}", lines.join(" / ")),
            Self::Garbled { what } => write!(f, "the target's answer is broken: {what}"),
            Self::Descriptors { before, after } => {
                write!(f, "open descriptors went from {before} to {after} and stay")
            }
            Self::Memory { before, after } => {
                write!(
                    f,
                    "resident memory went from {} MiB to {} MiB",
                    before >> 20,
                    after >> 20
                )
            }
        }
    }
}

/// Watches one target.
pub(super) struct Watch {
    target: Target,
    probe: Probe,
    log: Option<Log>,
    /// Growth that is a finding, in bytes.
    memory_limit: u64,
    /// How long a target that is not served may take to come back.
    patience: Duration,
    /// The process as it was when it had warmed up.
    baseline: Option<Sample>,
}

impl Watch {
    /// Finds the process, if it is one of this machine. The target has to be well.
    pub(super) async fn begin(
        target: Target,
        probe: Probe,
        log: Option<Log>,
        memory_limit: u64,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        probe.run_within(BEGIN).await?;
        let mut watch = Self {
            target,
            probe,
            log,
            memory_limit,
            patience,
            baseline: None,
        };
        watch.settle_in();
        Ok(watch)
    }

    /// Takes what the process has now for what it may have.
    pub(super) fn settle_in(&mut self) {
        self.baseline = self.target.process().and_then(sample);
    }

    /// What the process had when it was well, if it is one of this machine.
    pub(super) fn baseline(&self) -> Option<Sample> {
        self.baseline
    }

    /// What the process has.
    pub(super) fn now(&self) -> Option<Sample> {
        sample(self.baseline?.pid)
            .filter(|now| Some(now.started) == self.baseline.map(|b| b.started))
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self) -> Vec<String> {
        self.log.as_ref().map(Log::tail).unwrap_or_default()
    }

    /// Looks at everything. Nothing of this program's may be connected to the target.
    pub(super) async fn look(&mut self) -> Option<Trouble> {
        if let Some(trouble) = self.gone() {
            return Some(trouble);
        }
        let lines = self.log.as_mut().map(Log::alarms).unwrap_or_default();
        if !lines.is_empty() {
            return Some(Trouble::Log { lines });
        }
        if let Err(error) = self.probe.run().await {
            // What dies is not served either.
            return Some(self.gone().unwrap_or(Trouble::NoService {
                why: format!("{error:#}"),
            }));
        }
        if let Some(trouble) = self.gone() {
            return Some(trouble);
        }
        let baseline = self.baseline?;
        let most = baseline.descriptors + SPARE_DESCRIPTORS;
        if let Some(after) = self.stays_above(most, SETTLE).await {
            return Some(Trouble::Descriptors {
                before: baseline.descriptors,
                after,
            });
        }
        let after = self.now()?.resident;
        (after > baseline.resident + self.memory_limit).then_some(Trouble::Memory {
            before: baseline.resident,
            after,
        })
    }

    /// Whether the process is not the one it was.
    pub(super) fn gone(&self) -> Option<Trouble> {
        let baseline = self.baseline?;
        self.now()
            .is_none()
            .then_some(Trouble::Died { pid: baseline.pid })
    }

    /// How many descriptors are open if they don't come down to `most` in time.
    pub(super) async fn stays_above(&self, most: u64, patience: Duration) -> Option<u64> {
        let end = Instant::now() + patience;
        loop {
            let open = self.now()?.descriptors;
            if open <= most {
                return None;
            }
            if Instant::now() >= end {
                return Some(open);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until an honest client is served again; whether that came to pass. Then the process is taken for well.
    pub(super) async fn recover(&mut self) -> bool {
        let end = Instant::now() + self.patience;
        loop {
            if self.probe.run().await.is_ok() {
                if self.gone().is_some() || self.baseline.is_none() {
                    self.settle_in();
                }
                // What was written meanwhile belongs to what is known.
                self.log.as_mut().map(Log::alarms);
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(LOOK).await;
        }
    }

    /// The growth that is a finding, in bytes.
    pub(super) fn memory_limit(&self) -> u64 {
        self.memory_limit
    }
}

//! What a run measured: counts and times, second by second and in all. Everything here adds up: of several connections,
//! of several processes, of several seconds.

mod counts;
mod timings;

use serde::{Deserialize, Serialize};

pub use counts::{Counter, Counts};
pub use timings::{Timing, Timings};

use super::usage::ProcessUsage;

/// What part of a run a measurement belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Users log in, groups are made. For a scenario of logins this is the run itself.
    Setup,
    /// The load. Rates are of this phase alone.
    Run,
    /// Nothing new is sent; what is under way arrives.
    Drain,
}

/// What was measured in a short while by one worker process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Milliseconds since the run was started, at the slice's end.
    pub at_ms: u64,
    /// Where the run was.
    pub phase: Phase,
    /// Connections that are logged in at the end of the slice.
    pub online: u64,
    /// What happened meanwhile.
    pub counts: Counts,
    /// How long it took.
    pub timings: Timings,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how", content = "why")]
pub enum Ending {
    /// As the scenario says.
    Complete,
    /// Somebody stopped it; what was measured until then is true.
    Interrupted,
    /// The target went away, or something failed on this side. What was measured until then is kept.
    Failed(String),
}

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// Every setting that the run had, as in a scenario's file.
    pub settings: toml::Table,
    /// What was loaded, in words: the address of a login_server, or the addresses of msg_servers.
    pub target: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// How long [`Phase::Run`] took, in seconds.
    pub seconds: f64,
    /// Most connections that were logged in at once.
    pub online: u64,
    /// Everything that happened in [`Phase::Run`] and the phases around it; what is lost is known only at the end.
    pub counts: Counts,
    /// Times of [`Phase::Run`], and of logins in every phase unless they are the load itself.
    pub timings: Timings,
    /// What came of it over time, all workers together, one a second.
    pub slices: Vec<Slice>,
    /// The servers, if they run on this machine.
    pub processes: Vec<ProcessUsage>,
    /// How it ended.
    pub ending: Ending,
}

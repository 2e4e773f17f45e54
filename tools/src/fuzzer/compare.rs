//! Two servers, or two builds, in alternating runs.
//!
//! Read in this order: [`Contestant`] (who is compared), [`Installation`] (a build that is started for it), [`alternate`] (whose
//! turn it is), [`Measure`] and [`statistics`] (what is made of it), [`table`] and [`json`].

mod contestant;
mod installation;
mod measure;
mod rounds;
pub mod statistics;
mod text;

pub use contestant::{Contestant, Kind, NoContestant};
pub use installation::{Installation, Start};
pub use measure::Measure;
pub use rounds::{Comparison, Sample, Side, Turn, alternate, turns};
pub use text::{About, json, table};

use std::process::ExitCode;

use super::permit::Permit;

/// Loads two targets in turn, and tells the ratio and its spread
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    #[command(flatten)]
    permit: Permit,
}

/// Runs the command.
pub fn run(args: CompareArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet ({:?})", args.permit)
}

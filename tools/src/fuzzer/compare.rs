//! Two servers, or two builds, in alternating runs.

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

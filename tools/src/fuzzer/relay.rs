//! A bare relay of frames: what this machine can do at most.

use std::process::ExitCode;

use super::permit::Permit;

/// Passes frames on without looking at them: the ceiling to compare a server with
#[derive(Debug, clap::Args)]
pub struct RelayArgs {
    #[command(flatten)]
    permit: Permit,
}

/// Runs the command.
pub fn run(args: RelayArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet ({:?})", args.permit)
}

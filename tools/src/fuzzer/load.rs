//! Load by scenarios: users who log in, write, read and leave.

use std::process::ExitCode;

use super::permit::Permit;

/// Loads an installation as its users would, and accounts for every message
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    #[command(flatten)]
    permit: Permit,
}

/// Runs the command.
pub fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet ({:?})", args.permit)
}

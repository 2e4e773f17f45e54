//! Malformed and hostile input, made by a grammar of the protocol.

use std::process::ExitCode;

use super::permit::Permit;

/// Attacks a port with malformed, misplaced and too much input
#[derive(Debug, clap::Args)]
pub struct FuzzArgs {
    #[command(flatten)]
    permit: Permit,
}

/// Runs the command.
pub fn run(args: FuzzArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet ({:?})", args.permit)
}

//! `pdu-fuzzer`: what people use to load-test and to attack an installation, Ferrotalk's or any other that speaks the
//! TeamTalk wire protocol.
//!
//! Read in this order: [`permit`] (whom it may send to), [`outcome`] (what is measured, and how it is added up), [`load`]
//! (scenarios and the clients that play them), [`usage`] (what the servers took for it), [`report`] (how it is shown) and
//! [`observer`] (how those two see a run), then [`fuzz`], [`relay`] and [`compare`].

pub mod compare;
pub mod fuzz;
pub mod load;
pub mod observer;
pub mod outcome;
pub mod permit;
pub mod relay;
pub mod report;
pub mod usage;

mod streams;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use im_base::causes;

use crate::terminal::{self, Paint};

/// Loads, attacks and measures servers that speak the TeamTalk wire protocol
#[derive(Debug, Parser)]
#[command(
    name = "pdu-fuzzer",
    version,
    after_help = "\
Try it, in two terminals:
  ferrotalk up --demo-users 2000 --no-limits
  pdu-fuzzer load one-to-one --seconds 10

It sends to this machine's own loopback addresses only, unless --i-own-this-target is given."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Load(Box<load::LoadArgs>),
    Fuzz(Box<fuzz::FuzzArgs>),
    Relay(relay::RelayArgs),
    Compare(Box<compare::CompareArgs>),
}

/// Runs the program with these arguments, the first of which is its name.
///
/// Exit codes: 0 nothing found, 1 a failure or something found (a message lost, a crash), 2 a command line that is not
/// understood, or a scenario that can't be played whoever the target is.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let ran = match terminal::parse::<Cli>(args).command {
        Command::Load(args) => load::run(*args),
        Command::Fuzz(args) => fuzz::run(*args),
        Command::Relay(args) => relay::run(args),
        Command::Compare(args) => compare::run(*args),
    };
    ran.unwrap_or_else(|error| {
        let why = causes::line(&error);
        streams::say(&format!("{} {why}", Paint::stderr().bad("error:")));
        match error.is::<Misunderstood>() {
            true => ExitCode::from(2),
            false => ExitCode::FAILURE,
        }
    })
}

/// What was asked for is no run: a scenario that is none, a value out of its bounds, flags that don't go together.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct Misunderstood(anyhow::Error);

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

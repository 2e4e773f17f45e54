//! Two servers, or two builds, in alternating runs.
//!
//! Read in this order: [`Contestant`] (who is compared), [`Installation`] (a build that is started for it), [`Arena`] (one run),
//! [`alternate`] (whose turn it is), [`Measure`] and [`statistics`] (what is made of it), [`table`] and [`json`].

mod contestant;
mod installation;

mod arena;
mod interrupt;
mod rounds;

mod measure;
pub mod statistics;
mod text;

pub use arena::Arena;
pub use contestant::{Contestant, Kind, NoContestant};
pub use installation::{Installation, Start};
pub use measure::Measure;
pub use rounds::{Comparison, Sample, Side, Turn, alternate, turns};
pub use text::{About, json, table};

use std::process::ExitCode;

use super::load::ScenarioArgs;
use super::permit::Permit;
use super::streams::{print, say};
use crate::terminal::{PASSWORD_VARIABLE, Paint};

/// Loads two targets in turn, and tells the ratio and its spread
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are each one of:
  login=URL[,run=DIR]               an installation that runs; DIR is the folder of its `ferrotalk up`
  msg=HOST:PORT,HOST:PORT[,run=DIR] msg_servers that run
  build=PATH                        a `ferrotalk` program: started anew for each run, with its data in a folder that is removed;
                                    loaded with TLS if the arguments for its `up` have --tls
  relay[=EDGES]                     a bare relay, started anew for each run: what this machine can do at most
name=NAME before it is what reports call it.

The order is A B, B A, A B …, after a run of each that is not counted. Sides are told apart only if one of them is ahead so
often that chance does it in less than one of ten comparisons; that takes 5 rounds at least.

Examples:
  pdu-fuzzer compare build=old/ferrotalk build=new/ferrotalk one-to-one --pairs 50 --window 16
  pdu-fuzzer compare name=sqlite,build=ferrotalk name=mariadb,build=ferrotalk group --up-args-b \"--store mysql://…\"
  pdu-fuzzer compare build=ferrotalk relay one-to-one --pairs 50 --window 16
  pdu-fuzzer compare name=plain,build=ferrotalk name=tls,build=ferrotalk one-to-one --up-args-b=\"--tls --tls-links\"
  pdu-fuzzer compare msg=127.0.0.1:8000 login=http://127.0.0.1:8080,run=./data one-to-one --json

Exit codes: 0 complete, 1 a failure, an interruption or a broken promise, 2 a command line or a scenario that is
not understood.")]
pub struct CompareArgs {
    /// One side
    a: Contestant,
    /// The other one
    b: Contestant,
    /// A scenario's name, or a TOML file
    scenario: String,
    /// Runs of each that are counted
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Arguments for `up` of both builds, separated by spaces
    #[arg(
        long,
        value_name = "ARGS",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    up_args: String,
    /// Further ones for A alone
    #[arg(
        long,
        value_name = "ARGS",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    up_args_a: String,
    /// Further ones for B alone
    #[arg(
        long,
        value_name = "ARGS",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    up_args_b: String,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// No progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    permit: Permit,
    #[command(flatten)]
    instead: ScenarioArgs,
}

/// Runs the command.
pub fn run(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let scenario = args.instead.scenario(&args.scenario)?;
    let about = About {
        names: [args.a.to_string(), args.b.to_string()],
        scenario: scenario.name.clone(),
        settings: scenario.settings(),
    };
    let arena = Arena {
        scenario,
        permit: args.permit,
        password: std::env::var(PASSWORD_VARIABLE)
            .unwrap_or_else(|_| crate::accounts::DEMO_PASSWORD.to_owned()),
        stop: interrupt::stop_token()?,
        quiet: args.quiet,
    };
    let arguments = |own: &str| -> Vec<String> {
        let words = args
            .up_args
            .split_whitespace()
            .chain(own.split_whitespace());
        words.map(str::to_owned).collect()
    };
    let sides = [
        (&args.a, arguments(&args.up_args_a)),
        (&args.b, arguments(&args.up_args_b)),
    ];
    let mut play = |turn: Turn| {
        let (contestant, arguments) = &sides[turn.side as usize];
        let title = match turn.round {
            Some(round) => format!("round {round} of {}, {:?}", args.rounds, turn.side),
            None => format!("warm-up, {:?}", turn.side),
        };
        let outcome = arena.play(contestant, arguments, &title)?;
        if !args.quiet {
            say(&format!("{title}: {}", text::in_short(&outcome)));
        }
        Ok(outcome)
    };
    let mut comparison = alternate(args.rounds, &mut play)?;
    if arena.stop.is_stopped() {
        comparison.ending = super::outcome::Ending::Interrupted;
    }
    let text = if args.json {
        json(&about, &comparison)?
    } else {
        table(&about, &comparison, Paint::stdout())
    };
    print(&text)?;
    Ok(if comparison.succeeded() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

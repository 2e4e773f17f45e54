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

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::load::Scenario;
use super::permit::Permit;
use crate::terminal::{PASSWORD_VARIABLE, Paint};

/// Loads two targets in turn, and tells the ratio and its spread
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are each one of:
  login=URL[,run=DIR]               an installation that runs; DIR is the folder of its `ferrotalk up`
  msg=HOST:PORT,HOST:PORT[,run=DIR] msg_servers that run
  build=PATH                        a `ferrotalk` program: started anew for each run, with its data in a folder that is removed
name=NAME before it is what reports call it.

The order is A B, B A, A B …, after a run of each that is not counted. Sides are told apart only if one of them is ahead so
often that chance does it in less than one of ten comparisons; that takes 5 rounds at least.

Examples:
  pdu-fuzzer compare build=old/ferrotalk build=new/ferrotalk one-to-one --set one-to-one.window=16
  pdu-fuzzer compare name=sqlite,build=ferrotalk name=mariadb,build=ferrotalk group --up-args-b \"--store mysql://…\"
  pdu-fuzzer compare msg=127.0.0.1:8000 login=http://127.0.0.1:8080,run=./data one-to-one --json

Exit codes: 0 complete, 1 a failure, an interruption or a broken promise, 2 a command line that is not understood.")]
pub struct CompareArgs {
    /// One side
    a: Contestant,
    /// The other one
    b: Contestant,
    /// The scenario's name, or a file
    scenario: String,
    /// Runs of each that are counted
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// A key of the scenario with another value, such as users=200 or one-to-one.window=16; may be given repeatedly
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
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
}

/// Runs the command.
pub fn run(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let scenario = scenario(&args.scenario, &args.set)?;
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
            eprintln!("{title}: {}", text::in_short(&outcome));
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
    // Whoever stopped reading wants no more of it.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(if comparison.succeeded() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The scenario with some of its keys changed; what is read at the end is the whole, so that it is checked as a file is.
fn scenario(name: &str, changes: &[String]) -> anyhow::Result<Scenario> {
    let scenario = Scenario::load(name)?;
    if changes.is_empty() {
        return Ok(scenario);
    }
    let mut whole = toml::Table::try_from(&scenario).context("writing the scenario")?;
    for change in changes {
        apply(&mut whole, change)?;
    }
    let said = || format!("--set {}", changes.join(" --set "));
    Scenario::parse(&whole.to_string()).with_context(said)
}

fn apply(whole: &mut toml::Table, change: &str) -> anyhow::Result<()> {
    let Some((key, value)) = change.split_once('=') else {
        bail!("--set {change}: write KEY=VALUE, for example users=200 or one-to-one.window=16");
    };
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut table = whole;
    for part in parts {
        let inner = table
            .entry(part)
            .or_insert_with(|| toml::Table::new().into());
        let toml::Value::Table(inner) = inner else {
            bail!("--set {change}: {part} is no part of a scenario but a value");
        };
        table = inner;
    }
    // A word without quotes is a text: the shell takes quotes away.
    let value = format!("it = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("it"))
        .unwrap_or_else(|| value.into());
    table.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: &str) -> anyhow::Result<Scenario> {
        scenario("one-to-one", &[change.to_owned()])
    }

    #[test]
    fn a_key_is_changed_and_checked_as_in_a_file() {
        assert_eq!(changed("users=20").unwrap().users, 20);
        let window = changed("one-to-one.window=7").unwrap().one_to_one;
        assert_eq!(window.unwrap().window, 7);
        assert_eq!(changed("user-prefix=demo").unwrap().user_prefix, "demo");
        for (wrong, named) in [
            ("usres=1", "usres"),
            ("users", "KEY=VALUE"),
            ("users.x=1", "users"),
        ] {
            let error = format!("{:#}", changed(wrong).unwrap_err());
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }
}

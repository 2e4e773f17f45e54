//! Load by scenarios: users who log in, write, read and leave.
//!
//! Read in this order: [`scenario`] (what a run does), [`target`] (to whom), [`play`] (one run, from its scenario to its
//! outcome), [`worker`] (the users of one process), [`ledger`] (what became of every message), [`processes`] (a run in
//! several processes).

mod args;
mod gather;
mod ledger;
mod limits;
mod play;
mod processes;
mod scenario;
mod tag;
mod target;
mod worker;

use std::process::ExitCode;
use std::thread;

use anyhow::{Context, anyhow};

use super::Misunderstood;
use super::observer::Onlooker;
use super::outcome::{Ending, Outcome};
use super::report::{Progress, ReportArgs, show};
use super::streams::print;
use super::usage::Watch;

pub use args::{ScenarioArgs, TargetArgs};
pub use play::{StopToken, play};
pub use scenario::{
    BUILT_IN, ClientKind, Group, History, Logins, OneToOne, Presence, Scenario, Storm,
};
pub use target::{Place, Target};

/// Loads an installation as its users would, and accounts for every message
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scenarios: one-to-one, group, logins, resume, idle, presence, history, office, storm. --print-scenario shows one, to be
changed and given as a file.

Examples:
  pdu-fuzzer load one-to-one --pairs 50 --window 16 --msg-server 127.0.0.1:8000 --msg-server 127.0.0.1:8001
  pdu-fuzzer load one-to-one --rate 5000 --seconds 60
  pdu-fuzzer load group --group-size 500 --online-share 0.2
  pdu-fuzzer load logins --users 20000 --processes 2 --source-addresses 4

Exit codes: 0 everything arrived once and in order; 1 something did not, or the run did not come to its end; 2 a command line
or a scenario that is not understood.")]
pub struct LoadArgs {
    /// A scenario's name, or a TOML file
    #[arg(required_unless_present_any = ["print_scenario", "worker"])]
    scenario: Option<String>,
    /// Print a scenario's file and do nothing else
    #[arg(long, value_name = "NAME")]
    print_scenario: Option<String>,
    /// Be one of several processes: the job comes from standard input
    #[arg(long, hide = true)]
    worker: bool,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    instead: ScenarioArgs,
    #[command(flatten)]
    report: ReportArgs,
}

/// Runs the command.
pub fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.print_scenario {
        let text = Scenario::built_in(name).ok_or_else(|| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            Misunderstood(anyhow!("no scenario {name:?}; there are {names}"))
        })?;
        print(text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.worker {
        processes::be_worker(args.target.permit())?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = args.scenario.as_deref().unwrap_or_default();
    let outcome = watched(&args, &args.instead.scenario(scenario)?)?;
    show(&outcome, &args.report)?;
    Ok(exit_code(&outcome))
}

/// Plays it with progress, and with an eye on the servers' processes.
fn watched(args: &LoadArgs, scenario: &Scenario) -> anyhow::Result<Outcome> {
    args.report.prepare()?;
    let target = args.target.target();
    let stop = StopToken::default();
    stop_on_signals(stop.clone())?;
    let mut onlooker = Onlooker {
        watch: Watch::begin(args.report.run_json().as_deref(), args.report.pids())?,
        progress: Progress::new(&scenario.name, &target.to_string(), args.report.quiet()),
    };
    let played = play(scenario, &target, &mut onlooker, stop);
    onlooker.conclude(played)
}

fn exit_code(outcome: &Outcome) -> ExitCode {
    let good = outcome.ending == Ending::Complete && !outcome.counts.is_broken_promise();
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The first Ctrl-C or SIGTERM ends the run with what was measured, the second one at once.
fn stop_on_signals(stop: StopToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    drop(_entered);
    let waiting = move || {
        runtime.block_on(async {
            for once in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if once {
                    stop.stop();
                }
            }
        });
        std::process::exit(1);
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(waiting)?;
    Ok(())
}

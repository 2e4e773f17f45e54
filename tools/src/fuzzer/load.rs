//! Load by scenarios: users who log in, write, read and leave.
//!
//! Read in this order: [`scenario`] (what a run does), [`target`] (to whom), [`play`] (one run, from its scenario to its
//! outcome), [`worker`] (the users of one process), [`ledger`] (what became of every message).

mod ledger;
mod play;
mod scenario;
mod tag;
mod target;
mod worker;

use std::process::ExitCode;

use super::permit::Permit;

pub use play::{StopToken, play};
pub use scenario::{
    BUILT_IN, ClientKind, Group, History, Logins, OneToOne, Presence, Scenario, Storm,
};
pub use target::{Place, Target};

/// Loads an installation as its users would, and accounts for every message
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// A scenario's name, or a file
    scenario: String,
    /// Msg_servers
    #[arg(long)]
    msg_server: Vec<String>,
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    login: String,
    #[command(flatten)]
    permit: Permit,
}

/// Runs the command.
pub fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    let scenario = Scenario::load(&args.scenario)?;
    let place = if args.msg_server.is_empty() {
        Place::Login(args.login)
    } else {
        Place::Servers(args.msg_server)
    };
    let target = Target {
        place,
        permit: args.permit,
        password: "demo".to_owned(),
        program: None,
    };
    let outcome = play(&scenario, &target, &mut |_| {}, StopToken::default())?;
    println!(
        "{:?} {:?} {}",
        outcome.ending, outcome.counts, outcome.seconds
    );
    for timing in super::outcome::Timing::ALL {
        if let Some(h) = outcome.timings.get(*timing) {
            println!(
                "{} n {} p50 {} p99 {} max {}",
                timing.name(),
                h.len(),
                h.value_at_quantile(0.5),
                h.value_at_quantile(0.99),
                h.max()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

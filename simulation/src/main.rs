//! Runs servers, clients and a store on a simulated network whose faults a seed decides, and checks what has to hold.
//!
//! One process runs one seed, in one thread and with a clock of its own, so that a seed gives the same run every time
//! (docs/ARCHITECTURE.md, "Simulation").

mod conversation;
mod device;
mod entropy;
mod model;
mod plan;
mod properties;
mod record;
mod world;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

const USAGE: &str = "usage: simulation SEED [--log]

Runs the seed, says what did not hold, and ends with 1 if something did not that has to. --log prints the events of the
run as well; they are printed in any case when it fails. RUST_LOG=debug adds the servers' own logs.";

fn main() -> ExitCode {
    let mut seed = None;
    let mut log = false;
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(number) if seed.is_none() => seed = Some(number),
            _ if argument == "--log" => log = true,
            _ => {
                println!("{USAGE}");
                return ExitCode::from(64);
            }
        }
    }
    let Some(seed) = seed else {
        println!("{USAGE}");
        return ExitCode::from(64);
    };
    entropy::seed(seed);
    if std::env::var_os("RUST_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::from_default_env())
            .without_time()
            .init();
    }

    let outcome = world::run(seed);
    let failed = outcome
        .violations
        .iter()
        .any(|violation| violation.property.is_enforced());
    if failed || log {
        println!("{}", outcome.plan);
        outcome.events.iter().for_each(|event| println!("{event}"));
    }
    for violation in &outcome.violations {
        println!("{violation}");
    }
    println!("seed {seed}: {}", outcome.summary);
    if failed {
        println!("to repeat: cargo run -p simulation -- {seed}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

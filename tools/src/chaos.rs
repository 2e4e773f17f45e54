//! `ferrotalk chaos`: people write to each other while processes, databases and links between them die, and afterwards it is
//! checked that everything that was promised was kept.
//!
//! A run is a [`schedule`] of faults that follows from a seed, a `load` of clients, and a [`history`] of everything
//! that they did and saw; [`check`] judges the history and nothing else. `ferrotalk chaos check FILE` judges one that was
//! written before.

pub mod check;
pub mod history;
pub mod schedule;

pub mod databases;
pub mod link;

mod load;

mod faults;
mod installation;
mod last_look;
mod record;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::terminal::Paint;
use report::Report;
use schedule::{Kind, Target};

/// Break an installation while people use it, and check that nothing is lost
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Starts an installation of its own, lets clients write to each other, and kills, stops, restarts and cuts off processes
meanwhile, by a schedule that follows from the seed. In the end it checks every message: acknowledged ones are stored
once, in order, and every device has them. Exit code 0 when everything held, 1 otherwise.

Examples:
  ferrotalk chaos --faults 20                     SQLite
  ferrotalk chaos --database mariadb --seed 7     a MariaDB and a Redis of its own, which die as well
  ferrotalk chaos --rolling                       every process is restarted in turn; clients that can move notice nothing
  ferrotalk chaos --login http://im.example.org:8080 --user-prefix test --password secret --seconds 60
                                                  load and checks on an installation that runs; it is not broken
  ferrotalk chaos check run.history               judges what was written with --history")]
pub struct ChaosArgs {
    #[command(subcommand)]
    command: Option<ChaosCommand>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum ChaosCommand {
    /// Judge a history that was written before
    Check {
        /// The file
        file: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
struct RunArgs {
    /// What the schedule follows from; a random one if none is given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many faults
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    faults: Option<u32>,
    /// How long clients write, at least; 60 if no number of faults is given
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Between two faults, about
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    pause: u64,
    /// For how long processes are stopped and links cut, at most
    #[arg(long, value_name = "MS", default_value_t = 6_000)]
    longest: u64,
    /// What is done
    #[arg(long, value_delimiter = ',', default_value = "kill,stop,restart,cut")]
    kinds: Vec<Kind>,
    /// To whom
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "msg_server,route_server,login_server,db_proxy,mariadb,redis"
    )]
    roles: Vec<Target>,
    /// Restart every process in turn, once or more, and nothing else
    #[arg(long, conflicts_with_all = ["faults", "kinds", "roles"])]
    rolling: bool,
    /// Within so many seconds after a fault everybody has everything
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    heal: u64,

    /// Pairs of users who write to each other, each at a desktop and a phone
    #[arg(long, value_name = "N", default_value_t = 20)]
    pairs: u32,
    /// Groups of these users
    #[arg(long, value_name = "N", default_value_t = 4)]
    groups: u32,
    /// Members of a group
    #[arg(long, value_name = "N", default_value_t = 8)]
    group_size: u32,
    /// Messages in a second, by all together
    #[arg(long, value_name = "N", default_value_t = 500.0)]
    rate: f64,
    /// Of a hundred clients, how many know no extensions
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    stock: u32,

    /// An installation that runs, by the address of its login_server; it is not broken
    #[arg(long, value_name = "URL")]
    login: Option<String>,
    /// Users of that installation are this and a number from 1 on
    #[arg(long, value_name = "NAME", default_value = "demo")]
    user_prefix: String,
    /// The password of all of them
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "FERROTALK_PASSWORD",
        hide_env_values = true,
        default_value = crate::accounts::DEMO_PASSWORD
    )]
    password: String,

    /// What messages are stored in
    #[arg(long, value_enum, default_value_t = StoreKind::Sqlite)]
    database: StoreKind,
    /// A store that is there already, as `up` takes it; it is not broken
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    store: Option<String>,
    /// A cache that is there already
    #[arg(long, value_name = "URL", default_value = "memory:")]
    cache: String,
    /// Where the installation is kept; a folder that is removed if none is named
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The first port; free ones are looked for if none is named
    #[arg(long, value_name = "P")]
    port_base: Option<u16>,
    /// How many login_servers
    #[arg(long, value_name = "N", default_value_t = 2)]
    login_servers: u16,
    /// How many msg_servers
    #[arg(long, value_name = "N", default_value_t = 3)]
    msg_servers: u16,
    /// How many route_servers
    #[arg(long, value_name = "N", default_value_t = 2)]
    route_servers: u16,
    /// How many db_proxies
    #[arg(long, value_name = "N", default_value_t = 2)]
    db_proxies: u16,

    /// Write everything that happens to a file
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Print the verdict as one JSON object
    #[arg(long)]
    json: bool,
}

/// What messages are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    /// A file.
    Sqlite,
    /// A MariaDB, and a Redis as cache, of the run's own.
    Mariadb,
}

/// Runs the command.
pub async fn run(args: ChaosArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(ChaosCommand::Check { file, json }) => judge(&history::read(&file)?, json),
        None => {
            let records = run::run(&args.run).await?;
            judge(&records, args.run.json)
        }
    }
}

fn judge(records: &[history::Record], json: bool) -> anyhow::Result<ExitCode> {
    let verdict = check::check(records);
    let report = Report {
        records,
        verdict: &verdict,
    };
    if json {
        println!("{}", report.json()?);
    } else {
        print!("{}", report.text(Paint::stdout()));
    }
    Ok(match verdict.violations.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

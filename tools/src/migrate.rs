//! `ferrotalk migrate`: everything from one store into another, whatever their databases.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use db_proxy::store::{shown, sqlite_path};
use db_proxy::transfer::StoreSource;

use crate::transfer::{self, Manner};

/// Move a store to another database: SQLite to MySQL, or back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk migrate --from sqlite:data/ferrotalk.db --to mysql://ferrotalk:secret@127.0.0.1:3306/ferrotalk
  ferrotalk migrate --from mysql://ferrotalk:secret@127.0.0.1:3306/ferrotalk --to sqlite:data/ferrotalk.db --json

Stop every db_proxy of both first. Everything stays as it is: ids, read positions, hidden conversations, devices, the keys by
which a resend is known, and the epoch, so that clients notice nothing. Resume tokens are not moved: clients log in with
their passwords once. A migration that was interrupted goes on when the same command is run again; until it is finished, no
server opens the target. The source is not changed. Exit code 1: it failed, or both sides are not the same afterwards.")]
pub struct MigrateArgs {
    /// The store as it is: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(
        long,
        value_name = "STORE",
        env = "FERROTALK_MIGRATE_FROM",
        hide_env_values = true
    )]
    from: String,
    /// An empty store, in the same form
    #[arg(
        long,
        value_name = "STORE",
        env = "FERROTALK_MIGRATE_TO",
        hide_env_values = true,
        required_unless_present = "dry_run"
    )]
    to: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = sqlite_path(&args.from)
        && !path.exists()
    {
        bail!("--from {} does not exist", path.display());
    }
    let to = args.to.as_deref().filter(|_| !args.manner.is_rehearsal());
    if to.is_some_and(|to| is_same(&args.from, to)) {
        bail!("--from and --to are the same store, {}", shown(&args.from));
    }
    // a rehearsal may be made while the store is used
    let from = match args.manner.is_rehearsal() {
        true => transfer::open(&args.from).await?,
        false => transfer::open_alone(&args.from).await?,
    };
    transfer::refuse_unfinished(&*from, "--from").await?;
    let mut source = StoreSource::new(from.clone()).await?;
    let target = match to {
        Some(to) => Some(transfer::open_alone(to).await?),
        None => None,
    };
    let ended = transfer::run(&mut source, target.as_deref(), &args.manner).await;
    from.close().await;
    if let Some(target) = target {
        target.close().await;
    }
    ended
}

fn is_same(from: &str, to: &str) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    match (sqlite_path(from), sqlite_path(to)) {
        (Some(from), Some(to)) => whole(from).is_some_and(|from| Some(from) == whole(to)),
        _ => from == to,
    }
}

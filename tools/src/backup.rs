//! `ferrotalk backup` and `ferrotalk restore`: copies of a store.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use db_proxy::store::{self, shown, sqlite_path};

use crate::transfer;

/// Copy a SQLite store to a file, while the servers run
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk backup --from sqlite:data/ferrotalk.db --to backup/ferrotalk-$(date +%F).db

The file is complete and checked as soon as it has its name. Copying ferrotalk.db with cp while servers run is no backup.
For MySQL: mariadb-backup, or mysqldump --single-transaction; see docs/MIGRATING.md.")]
pub struct BackupArgs {
    /// The store: sqlite:PATH
    #[arg(long, value_name = "STORE", default_value = "sqlite:data/ferrotalk.db")]
    from: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

/// Put a backup in a store's place, or tell clients that one was
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk restore --from backup/ferrotalk-2026-11-01.db --to sqlite:data/ferrotalk.db --force
  ferrotalk restore --new-epoch mysql://ferrotalk:secret@127.0.0.1:3306/ferrotalk

Stop every db_proxy of the store first. A restored store has a new epoch: clients hold ids of messages that it does not know,
and learn by the epoch that they must not trust them. For a MySQL store that was restored from a dump, --new-epoch does
this alone.")]
pub struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "FILE", required_unless_present = "new_epoch")]
    from: Option<PathBuf>,
    /// The store it becomes: sqlite:PATH
    #[arg(long, value_name = "STORE", required_unless_present = "new_epoch")]
    to: Option<String>,
    /// Replace a store that exists
    #[arg(long)]
    force: bool,
    /// Only give this store a new epoch
    #[arg(long, value_name = "STORE", conflicts_with_all = ["from", "to", "force"])]
    new_epoch: Option<String>,
}

/// Runs `ferrotalk backup`.
pub async fn back_up(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let from = sqlite(&args.from, "--from")?;
    let made = store::backup(from, &args.to, args.force)
        .await
        .context("no backup was made")?;
    println!(
        "{} holds {} ({} bytes, checked)",
        args.to.display(),
        from.display(),
        made.bytes
    );
    if made.unfinished {
        eprintln!(
            "warning: {} holds an import or a migration that did not come to its end; no server opens it, nor the backup",
            from.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `ferrotalk restore`.
pub async fn restore(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    if let Some(url) = &args.new_epoch {
        if sqlite_path(url).is_some_and(|path| !path.exists()) {
            bail!("--new-epoch {url} does not exist");
        }
        let store = transfer::open(url).await?;
        transfer::refuse_unfinished(&*store, "--new-epoch").await?;
        let epoch = random_epoch();
        store.set_epoch(epoch).await?;
        store.close().await;
        println!(
            "{} has epoch {epoch} now; restart its db_proxies",
            shown(url)
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        bail!("give --from FILE and --to STORE, or --new-epoch STORE");
    };
    let path = sqlite(to, "--to")?;
    let epoch = store::restore(from, path, args.force)
        .await
        .context("nothing was restored")?;
    println!(
        "{} is what {} held, with the new epoch {epoch}",
        path.display(),
        from.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn random_epoch() -> u64 {
    fastrand::u64(1..)
}

fn sqlite<'a>(url: &'a str, option: &str) -> anyhow::Result<&'a Path> {
    match sqlite_path(url) {
        Some(path) => Ok(path),
        None => bail!(
            "{option} {}: this is for SQLite, sqlite:PATH. For MySQL use mariadb-backup or mysqldump \
             --single-transaction, and `ferrotalk restore --new-epoch` after restoring; see docs/MIGRATING.md",
            shown(url)
        ),
    }
}

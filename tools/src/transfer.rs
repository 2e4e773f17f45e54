//! What `import` and `migrate` have in common: go through a source, show how far it is, compare, sum up.

mod progress;
mod summary;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use db_proxy::store::{Archive, open_archive, open_archive_alone};
use db_proxy::transfer::{self, Note, Source, TransferError};

use progress::Progress;
use summary::Summary;

/// The variable that db_proxy too takes the password of a MySQL store from.
const STORE_PASSWORD: &str = "FERROTALK_STORE__PASSWORD";

/// How a transfer is made.
#[derive(Args, Clone, Debug)]
pub(crate) struct Manner {
    /// Read and judge everything, and write nothing; the target is not looked at
    #[arg(long)]
    dry_run: bool,
    /// Don't compare both sides afterwards
    #[arg(long, conflicts_with = "dry_run")]
    no_verify: bool,
    /// The summary as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Manner {
    /// Whether nothing is written.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.dry_run
    }
}

/// Opens a store that nobody may be using.
pub(crate) async fn open_alone(url: &str) -> anyhow::Result<Arc<dyn Archive>> {
    Ok(open_archive_alone(url, store_password()?.as_deref()).await?)
}

/// Opens a store that others may be using.
pub(crate) async fn open(url: &str) -> anyhow::Result<Arc<dyn Archive>> {
    Ok(open_archive(url, store_password()?.as_deref()).await?)
}

/// The password of a MySQL store that is given apart from its URL, if one is.
pub(crate) fn store_password() -> anyhow::Result<Option<String>> {
    match std::env::var_os(STORE_PASSWORD).map(|value| value.into_string()) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => bail!("the value of {STORE_PASSWORD} is not UTF-8"),
    }
}

/// Refuses a store of which only a part is there.
pub(crate) async fn refuse_unfinished(store: &dyn Archive, option: &str) -> anyhow::Result<()> {
    let note = store.note().await.context("reading the store")?;
    if note.is_some_and(|note| Note::is_unfinished(&note)) {
        bail!(
            "the store of {option} holds an import or a migration that did not come to its end: run that again first, it \
             goes on where it stopped"
        );
    }
    Ok(())
}

fn advice(error: &TransferError) -> &'static str {
    match error {
        TransferError::Target(error) if !error.is_retryable() => {
            "the transfer stopped, and would stop there again"
        }
        TransferError::Source(_) | TransferError::Target(_) | TransferError::Reading(_) => {
            "the transfer stopped; run the same command again to go on from there"
        }
        _ => "nothing was transferred",
    }
}

/// Goes through the source. Exit code 1 if both sides are not the same afterwards.
pub(crate) async fn run(
    source: &mut dyn Source,
    target: Option<&dyn Archive>,
    manner: &Manner,
) -> anyhow::Result<ExitCode> {
    let identity = source.identity();
    eprintln!("from {identity}");
    let rows = source.rows();
    let moves = source.epoch().is_some();
    let Some(target) = target else {
        let progress = Progress::new("reading", rows, moves);
        let note = transfer::rehearse(source, &progress).await?;
        progress.done();
        let summary = Summary::new(identity, &note, source, None);
        return Ok(summary.show(manner.json, true));
    };
    let progress = Progress::new("writing", rows, moves);
    let copied = transfer::copy(source, target, &progress).await;
    let note = copied.map_err(|error| {
        let advice = advice(&error);
        anyhow::Error::from(error).context(advice)
    })?;
    progress.done();
    let verdict = match manner.no_verify {
        true => None,
        false => {
            let progress = Progress::new("comparing", rows, moves);
            let verdict = transfer::verify(source, target, &note, &progress)
                .await
                .context("everything is written, but comparing both sides stopped")?;
            progress.done();
            Some(verdict)
        }
    };
    let summary = Summary::new(identity, &note, source, verdict);
    Ok(summary.show(manner.json, false))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use db_proxy::store::StoreError;

    use super::*;

    #[test]
    fn nobody_is_told_to_try_what_would_fail_again() {
        let cause = || Arc::new(std::io::Error::other("Data too long for column"));
        let refused = TransferError::Target(StoreError::Refused(cause()));
        assert!(!advice(&refused).contains("run the same command"));
        let away = TransferError::Target(StoreError::Unavailable(cause()));
        assert!(advice(&away).contains("run the same command"));
    }
}

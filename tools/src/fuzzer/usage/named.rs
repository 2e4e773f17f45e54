//! Which processes are watched: those of an `up`, and others by their number.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// A process that somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) pid: u32,
}

/// An entry of `run.json`, as far as it matters here.
#[derive(Deserialize)]
struct Entry {
    role: String,
    index: usize,
    pid: u32,
}

/// The processes that an `up` says it runs.
pub(super) fn of_up(run_json: &Path) -> anyhow::Result<Vec<Named>> {
    let text = std::fs::read(run_json).with_context(|| {
        format!(
            "{} cannot be read; --run and run= take the folder of a `ferrotalk up` that runs",
            run_json.display()
        )
    })?;
    let entries: Vec<Entry> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no list of processes", run_json.display()))?;
    let named = entries.into_iter().map(|entry| Named {
        name: format!("{} {}", entry.role, entry.index),
        pid: entry.pid,
    });
    Ok(named.collect())
}

//! What shows a run, in short: the names and signatures of `report` and `usage`.

use std::path::{Path, PathBuf};

use super::super::outcome::{Outcome, Slice, Timing};
use super::super::usage::ProcessUsage;

#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ReportArgs {
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// The folder of the `ferrotalk up` that is loaded
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// No progress
    #[arg(long)]
    quiet: bool,
}

impl ReportArgs {
    pub(super) fn run_json(&self) -> Option<PathBuf> {
        self.run.as_ref().map(|dir| dir.join("run.json"))
    }

    pub(super) fn pids(&self) -> &[(String, u32)] {
        &[]
    }

    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }
}

pub(super) fn show(outcome: &Outcome, args: &ReportArgs) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "{} on {}: {:?}",
        outcome.scenario, outcome.target, outcome.ending
    );
    println!(
        "{:.1} s, {} online, {:?}",
        outcome.seconds, outcome.online, outcome.counts
    );
    for timing in Timing::ALL {
        if let Some(times) = outcome.timings.get(*timing) {
            let at = |quantile| times.value_at_quantile(quantile);
            println!(
                "{:<9} {:>9}  p50 {} µs  p99 {} µs  max {} µs",
                timing.name(),
                times.len(),
                at(0.5),
                at(0.99),
                times.max()
            );
        }
    }
    Ok(())
}

pub(super) struct Progress {
    quiet: bool,
}

impl Progress {
    pub(super) fn new(_scenario: &str, _target: &str, quiet: bool) -> Self {
        Self { quiet }
    }

    pub(super) fn slice(&mut self, slice: &Slice) {
        if !self.quiet {
            eprintln!(
                "{:?} {} online {:?}",
                slice.phase, slice.online, slice.counts
            );
        }
    }

    pub(super) fn done(self) {}
}

pub(super) struct Watch;

impl Watch {
    pub(super) fn begin(
        _run_json: Option<&Path>,
        _extra: &[(String, u32)],
    ) -> anyhow::Result<Self> {
        Ok(Self)
    }

    pub(super) fn follow(&mut self, _slice: &Slice) {}

    pub(super) fn finish(self) -> Vec<ProcessUsage> {
        Vec::new()
    }
}

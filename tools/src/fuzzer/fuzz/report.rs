//! What a run says: a line now and then, and everything at the end.

use std::path::Path;
use std::time::Duration;

use proto::{CommandId, commands};
use serde::Serialize;
use tokio::time::Instant;

use super::finding::Finding;
use super::play::Seen;
use super::script::Script;
use super::watch::{Sample, Trouble};
use crate::fuzzer::streams::say;
use crate::terminal::Paint;

/// Between two lines.
const LINE: Duration = Duration::from_secs(5);

/// What came of one port.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) target: String,
    pub(super) dialect: String,
    pub(super) seed: u64,
    pub(super) rounds: u64,
    pub(super) scripts: u64,
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) seen: Seen,
    /// The process when it had warmed up, and at the end.
    pub(super) before: Option<Sample>,
    pub(super) after: Option<Sample>,
    pub(super) findings: Vec<Finding>,
    /// Why it ended before its time, if it did.
    pub(super) ending: Option<String>,
}

impl Summary {
    pub(super) fn note_process(&mut self, before: Option<Sample>, after: Option<Sample>) {
        self.before = before;
        self.after = after.or(self.after);
    }
}

/// Lines on stderr, so that stdout is the result's alone.
pub(super) struct Progress {
    paint: Paint,
    begin: Instant,
    next: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            paint: Paint::stderr(),
            begin: Instant::now(),
            next: Instant::now() + LINE,
        }
    }

    /// A port's turn begins.
    pub(super) fn begins(&mut self, summary: &Summary, guessed: bool) {
        self.begin = Instant::now();
        let how = if guessed {
            " (by its answers; --as says otherwise)"
        } else {
            ""
        };
        say(&format!(
            "{} speaks {}{how}, seed {}",
            self.paint.name(&summary.target),
            summary.dialect,
            summary.seed
        ));
    }

    /// A round is over.
    pub(super) fn round(&mut self, summary: &Summary, corpus: usize) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + LINE;
        let memory = summary.after.map_or(String::new(), |after| {
            format!(
                ", {} MiB, {} descriptors",
                after.resident >> 20,
                after.descriptors
            )
        });
        say(&format!(
            "{:>5} s  round {}: {} scripts, {} frames, {} connections, {} kept{memory}",
            self.begin.elapsed().as_secs(),
            summary.rounds,
            summary.scripts,
            summary.seen.frames_sent,
            summary.seen.connections,
            corpus,
        ));
    }

    pub(super) fn found(&self, target: &str, trouble: &Trouble) {
        say(&format!("{} {target}: {trouble}", self.paint.bad("found:")));
    }

    pub(super) fn saved(&self, file: &Path) {
        say(&format!(
            "       {}; looking for the smallest script that shows it",
            file.display()
        ));
    }

    pub(super) fn minimised(&self, file: &Path, script: &Script) {
        say(&format!(
            "       {}: {} steps, {} bytes",
            file.display(),
            script.steps.len(),
            script.len()
        ));
    }

    pub(super) fn not_again(&self) {
        say("       it did not come again; the whole round is kept");
    }
}

/// The result as a table.
pub(super) fn table(summaries: &[Summary]) -> String {
    let mut out = String::new();
    for summary in summaries {
        let seen = &summary.seen;
        out += &format!(
            "\n{} ({}), seed {}\n",
            summary.target, summary.dialect, summary.seed
        );
        let mut row = |name: &str, value: String| out += &format!("  {name:<36} {value}\n");
        row("rounds", summary.rounds.to_string());
        row("scripts", summary.scripts.to_string());
        row("seconds", format!("{:.1}", summary.seconds));
        row("connections", seen.connections.to_string());
        row("frames sent", seen.frames_sent.to_string());
        row(
            "bytes sent / received",
            format!("{} / {}", seen.bytes_sent, seen.bytes_received),
        );
        for (command, count) in &seen.replies {
            let command = CommandId(*command);
            let name = commands::find(command).map_or("", |row| row.name);
            row(&format!("reply {command}"), format!("{count}  {name}"));
        }
        for (status, count) in &seen.statuses {
            row(&format!("status {status}"), count.to_string());
        }
        for (ending, count) in &seen.endings {
            row(ending.name(), count.to_string());
        }
        if let (Some(before), Some(after)) = (summary.before, summary.after) {
            let memory = format!("{} / {}", before.resident >> 20, after.resident >> 20);
            row("resident MiB before / after", memory);
            row(
                "descriptors before / after",
                format!("{} / {}", before.descriptors, after.descriptors),
            );
        }
        if let Some(ending) = &summary.ending {
            row("ended early", ending.clone());
        }
        row("findings", summary.findings.len().to_string());
        for finding in &summary.findings {
            let file = finding.minimal.as_ref().unwrap_or(&finding.whole);
            out += &format!("    {}\n      {}\n", finding.trouble, file.display());
        }
    }
    out
}

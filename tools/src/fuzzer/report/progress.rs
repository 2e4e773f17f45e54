use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::figures::{BROKEN, Figures, Unit};
use super::quantities::{count, micros, number};
use crate::fuzzer::outcome::{Counter, Slice, Timing};

/// Shows how a run goes, on standard error: two lines that change if that is a terminal, else a line for each slice.
pub struct Progress {
    shown: Shown,
    /// Since the beginning.
    errors: u64,
    broken: u64,
    /// When the last slice ended, in milliseconds since the start.
    last_ms: u64,
}

enum Shown {
    Live(ProgressBar),
    Lines,
    Nothing,
}

/// Between two frames of the sign of life.
const TICK: Duration = Duration::from_millis(250);

impl Progress {
    /// Says what begins, unless `quiet`.
    pub fn new(scenario: &str, target: &str, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Live(bar(&format!("{scenario} on {target}")))
        } else {
            say(&format!("{scenario} on {target}"));
            Shown::Lines
        };
        Self {
            shown,
            errors: 0,
            broken: 0,
            last_ms: 0,
        }
    }

    /// A slice of the whole run: of all workers together, in the order of time.
    pub fn slice(&mut self, slice: &Slice) {
        self.errors += Figures::errors(&slice.counts);
        self.broken += BROKEN
            .map(|counter| slice.counts[counter])
            .iter()
            .sum::<u64>();
        let millis = slice.at_ms.saturating_sub(self.last_ms);
        self.last_ms = slice.at_ms;
        let line = self.line(slice, millis);
        match &self.shown {
            Shown::Live(bar) => bar.set_message(line),
            Shown::Lines => say(&line),
            Shown::Nothing => {}
        }
    }

    /// Takes the live lines away. They also go when this is dropped.
    pub fn done(self) {
        if let Shown::Live(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    /// A slice that took `millis` in words: the same words at the same place every time, absent what there is none of.
    pub(super) fn line(&self, slice: &Slice, millis: u64) -> String {
        let phase = super::document::phase(slice.phase);
        let mut parts = vec![format!("{} online", count(slice.online))];
        let rate = |happened: u64| number(happened as f64 * 1e3 / millis.max(1) as f64);
        let counts = &slice.counts;
        for (happened, what) in [
            (Unit::Login.count(counts), "logins/s"),
            (counts[Counter::Sent], "sent/s"),
            (counts[Counter::Acked], "acked/s"),
            (counts[Counter::Delivered], "delivered/s"),
            (counts[Counter::HistoryRead], "pages/s"),
            (counts[Counter::Presence], "notices/s"),
        ] {
            if happened > 0 {
                parts.push(format!("{} {what}", rate(happened)));
            }
        }
        for timing in Timing::ALL {
            if let Some(histogram) = slice.timings.get(*timing) {
                parts.push(format!(
                    "{} p50 {} p99 {}",
                    timing.name(),
                    micros(histogram.value_at_quantile(0.5) as f64),
                    micros(histogram.value_at_quantile(0.99) as f64)
                ));
            }
        }
        parts.push(format!("{} errors", count(self.errors)));
        if self.broken > 0 {
            parts.push(format!(
                "{} lost, doubled, out of order or misdelivered",
                count(self.broken)
            ));
        }
        let seconds = slice.at_ms as f64 / 1e3;
        format!("{seconds:.0} s {phase}: {}", parts.join(", "))
    }
}

fn bar(title: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_prefix(title.to_owned())
        .with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}\n  {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// Whoever stopped reading wants no more of it.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

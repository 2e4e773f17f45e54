use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::figures::{BROKEN, Figures, Unit};
use super::quantities::{count, micros, number};
use crate::fuzzer::outcome::{Counter, Slice, Timing};
use crate::fuzzer::streams::say;

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
    Live { title: String, bar: ProgressBar },
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
            let title = format!("{scenario} on {target}");
            let bar = bar(&title);
            Shown::Live { title, bar }
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
        let (state, course) = (self.state(slice), course(slice, millis));
        match &self.shown {
            Shown::Live { title, bar } => {
                bar.set_prefix(format!("{title}, {state}"));
                bar.set_message(course);
            }
            Shown::Lines if course.is_empty() => say(&state),
            Shown::Lines => say(&format!("{state}, {course}")),
            Shown::Nothing => {}
        }
    }

    /// Takes the live lines away. They also go when this is dropped.
    pub fn done(self) {
        if let Shown::Live { bar, .. } = &self.shown {
            bar.finish_and_clear();
        }
    }

    /// Where the run is, and what went wrong since it began.
    fn state(&self, slice: &Slice) -> String {
        let phase = super::document::phase(slice.phase);
        let seconds = slice.at_ms as f64 / 1e3;
        let (online, errors) = (count(slice.online), count(self.errors));
        let mut state = format!("{seconds:.1} s {phase}: {online} online, {errors} errors");
        if self.broken > 0 {
            let broken = count(self.broken);
            state.push_str(&format!(
                ", {broken} lost, doubled, out of order or misdelivered"
            ));
        }
        state
    }
}

/// What a slice that took `millis` had: the same words in the same order every time, absent what there is none of.
fn course(slice: &Slice, millis: u64) -> String {
    let mut parts = Vec::new();
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
    parts.join(", ")
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fuzzer::outcome::{Counts, Phase, Timings};

    #[test]
    fn a_line_is_what_a_script_can_cut() {
        let mut slice = Slice {
            at_ms: 2_500,
            phase: Phase::Run,
            online: 1_200,
            counts: Counts::default(),
            timings: Timings::default(),
        };
        let mut progress = Progress::new("one-to-one", "here", true);
        assert_eq!(course(&slice, 500), "");
        slice.counts[Counter::Acked] = 1_000;
        slice.counts[Counter::Dropped] = 2;
        slice.counts[Counter::Doubled] = 1;
        slice.timings.record(Timing::Ack, Duration::from_millis(2));
        progress.slice(&slice);
        assert_eq!(
            progress.state(&slice),
            "2.5 s run: 1,200 online, 2 errors, 1 lost, doubled, out of order or misdelivered"
        );
        assert_eq!(
            course(&slice, 500),
            "2,000 acked/s, ack p50 2.00 ms p99 2.00 ms"
        );
    }
}

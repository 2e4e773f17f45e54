//! How far it is: a bar for somebody who looks, a line now and then for a file.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use db_proxy::store::Table;
use db_proxy::transfer::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two lines.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    total: u64,
    rows: AtomicU64,
    started: Instant,
    /// When the last line was written; `None`: a bar is shown.
    last: Option<Mutex<Instant>>,
    /// Rows of all tables are counted; else only of those that a TeamTalk database has.
    all: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: u64, all: bool) -> Self {
        let looked_at = std::io::stderr().is_terminal();
        let target = if looked_at {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_prefix(what);
        let template =
            "{prefix} [{bar:30}] {human_pos} of {human_len} rows, {per_sec}, {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            what,
            total,
            rows: AtomicU64::new(0),
            started: Instant::now(),
            last: (!looked_at).then(|| Mutex::new(Instant::now())),
            all,
        }
    }

    /// Takes the bar away and says how long it took.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        let rows = self.rows.load(Ordering::Relaxed);
        let rate = rows as f64 / seconds.max(0.001);
        eprintln!(
            "{}: {rows} rows in {seconds:.1} s, {rate:.0} per second",
            self.what
        );
    }
}

impl Watch for Progress {
    fn passed(&self, table: Table, rows: u64) {
        if !self.all && table == Table::Participants {
            return;
        }
        let passed = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.bar.set_message(table.name());
        self.bar.set_length(self.total.max(passed));
        self.bar.set_position(passed);
        let Some(last) = &self.last else { return };
        // nobody panics while holding it
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let percent = 100 * passed / self.total.max(passed).max(1);
            eprintln!(
                "{}: {passed} of {} rows, {percent} %, {}",
                self.what,
                self.total,
                table.name()
            );
        }
    }
}

//! What a run is said to have shown.

use std::fmt::Write as _;

use serde::Serialize;

use super::check::{Summary, Verdict, Violation, story};
use super::history::{Record, What};
use crate::terminal::Paint;

/// Violations that are told in full.
const TOLD: usize = 10;

/// Records of a violation's story.
const STORY: usize = 40;

/// The verdict as JSON.
#[derive(Serialize)]
struct Json<'a> {
    held: bool,
    seed: u64,
    repeat: &'a str,
    summary: &'a Summary,
    violations: Vec<Told<'a>>,
}

/// A violation with its story.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    violation: &'a Violation,
    story: Vec<&'a Record>,
}

/// A run that was judged.
pub(super) struct Report<'a> {
    pub(super) records: &'a [Record],
    pub(super) verdict: &'a Verdict,
}

impl Report<'_> {
    /// As one object.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        let (seed, repeat) = self.run();
        let violations = self.verdict.violations.iter().map(|violation| Told {
            violation,
            story: story(self.records, violation),
        });
        serde_json::to_string_pretty(&Json {
            held: self.verdict.violations.is_empty(),
            seed,
            repeat,
            summary: &self.verdict.summary,
            violations: violations.collect(),
        })
    }

    /// For people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        self.write(&mut text, paint)
            .expect("a string takes everything");
        text
    }

    fn write(&self, to: &mut String, paint: Paint) -> std::fmt::Result {
        let Summary {
            sending_ms,
            messages,
            acked,
            pushed,
            fetched,
            logins,
            failed_logins,
            failed,
            failed_of_moving,
            logins_of_moving,
            longest_ack_ms,
            longest_delivery_ms,
            faults,
            ..
        } = &self.verdict.summary;
        if !faults.is_empty() {
            writeln!(
                to,
                "   begins     lasts  longest ack  longest delivery  failed  fault"
            )?;
        }
        for fault in faults {
            writeln!(
                to,
                "{:>9} {:>9} {:>12} {:>17} {:>7}  {}",
                millis(fault.began_ms),
                millis(fault.lasted_ms),
                millis(fault.longest_ack_ms),
                millis(fault.longest_delivery_ms),
                fault.failed,
                fault.what
            )?;
        }
        writeln!(
            to,
            "{messages} messages in {} ({} a second), {acked} acknowledged, {pushed} pushes, {fetched} fetched",
            millis(*sending_ms),
            messages * 1000 / (*sending_ms).max(1)
        )?;
        writeln!(
            to,
            "longest time to an acknowledgement {}, from there to a device {}",
            millis(*longest_ack_ms),
            millis(*longest_delivery_ms)
        )?;
        writeln!(to, "{logins} logins, {failed_logins} failed ones")?;
        let all: u64 = failed.values().sum();
        writeln!(
            to,
            "sends that failed and were made again: {all}; of clients that move when they are told to: {failed_of_moving} ({logins_of_moving} logins of such)"
        )?;
        for (reason, count) in failed {
            writeln!(to, "  {count} {reason}")?;
        }
        self.violations(to, paint)?;
        let (seed, repeat) = self.run();
        if self.verdict.violations.is_empty() {
            writeln!(to, "{} seed {seed}", paint.good("everything held"))?;
        } else {
            let count = self.verdict.violations.len();
            let what = format!("{count} violations");
            writeln!(to, "{} seed {seed}", paint.bad(&what))?;
        }
        writeln!(to, "again: {repeat}")
    }

    fn violations(&self, to: &mut String, paint: Paint) -> std::fmt::Result {
        let mut rule = None;
        let violations = &self.verdict.violations;
        let mut in_order: Vec<&Violation> = violations.iter().collect();
        in_order.sort_by_key(|violation| violation.rule);
        let mut told = 0;
        for violation in in_order {
            if rule.replace(violation.rule) != Some(violation.rule) {
                let of_rule = violations.iter().filter(|v| v.rule == violation.rule);
                let count = of_rule.count();
                let text = format!("not kept, {count} times: {}", violation.rule);
                writeln!(to, "{}", paint.bad(&text))?;
                told = 0;
            }
            told += 1;
            if told > TOLD {
                continue;
            }
            writeln!(to, "- {}", violation.text)?;
            if told > 1 {
                continue;
            }
            let records = story(self.records, violation);
            for record in records.iter().take(STORY) {
                writeln!(to, "    {}", paint.dim(&self.line(record, violation)))?;
            }
            if records.len() > STORY {
                writeln!(to, "    … {} more records", records.len() - STORY)?;
            }
        }
        Ok(())
    }

    /// A record in a line: of pages only what is concerned.
    fn line(&self, record: &Record, violation: &Violation) -> String {
        let mut record = record.clone();
        if let What::Fetched { talk, seen, .. } | What::Stored { talk, seen } = &mut record.what {
            let talk = *talk;
            seen.retain(|seen| {
                violation.places.contains(&(talk, seen.id))
                    || seen
                        .key
                        .is_some_and(|key| violation.messages.contains(&key))
            });
        }
        serde_json::to_string(&record).unwrap_or_default()
    }

    fn run(&self) -> (u64, &str) {
        let first = self.records.first();
        match first.map(|first| &first.what) {
            Some(What::Run { seed, command, .. }) => (*seed, command),
            _ => (0, ""),
        }
    }
}

fn millis(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}

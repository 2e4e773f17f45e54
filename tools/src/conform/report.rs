//! What is printed: a line for each case, grouped, and a summary.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::case::{Case, Stop};
use super::run::Trial;
use crate::terminal::Paint;

/// Prints each case as it ends, and counts.
pub(super) struct Report {
    json: bool,
    /// Whether somebody watches: then the case that runs is shown.
    watched: bool,
    paint: Paint,
    total: usize,
    group: &'static str,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    pub(super) fn new(json: bool, total: usize) -> Self {
        Self {
            json,
            watched: !json && std::io::stderr().is_terminal(),
            paint: Paint::stdout(),
            total,
            group: "",
            passed: 0,
            failed: 0,
            skipped: 0,
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.failed > 0
    }

    /// A case begins.
    pub(super) fn begins(&self, case: &Case) {
        if self.watched {
            let done = self.passed + self.failed + self.skipped;
            eprint!("\r\x1b[K[{}/{}] {} …", done + 1, self.total, case.name);
            // Nothing depends on whether it is seen.
            drop(std::io::stderr().flush());
        }
    }

    /// A case ended.
    pub(super) fn ended(&mut self, trial: &Trial) {
        if self.watched {
            eprint!("\r\x1b[K");
        }
        match &trial.outcome {
            Ok(()) => self.passed += 1,
            Err(Stop::Fail { .. }) => self.failed += 1,
            Err(Stop::Skip(_)) => self.skipped += 1,
        }
        if self.json {
            say(&object(trial).to_string());
        } else {
            self.lines(trial);
        }
    }

    /// All cases ended.
    pub(super) fn summary(&self) {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
        if self.json {
            say(&json!({"passed": passed, "failed": failed, "skipped": skipped}).to_string());
            return;
        }
        let text = format!("{passed} passed, {failed} failed, {skipped} skipped");
        let text = match failed {
            0 => self.paint.good(&text),
            _ => self.paint.bad(&text),
        };
        say(&format!("\n{text}"));
    }

    fn lines(&mut self, trial: &Trial) {
        let (group, name) = split(trial.case.name);
        if group != self.group {
            say(&format!(
                "{}{group}",
                if self.group.is_empty() { "" } else { "\n" }
            ));
            self.group = group;
        }
        let word = match &trial.outcome {
            Ok(()) => self.paint.good("pass"),
            Err(Stop::Fail { .. }) => self.paint.bad("FAIL"),
            Err(Stop::Skip(_)) => self.paint.warn("skip"),
        };
        let section = self.paint.dim(trial.case.section.heading());
        say(&format!("  {word}  {name:<34} {section}"));
        let detail = |label: &str, text: &str| {
            say(&format!(
                "        {} {text}",
                self.paint.dim(&format!("{label:<9}"))
            ));
        };
        match &trial.outcome {
            Ok(()) => {}
            Err(Stop::Skip(reason)) => detail("because:", reason),
            Err(Stop::Fail { expected, came }) => {
                detail("rule:", rule(trial.case));
                detail("expected:", expected);
                detail("came:", came);
                if !trial.case.defects.is_empty() {
                    let known = numbers(trial.case).join(", ");
                    detail("known:", &format!("defect of the original: {known}"));
                }
            }
        }
    }
}

/// The list of cases, without trying them.
pub(super) fn list(cases: &[&Case], as_json: bool) {
    let paint = Paint::stdout();
    for case in cases {
        if as_json {
            say(&about(case).to_string());
            continue;
        }
        let defects = numbers(case).join(" ");
        let section = case.section.heading();
        say(&format!("{:<36} {section:<28} {defects}", case.name));
        say(&format!("    {}", paint.dim(rule(case))));
    }
}

fn object(trial: &Trial) -> serde_json::Value {
    let mut object = about(trial.case);
    let (word, expected, came, reason) = match &trial.outcome {
        Ok(()) => ("pass", None, None, None),
        Err(Stop::Fail { expected, came }) => ("fail", Some(expected), Some(came), None),
        Err(Stop::Skip(reason)) => ("skip", None, None, Some(reason)),
    };
    object["outcome"] = json!(word);
    object["expected"] = json!(expected);
    object["came"] = json!(came);
    object["reason"] = json!(reason);
    object["milliseconds"] = json!(u64::try_from(trial.took.as_millis()).unwrap_or(u64::MAX));
    object
}

fn about(case: &Case) -> serde_json::Value {
    json!({
        "case": case.name,
        "section": case.section.heading(),
        "rule": rule(case),
        "defects": numbers(case),
    })
}

/// A line on standard output. Whoever has stopped reading wants no more of it.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// In the doc comment's words.
fn rule(case: &Case) -> &str {
    case.rule.trim()
}

fn numbers(case: &Case) -> Vec<String> {
    case.defects.iter().map(|n| format!("D-{n}")).collect()
}

fn split(name: &'static str) -> (&'static str, &'static str) {
    name.split_once('/').unwrap_or(("", name))
}

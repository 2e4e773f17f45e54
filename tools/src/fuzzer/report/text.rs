//! The table at the end of a run.

use super::columns::Columns;
use super::figures::{BROKEN, Figures, label, settings};
use super::quantities::{bytes, count, micros, number};
use crate::fuzzer::outcome::{Counter, Counts, Ending, Outcome, Timing};
use crate::fuzzer::usage::ProcessUsage;
use crate::terminal::Paint;

/// The account of messages, in the order in which it is read.
const ACCOUNT: [Counter; 9] = [
    Counter::Sent,
    Counter::Acked,
    Counter::Refused,
    Counter::Unanswered,
    Counter::Expected,
    Counter::Delivered,
    Counter::Lost,
    Counter::Doubled,
    Counter::OutOfOrder,
];

/// What is worth a line in an account: all of messages if there were any, and whatever else happened; with whether it breaks a
/// promise.
pub(super) fn account_of(counts: &Counts) -> Vec<(Counter, bool)> {
    let messages = ACCOUNT.iter().any(|counter| counts[*counter] > 0);
    let shown = ACCOUNT.into_iter().filter(|_| messages);
    let others = counts.iter().map(|(counter, _)| counter);
    let others = others.filter(|counter| !ACCOUNT.contains(counter));
    let all = shown.chain(others);
    all.map(|counter| (counter, BROKEN.contains(&counter) && counts[counter] > 0))
        .collect()
}

/// A whole run for people, with a line's end behind each line.
pub fn table(outcome: &Outcome, paint: Paint) -> String {
    let figures = Figures::of(outcome);
    let mut lines = vec![headline(outcome)];
    lines.push(rates(&figures));
    lines.push(String::new());
    lines.extend(account(outcome, paint));
    let times = times(outcome);
    if !times.is_empty() {
        lines.push(String::new());
        lines.extend(times);
    }
    let servers = servers(&figures, paint);
    if !servers.is_empty() {
        lines.push(String::new());
        lines.extend(servers);
    }
    lines.push(String::new());
    let notes = figures.notes();
    lines.extend(notes.iter().map(|note| paint.warn(note)));
    let verdict = figures.verdict();
    lines.push(match &outcome.ending {
        _ if outcome.counts.is_broken_promise() => paint.bad(&verdict),
        Ending::Complete => paint.good(&verdict),
        Ending::Interrupted => paint.warn(&verdict),
        Ending::Failed(_) => paint.bad(&verdict),
    });
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn headline(outcome: &Outcome) -> String {
    let Outcome {
        scenario, target, ..
    } = outcome;
    match settings(outcome) {
        settings if settings.is_empty() => format!("{scenario} on {target}"),
        settings => format!("{scenario} on {target}: {settings}"),
    }
}

fn rates(figures: &Figures<'_>) -> String {
    let outcome = figures.outcome();
    let mut parts = Vec::new();
    if let (Some(unit), Some(rate)) = (figures.unit(), figures.rate()) {
        parts.push(format!("{} {} a second", number(rate), unit.done()));
    }
    if figures.run()[Counter::Delivered] > 0
        && let Some(rate) = figures.rate_of(Counter::Delivered)
    {
        parts.push(format!("{} pushes a second delivered", number(rate)));
    }
    if let Some((logins, rate)) = figures.logins() {
        parts.push(format!(
            "{} logins at {} a second",
            count(logins),
            number(rate)
        ));
    }
    parts.push(format!("{} connections at most", count(outcome.online)));
    parts.push(format!(
        "{} s from {}",
        number(outcome.seconds),
        outcome.started_at
    ));
    parts.join(", ")
}

/// The account in one line; a second one has everything else that was counted.
fn account(outcome: &Outcome, paint: Paint) -> Vec<String> {
    let (mut messages, mut others) = (Vec::new(), Vec::new());
    for (counter, broken) in account_of(&outcome.counts) {
        let text = format!("{} {}", label(counter), count(outcome.counts[counter]));
        let text = if broken { paint.bad(&text) } else { text };
        if ACCOUNT.contains(&counter) {
            messages.push(text);
        } else {
            others.push(text);
        }
    }
    let lines = [messages, others]
        .into_iter()
        .filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(|line| line.join("  ")).collect();
    if lines.is_empty() {
        return vec!["nothing happened".to_owned()];
    }
    lines
}

/// Quantiles that a report has, with their names.
pub(super) const QUANTILES: [(f64, &str); 4] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];

fn times(outcome: &Outcome) -> Vec<String> {
    let mut head = vec!["time", "count"];
    head.extend(QUANTILES.map(|(_, name)| name));
    head.push("max");
    let mut columns = Columns::new(&head);
    let mut any = false;
    for timing in Timing::ALL {
        let Some(histogram) = outcome.timings.get(*timing) else {
            continue;
        };
        any = true;
        let mut row = vec![timing.name().to_owned(), count(histogram.len())];
        let quantiles = QUANTILES.map(|(quantile, _)| histogram.value_at_quantile(quantile));
        row.extend(quantiles.map(|value| micros(value as f64)));
        row.push(micros(histogram.max() as f64));
        columns.row(row);
    }
    if any { columns.lines() } else { Vec::new() }
}

fn servers(figures: &Figures<'_>, paint: Paint) -> Vec<String> {
    let processes = &figures.outcome().processes;
    if processes.is_empty() {
        return Vec::new();
    }
    let unit = figures.unit().map_or("unit", |unit| unit.one());
    let each = format!("CPU/{unit}");
    let thousand = format!("CPU s/1,000 {unit}s");
    let mut columns = Columns::new(&[
        "process",
        "CPU s",
        "user",
        "kernel",
        &each,
        &thousand,
        "memory before",
        "after",
        "bytes/connection",
        "descriptors",
    ]);
    for process in processes {
        columns.row(server(figures, process));
    }
    if let Some(all) = figures.servers() {
        let sum = |part: fn(&ProcessUsage) -> f64| processes.iter().map(part).sum();
        let descriptors = processes.iter().map(|process| process.descriptors);
        columns.row(server(
            figures,
            &ProcessUsage {
                name: "all".to_owned(),
                pid: 0,
                user_seconds: sum(|process| process.user_seconds),
                system_seconds: sum(|process| process.system_seconds),
                resident_before: all.resident_before,
                resident_after: all.resident_after,
                descriptors: descriptors.sum(),
                trouble: None,
            },
        ));
    }
    let mut lines = columns.lines();
    for process in processes {
        if let Some(trouble) = &process.trouble {
            lines.push(paint.warn(&format!("{} {trouble}; there is no sum", process.name)));
        }
    }
    lines
}

fn server(figures: &Figures<'_>, process: &ProcessUsage) -> Vec<String> {
    let none = || "–".to_owned();
    let each = figures.cpu_micros_each(process.cpu_seconds());
    vec![
        process.name.clone(),
        format!("{:.2}", process.cpu_seconds()),
        format!("{:.2}", process.user_seconds),
        format!("{:.2}", process.system_seconds),
        each.map_or_else(none, micros),
        // a microsecond each is a millisecond for a thousand
        each.map_or_else(none, |each| number(each / 1e3)),
        bytes(process.resident_before as f64),
        bytes(process.resident_after as f64),
        figures
            .bytes_each(process.growth())
            .map_or_else(none, number),
        process.descriptors.map_or_else(none, count),
    ]
}

//! The page's tables.

use std::fmt::Write;

use super::super::document::phase;
use super::super::figures::{Figures, label};
use super::super::quantities::{bytes, count, micros, number};
use super::super::text::{QUANTILES, account_of};
use super::escape::Escaped;
use crate::fuzzer::outcome::{Counter, Outcome, Timing};
use crate::fuzzer::usage::ProcessUsage;

/// A table that grows row by row.
pub(super) struct Table {
    head: Vec<String>,
    rows: String,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: String::new(),
        }
    }

    fn row(&mut self, class: &str, cells: &[String]) {
        let rows = &mut self.rows;
        push(rows, format_args!("<tr{class}>"));
        for (place, cell) in cells.iter().enumerate() {
            let cell = Escaped(cell);
            match place {
                0 => push(rows, format_args!("<th scope=\"row\">{cell}</th>")),
                _ => push(rows, format_args!("<td>{cell}</td>")),
            }
        }
        rows.push_str("</tr>\n");
    }

    pub(super) fn html(&self) -> String {
        let head = self.head.iter();
        let head = head.map(|cell| format!("<th scope=\"col\">{}</th>", Escaped(cell)));
        format!(
            "<div class=\"table\"><table><thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            head.collect::<String>(),
            self.rows
        )
    }
}

/// What became of the messages, and everything else that was counted.
pub(super) fn counts(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["what was counted", "how often"]);
    for (counter, broken) in account_of(&outcome.counts) {
        let number = count(outcome.counts[counter]);
        if broken {
            let (name, number) = (label(counter), Escaped(&number));
            let row = format_args!(
                "<tr><th scope=\"row\">{name}</th><td class=\"bad\">{number}</td></tr>\n"
            );
            push(&mut table.rows, row);
        } else {
            table.row("", &[label(counter), number]);
        }
    }
    table
}

/// Quantiles of every time.
pub(super) fn times(outcome: &Outcome) -> Table {
    let mut head = vec!["time", "count", "mean"];
    head.extend(QUANTILES.map(|(_, name)| name));
    head.push("max");
    let mut table = Table::new(&head);
    for timing in Timing::ALL {
        let Some(histogram) = outcome.timings.get(*timing) else {
            continue;
        };
        let mut row = vec![timing.name().to_owned(), count(histogram.len())];
        row.push(micros(histogram.mean()));
        let quantiles = QUANTILES.map(|(quantile, _)| histogram.value_at_quantile(quantile));
        row.extend(quantiles.map(|value| micros(value as f64)));
        row.push(micros(histogram.max() as f64));
        table.row("", &row);
    }
    table
}

/// What servers took.
pub(super) fn servers(figures: &Figures<'_>) -> Table {
    let unit = figures.unit().map_or("unit", |unit| unit.one());
    let mut table = Table::new(&[
        "process",
        "CPU time",
        &format!("CPU a {unit}"),
        &format!("CPU for 1,000 {unit}s"),
        "memory before",
        "memory after",
        "bytes a connection",
        "descriptors",
    ]);
    let row = |name: String, cpu_seconds: f64, before: u64, after: u64, descriptors| {
        let none = || "–".to_owned();
        let each = figures.cpu_micros_each(cpu_seconds);
        let growth = figures.bytes_each(after as f64 - before as f64);
        [
            name,
            format!("{cpu_seconds:.2} s"),
            each.map_or_else(none, micros),
            each.map_or_else(none, |each| format!("{} s", number(each / 1e3))),
            bytes(before as f64),
            bytes(after as f64),
            growth.map_or_else(none, number),
            Option::map_or_else(descriptors, none, count),
        ]
    };
    let processes = &figures.outcome().processes;
    for process in processes {
        let ProcessUsage {
            name,
            pid,
            resident_before,
            resident_after,
            descriptors,
            ..
        } = process;
        let name = format!("{name} ({pid})");
        let (before, after) = (*resident_before, *resident_after);
        let cells = row(name, process.cpu_seconds(), before, after, *descriptors);
        table.row("", &cells);
    }
    if let Some(all) = figures.servers() {
        let descriptors = processes.iter().map(|process| process.descriptors).sum();
        let (before, after) = (all.resident_before, all.resident_after);
        let cells = row("all".into(), all.cpu_seconds, before, after, descriptors);
        table.row(" class=\"sum\"", &cells);
    }
    table
}

/// Slice by slice.
pub(super) fn slices(outcome: &Outcome) -> Table {
    let mut table = Table::new(&[
        "until second",
        "phase",
        "online",
        "logins",
        "sent",
        "acked",
        "delivered",
        "errors",
        "ack p50",
        "ack p99",
        "ack max",
    ]);
    for slice in &outcome.slices {
        let counts = &slice.counts;
        let logins = counts[Counter::LoggedIn] + counts[Counter::Resumed];
        let mut row = vec![
            number(slice.at_ms as f64 / 1e3),
            phase(slice.phase).to_owned(),
            count(slice.online),
            count(logins),
            count(counts[Counter::Sent]),
            count(counts[Counter::Acked]),
            count(counts[Counter::Delivered]),
            count(Figures::errors(counts)),
        ];
        let ack = slice.timings.get(Timing::Ack);
        row.extend([0.5, 0.99, 1.0].map(|quantile| {
            let value = ack.map(|ack| ack.value_at_quantile(quantile) as f64);
            value.map_or_else(|| "–".to_owned(), micros)
        }));
        table.row("", &row);
    }
    table
}

pub(super) fn push(to: &mut String, text: std::fmt::Arguments<'_>) {
    to.write_fmt(text).expect("a string takes everything");
}

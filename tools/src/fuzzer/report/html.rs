//! The page of a run: one file with everything in it, no script, and nothing from elsewhere.

mod axis;
mod chart;
mod escape;
mod latency;
mod over_time;
mod tables;

use std::fmt::Write;

use self::escape::Escaped;
use self::over_time::{Figure, OverTime};
use self::tables::push;
use super::figures::{Figures, settings};
use super::quantities::{bytes, count, micros, number};
use crate::fuzzer::outcome::{Counter, Ending, Outcome, Timing};

const STYLE: &str = include_str!("html/style.css");

/// Slices that the page lists one by one; of longer runs `--json` has them.
const LISTED: usize = 1_000;

/// A whole run as one HTML file. Everything that comes from outside, such as the scenario's name, is escaped.
///
/// # Errors
/// The charts could not be drawn.
pub fn page(outcome: &Outcome) -> anyhow::Result<String> {
    let figures = Figures::of(outcome);
    let mut html = String::new();
    push(
        &mut html,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{} on {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
            Escaped(&outcome.scenario),
            Escaped(&outcome.target)
        ),
    );
    head(&mut html, &figures);
    course(&mut html, outcome)?;
    times(&mut html, outcome)?;
    servers(&mut html, &figures);
    html.push_str("<h2>What was counted</h2>\n");
    html.push_str(&tables::counts(outcome).html());
    if !outcome.slices.is_empty() && outcome.slices.len() <= LISTED {
        let slices = tables::slices(outcome).html();
        push(
            &mut html,
            format_args!("<details><summary>Second by second</summary>{slices}</details>\n"),
        );
    }
    push(
        &mut html,
        format_args!(
            "<footer>Made by pdu-fuzzer {}.</footer>\n</main>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
    Ok(html)
}

/// What was done, how it ended, and the numbers that matter most.
fn head(html: &mut String, figures: &Figures<'_>) {
    let outcome = figures.outcome();
    push(
        html,
        format_args!(
            "<h1>{}</h1>\n<p class=\"soft\">{} · {} · {} s</p>\n",
            Escaped(&outcome.scenario),
            Escaped(&outcome.target),
            Escaped(&outcome.started_at),
            number(outcome.seconds)
        ),
    );
    let settings = settings(outcome);
    if !settings.is_empty() {
        let settings = Escaped(&settings);
        push(
            html,
            format_args!("<p class=\"soft\"><code>{settings}</code></p>\n"),
        );
    }
    let class = match &outcome.ending {
        _ if outcome.counts.is_broken_promise() => "bad",
        Ending::Complete => "good",
        Ending::Interrupted => "warn",
        Ending::Failed(_) => "bad",
    };
    let verdict = figures.verdict();
    let verdict = Escaped(&verdict);
    push(
        html,
        format_args!("<p class=\"verdict {class}\">{verdict}</p>\n"),
    );
    for note in figures.notes() {
        let note = Escaped(&note);
        push(html, format_args!("<p class=\"verdict warn\">{note}</p>\n"));
    }
    html.push_str("<dl class=\"tiles\">\n");
    for (name, value) in tiles(figures) {
        let (name, value) = (Escaped(&name), Escaped(&value));
        push(
            html,
            format_args!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"),
        );
    }
    html.push_str("</dl>\n");
}

fn tiles(figures: &Figures<'_>) -> Vec<(String, String)> {
    let outcome = figures.outcome();
    let mut tiles = Vec::new();
    let mut add = |name: &str, value: String| tiles.push((name.to_owned(), value));
    if let (Some(unit), Some(rate)) = (figures.unit(), figures.rate()) {
        add(&format!("{} a second", unit.done()), number(rate));
        if let Some(histogram) = unit.timing(outcome) {
            let at = |quantile| micros(histogram.value_at_quantile(quantile) as f64);
            add("median time", at(0.5));
            add("99th percentile", at(0.99));
        }
    }
    if let Some(delivery) = outcome.timings.get(Timing::Delivery) {
        add(
            "delivered, 99th percentile",
            micros(delivery.value_at_quantile(0.99) as f64),
        );
    }
    if outcome.counts[Counter::Expected] > 0 {
        let lost = outcome.counts[Counter::Lost];
        add("messages lost", count(lost));
    }
    add("connections at most", count(outcome.online));
    if let Some(servers) = figures.servers() {
        if let (Some(unit), Some(each)) =
            (figures.unit(), figures.cpu_micros_each(servers.cpu_seconds))
        {
            add(
                &format!("CPU of all servers a {}", unit.one()),
                micros(each),
            );
        }
        let growth = servers.resident_after as f64 - servers.resident_before as f64;
        if let Some(each) = figures.bytes_each(growth) {
            add("memory a connection, all servers", bytes(each));
        }
    }
    tiles
}

fn course(html: &mut String, outcome: &Outcome) -> anyhow::Result<()> {
    html.push_str("<h2>Throughput</h2>\n");
    let over_time = OverTime::of(outcome);
    if over_time.is_too_short() {
        html.push_str("<p class=\"soft\">The run was too short for a chart over time.</p>\n");
        return Ok(());
    }
    for drawn in over_time.rates().iter().chain(&over_time.online()) {
        html.push_str(&figure(drawn)?);
    }
    Ok(())
}

fn times(html: &mut String, outcome: &Outcome) -> anyhow::Result<()> {
    let about = |timing| match timing {
        Timing::Ack => (
            "Acknowledgement",
            "from the moment a message should have been sent to its acknowledgement",
        ),
        Timing::Delivery => (
            "Delivery",
            "from the moment a message should have been sent to the push on a receiver's device",
        ),
        Timing::Login => (
            "Login",
            "from opening the connection to the answer of a login with a password",
        ),
        Timing::Resume => (
            "Login by token",
            "from opening the connection to the answer of a login with a token",
        ),
        Timing::History => ("History", "from asking for a page of history to the page"),
        Timing::Presence => (
            "Presence",
            "from somebody's login or logout to the notice of it",
        ),
        Timing::Back => (
            "All back",
            "from a storm to the moment when all whom it hit are back",
        ),
    };
    let over_time = OverTime::of(outcome);
    let mut any = false;
    let mut sections = String::new();
    for timing in Timing::ALL {
        let Some(histogram) = outcome.timings.get(*timing) else {
            continue;
        };
        any = true;
        let (name, meaning) = about(*timing);
        writeln!(
            sections,
            "<h2>{name}</h2>\n<p class=\"soft\">The time {meaning}.</p>"
        )?;
        if !over_time.is_too_short()
            && let Some(drawn) = over_time.quantiles(*timing)
        {
            sections.push_str(&figure(&drawn)?);
        }
        sections.push_str("<div class=\"pair\">\n");
        sections.push_str(&figure(&latency::distribution(name, histogram))?);
        sections.push_str(&figure(&latency::quantiles(name, histogram))?);
        sections.push_str("</div>\n");
    }
    if any {
        html.push_str("<h2>Times</h2>\n");
        html.push_str(&tables::times(outcome).html());
        html.push_str(&sections);
    }
    Ok(())
}

fn servers(html: &mut String, figures: &Figures<'_>) {
    let processes = &figures.outcome().processes;
    if processes.is_empty() {
        return;
    }
    html.push_str("<h2>Servers</h2>\n");
    html.push_str(&tables::servers(figures).html());
    html.push_str(
        "<p class=\"soft\">CPU time is that of the run. Bytes a connection are what resident memory grew by from before the \
         first login to the end of the run, divided by all connections of the installation.</p>\n",
    );
    for process in processes {
        if let Some(trouble) = &process.trouble {
            let text = format!("{} {trouble}; there is no sum", process.name);
            push(
                html,
                format_args!("<p class=\"verdict warn\">{}</p>\n", Escaped(&text)),
            );
        }
    }
}

fn figure(figure: &Figure) -> anyhow::Result<String> {
    let svg = figure.chart.svg()?;
    Ok(format!(
        "<figure><h3>{}</h3>\n{svg}<figcaption>{}</figcaption></figure>\n",
        Escaped(&figure.title),
        Escaped(&figure.caption)
    ))
}

//! The JSON object of a run. Its names are documented in `docs/LOAD_REPORTS.md` and stay as they are.

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::figures::Figures;
use super::text::QUANTILES;
use crate::fuzzer::outcome::{Counter, Counts, Ending, Outcome, Phase, Timing, Timings};
use crate::fuzzer::usage::ProcessUsage;

/// A whole run as one JSON object on a line of its own.
///
/// # Errors
/// A setting that JSON has no word for, such as a number that is not one.
pub fn json(outcome: &Outcome) -> anyhow::Result<String> {
    let settings = serde_json::to_value(&outcome.settings).context("writing the settings")?;
    let mut object = about(outcome);
    object["settings"] = settings;
    Ok(format!("{object}\n"))
}

fn about(outcome: &Outcome) -> Value {
    let figures = Figures::of(outcome);
    let (ending, why) = match &outcome.ending {
        Ending::Complete => ("complete", None),
        Ending::Interrupted => ("interrupted", None),
        Ending::Failed(why) => ("failed", Some(why)),
    };
    let rates = Counter::ALL.iter().filter_map(|counter| {
        let rate = figures.rate_of(*counter)?;
        (rate > 0.0).then(|| (counter.name().to_owned(), json!(rate)))
    });
    let processes = outcome.processes.iter();
    json!({
        "scenario": outcome.scenario,
        "target": outcome.target,
        "started_at": outcome.started_at,
        "ending": ending,
        "why": why,
        "succeeded": figures.succeeded(),
        "notes": figures.notes(),
        "seconds": outcome.seconds,
        "online": outcome.online,
        "counts": every(&outcome.counts),
        "unit": figures.unit().map(|unit| unit.one()),
        "units": figures.units(),
        "rate": figures.rate(),
        "rates": Map::from_iter(rates),
        "logins_per_second": figures.logins().map(|(_, rate)| rate),
        "timings": timings(&outcome.timings, true),
        "processes": processes.map(|process| server(&figures, process)).collect::<Value>(),
        "servers": servers(&figures),
        "slices": slices(outcome),
    })
}

/// All counters, also those that are zero: a program needs no default.
fn every(counts: &Counts) -> Value {
    let all = Counter::ALL.iter();
    let all = all.map(|counter| (counter.name().to_owned(), json!(counts[*counter])));
    Value::Object(all.collect())
}

fn timings(timings: &Timings, recorded: bool) -> Value {
    let mut object = Map::new();
    for timing in Timing::ALL {
        let Some(histogram) = timings.get(*timing) else {
            continue;
        };
        let mut of_timing = Map::new();
        of_timing.insert("count".into(), json!(histogram.len()));
        of_timing.insert("mean_us".into(), json!(histogram.mean()));
        for (quantile, name) in QUANTILES {
            let name = format!("{}_us", name.replace('.', ""));
            of_timing.insert(name, json!(histogram.value_at_quantile(quantile)));
        }
        of_timing.insert("max_us".into(), json!(histogram.max()));
        if recorded {
            let values = histogram.iter_recorded();
            let values =
                values.map(|value| json!([value.value_iterated_to(), value.count_at_value()]));
            of_timing.insert("recorded".into(), values.collect());
        }
        object.insert(timing.name().to_owned(), Value::Object(of_timing));
    }
    Value::Object(object)
}

fn server(figures: &Figures<'_>, process: &ProcessUsage) -> Value {
    json!({
        "name": process.name,
        "pid": process.pid,
        "cpu_seconds": process.cpu_seconds(),
        "user_seconds": process.user_seconds,
        "system_seconds": process.system_seconds,
        "cpu_us_per_unit": figures.cpu_micros_each(process.cpu_seconds()),
        "cpu_seconds_per_1000_units":
            figures.cpu_micros_each(process.cpu_seconds()).map(|micros| micros / 1e3),
        "resident_before": process.resident_before,
        "resident_after": process.resident_after,
        "bytes_per_connection": figures.bytes_each(process.growth()),
        "descriptors": process.descriptors,
        "trouble": process.trouble,
    })
}

fn servers(figures: &Figures<'_>) -> Option<Value> {
    let all = figures.servers()?;
    let each = figures.cpu_micros_each(all.cpu_seconds);
    let growth = all.resident_after as f64 - all.resident_before as f64;
    Some(json!({
        "cpu_seconds": all.cpu_seconds,
        "cpu_us_per_unit": each,
        "cpu_seconds_per_1000_units": each.map(|micros| micros / 1e3),
        "resident_before": all.resident_before,
        "resident_after": all.resident_after,
        "bytes_per_connection": figures.bytes_each(growth),
    }))
}

fn slices(outcome: &Outcome) -> Value {
    let slices = outcome.slices.iter();
    let slices = slices.map(|slice| {
        json!({
            "at_ms": slice.at_ms,
            "phase": phase(slice.phase),
            "online": slice.online,
            "counts": slice.counts,
            "timings": timings(&slice.timings, false),
        })
    });
    slices.collect()
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Setup => "setup",
        Phase::Run => "run",
        Phase::Drain => "drain",
    }
}

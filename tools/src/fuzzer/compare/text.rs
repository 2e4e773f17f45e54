//! A comparison for people and for programs.

use serde_json::{Value, json};

use super::measure::Measure;
use super::rounds::{Comparison, Side};
use super::statistics::{ROUNDS_TO_TELL, Ratio, Spread};
use crate::fuzzer::outcome::{Ending, Outcome};
use crate::fuzzer::report::Figures;
use crate::fuzzer::report::columns::Columns;
use crate::fuzzer::report::quantities::number;
use crate::terminal::Paint;

/// What two sides are called, and what they were loaded with.
#[derive(Clone, Debug)]
pub struct About {
    /// What A and B are.
    pub names: [String; 2],
    /// The scenario's name.
    pub scenario: String,
    /// Every setting of it.
    pub settings: toml::Table,
}

/// The table at the end, with a line's end behind each line.
pub fn table(about: &About, comparison: &Comparison, paint: Paint) -> String {
    let [a, b] = &about.names;
    let settings = about.settings.iter();
    let settings: Vec<String> = settings
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    let mut lines = vec![format!("{}: {}", about.scenario, settings.join(", "))];
    lines.push(format!("A  {a}"));
    lines.push(format!("B  {b}"));
    lines.push(String::new());
    let mut columns = Columns::new(&["median (least to most)", "A", "", "B", "", "A/B", ""]);
    let mut verdicts = Vec::new();
    let unit = comparison.unit.unwrap_or("unit");
    for measure in Measure::ALL {
        let spread = |side| Spread::of(&comparison.values(side, measure));
        let (a, b) = (spread(Side::A), spread(Side::B));
        if a.is_none() && b.is_none() {
            continue;
        }
        let ratio = Ratio::of(&comparison.pairs(measure));
        let title = measure.title(unit);
        let mut row = vec![title.clone()];
        row.extend(cells(a, |value| measure.written(value)));
        row.extend(cells(b, |value| measure.written(value)));
        row.extend(cells(ratio.as_ref().map(|ratio| ratio.spread), number));
        columns.row(row);
        if let Some(ratio) = ratio {
            let verdict = verdict(measure, &ratio);
            let verdict = if ratio.tells_apart() {
                verdict
            } else {
                paint.dim(&verdict)
            };
            verdicts.push(format!("{title}: {verdict}"));
        }
    }
    if comparison.samples.is_empty() {
        lines.push("no round was completed".to_owned());
    } else {
        lines.extend(columns.lines());
        lines.push(String::new());
        lines.extend(verdicts);
    }
    lines.push(String::new());
    lines.extend(endings(comparison, paint));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn cells(spread: Option<Spread>, written: impl Fn(f64) -> String) -> [String; 2] {
    match spread {
        Some(Spread { min, median, max }) => [
            written(median),
            format!("({} to {})", written(min), written(max)),
        ],
        None => ["–".to_owned(), String::new()],
    }
}

/// Who is better, and how sure that is.
pub(super) fn verdict(measure: Measure, ratio: &Ratio) -> String {
    let (a, b) = if measure.more_is_better() {
        (ratio.above, ratio.below)
    } else {
        (ratio.below, ratio.above)
    };
    let rounds = ratio.values.len();
    let (side, wins) = if a >= b { ("A", a) } else { ("B", b) };
    let better = measure.better();
    let (low, high) = ratio.interval;
    let interval = format!(
        "the ratio is between {} and {} with {:.0} % confidence",
        number(low),
        number(high),
        (ratio.confidence * 100.0).floor()
    );
    let chance = format!("{:.0} %", (ratio.chance * 100.0).ceil());
    if ratio.tells_apart() {
        format!(
            "{side} {better} in {wins} of {rounds} rounds, which chance does in {chance} of cases; {interval}"
        )
    } else if rounds < ROUNDS_TO_TELL {
        format!(
            "{side} {better} in {wins} of {rounds} rounds; too few to tell them apart, {ROUNDS_TO_TELL} are needed"
        )
    } else {
        format!(
            "can't be told apart: {side} {better} in {wins} of {rounds} rounds, which chance does in {chance} of cases; {interval}"
        )
    }
}

fn endings(comparison: &Comparison, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let sides = ["A", "B"].iter().zip(comparison.broken);
    for ((side, broken), counts) in sides.zip(&comparison.counts) {
        if broken > 0 {
            let how = counts.broken_promises();
            let how =
                how.map(|(counter, count)| format!("{count} {}", counter.name().replace('_', " ")));
            let how = Vec::from_iter(how).join(", ");
            let text = format!("{side} broke the promise about messages in {broken} runs: {how}");
            lines.push(paint.bad(&text));
        }
    }
    lines.push(match &comparison.ending {
        Ending::Complete => {
            let rounds = comparison.rounds;
            paint.good(&format!(
                "complete: {rounds} rounds, A and B in turn, after a warm-up of each"
            ))
        }
        Ending::Interrupted => paint.warn("interrupted; what was measured until then is above"),
        Ending::Failed(why) => paint.bad(&format!(
            "failed: {why}; what was measured until then is above"
        )),
    });
    lines
}

/// One JSON object on a line of its own. Its names are documented in `docs/LOAD_REPORTS.md` and stay as they are.
pub fn json(about: &About, comparison: &Comparison) -> serde_json::Result<String> {
    let (ending, why) = match &comparison.ending {
        Ending::Complete => ("complete", None),
        Ending::Interrupted => ("interrupted", None),
        Ending::Failed(why) => ("failed", Some(why)),
    };
    let [a, b] = &about.names;
    let [broken_a, broken_b] = comparison.broken;
    let [counts_a, counts_b] = &comparison.counts;
    let figures = Measure::ALL.map(|measure| figure(comparison, measure));
    let object = json!({
        "a": a, "b": b,
        "scenario": about.scenario,
        "settings": serde_json::to_value(&about.settings)?,
        "rounds": comparison.rounds,
        "unit": comparison.unit,
        "ending": ending, "why": why,
        "broken_runs": {"a": broken_a, "b": broken_b},
        "counts": {"a": counts_a, "b": counts_b},
        "succeeded": comparison.succeeded(),
        "figures": figures,
    });
    Ok(format!("{object}\n"))
}

fn figure(comparison: &Comparison, measure: Measure) -> Value {
    let side = |side| {
        let values = comparison.values(side, measure);
        Spread::of(&values).map(|Spread { min, median, max }| {
            json!({"values": values, "min": min, "median": median, "max": max})
        })
    };
    let ratio = Ratio::of(&comparison.pairs(measure));
    json!({
        "name": measure.name(),
        "more_is_better": measure.more_is_better(),
        "a": side(Side::A),
        "b": side(Side::B),
        "told_apart": ratio.as_ref().map(Ratio::tells_apart),
        "verdict": ratio.as_ref().map(|ratio| verdict(measure, ratio)),
        "ratio": ratio,
    })
}

/// A run in one line.
pub(super) fn in_short(outcome: &Outcome) -> String {
    let unit = Figures::of(outcome)
        .unit()
        .map_or("unit", |unit| unit.one());
    let measured = Measure::ALL.into_iter().filter_map(|measure| {
        let value = measure.of(outcome)?;
        Some(format!(
            "{} {}",
            measure.title(unit),
            measure.written(value)
        ))
    });
    let mut parts: Vec<String> = measured.collect();
    if !Figures::of(outcome).succeeded() {
        parts.push(Figures::of(outcome).verdict());
    }
    parts.join(", ")
}

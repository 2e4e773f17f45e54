//! Charts of one histogram of times.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::axis::{Axis, quantile_place};
use super::chart::{Chart, Line, Tone};
use super::over_time::Figure;

/// The size of a chart half as wide as the page.
const HALF: (u32, u32) = (470, 260);

/// Bars for each power of ten.
const BARS: f64 = 20.0;

/// How often which time came.
pub(super) fn distribution(name: &str, histogram: &Histogram<u64>) -> Figure {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for value in histogram.iter_recorded() {
        let place = (value.value_iterated_to() as f64).max(1.0).log10();
        let bar = (place * BARS).floor() as i64;
        *counts.entry(bar).or_default() += value.count_at_value();
    }
    let all = histogram.len() as f64;
    let bars = counts.iter().map(|(bar, count)| {
        let left = *bar as f64 / BARS;
        (left..left + 1.0 / BARS, *count as f64 * 100.0 / all)
    });
    let bars: Vec<_> = bars.collect();
    let most = bars.iter().map(|(_, high)| *high).fold(0.0, f64::max);
    let least = bars.first().map_or(0.0, |(across, _)| across.start);
    let longest = bars.last().map_or(1.0, |(across, _)| across.end);
    let mut y = Axis::from_zero(most, "percent");
    for (_, text) in &mut y.ticks {
        text.push_str(" %");
    }
    let rules = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")];
    let rules = rules.map(|(quantile, name)| {
        let value = histogram.value_at_quantile(quantile) as f64;
        (value.max(1.0).log10(), name.to_owned())
    });
    let caption = "Share of all in each step of a twentieth of a power of ten.";
    Figure {
        title: "Distribution".to_owned(),
        caption: caption.to_owned(),
        chart: Chart {
            label: format!("{name}: distribution. {caption}"),
            size: HALF,
            x: Axis::times(
                10_f64.powf(least),
                10_f64.powf(longest),
                "time, logarithmic",
            ),
            y,
            bands: Vec::new(),
            bars,
            rules: rules.to_vec(),
            lines: Vec::new(),
        },
    }
}

/// Which share took no longer than what.
pub(super) fn quantiles(name: &str, histogram: &Histogram<u64>) -> Figure {
    let x = Axis::quantiles(histogram.len());
    let points = histogram.iter_quantiles(10).map(|value| {
        let place = quantile_place(value.quantile_iterated_to());
        let time = (value.value_iterated_to() as f64).max(1.0).log10();
        (place.min(x.range.end), time)
    });
    let points: Vec<_> = points.collect();
    let caption =
        "Each further nine on the way to the longest time. The scale of times is logarithmic.";
    Figure {
        title: "Quantiles".to_owned(),
        caption: caption.to_owned(),
        chart: Chart {
            label: format!("{name}: quantiles. {caption}"),
            size: HALF,
            x,
            y: Axis::times(histogram.min() as f64, histogram.max() as f64, "time"),
            bands: Vec::new(),
            bars: Vec::new(),
            rules: Vec::new(),
            lines: vec![Line {
                name: String::new(),
                tone: Tone::First,
                points,
            }],
        },
    }
}

//! Axes: where a value stands, and which values are written beside it.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::super::quantities::{count, micros, number};

/// An axis of a chart. Places are numbers that grow evenly along it: the value itself, or its logarithm.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    /// Where something is written, and what.
    pub(super) ticks: Vec<(f64, String)>,
    /// What the values are, with their unit.
    pub(super) title: String,
}

impl Axis {
    /// From nothing to at least `most`, in round steps.
    pub(super) fn from_zero(most: f64, title: &str) -> Self {
        let step = round_step(most.max(f64::MIN_POSITIVE) / 4.0);
        let steps = (most / step).ceil().max(1.0);
        let ticks = (0..=steps as usize).map(|tick| {
            let value = tick as f64 * step;
            (value, tick_text(value))
        });
        Self {
            range: 0.0..steps * step,
            ticks: ticks.collect(),
            title: title.to_owned(),
        }
    }

    /// Seconds since the start of a run.
    pub(super) fn seconds(range: Range<f64>) -> Self {
        let step = round_step((range.end - range.start) / 8.0).max(1.0);
        let first = (range.start / step).ceil() as u64;
        let last = (range.end / step).floor() as u64;
        let ticks = (first..=last).map(|tick| {
            let value = tick as f64 * step;
            (value, tick_text(value))
        });
        Self {
            ticks: ticks.collect(),
            range,
            title: "seconds since the start".to_owned(),
        }
    }

    /// Times between two of them in microseconds, by their logarithm; at least a decade.
    pub(super) fn times(least: f64, most: f64, title: &str) -> Self {
        let least = least.max(1.0).log10();
        let most = most.max(1.0).log10();
        let step = if most - least > 1.5 { 2 } else { 4 };
        // down and up to the next mark, and a decade in any case
        let floor = (least * f64::from(step)).floor() / f64::from(step);
        let ceiling = ((most * f64::from(step)).ceil() / f64::from(step)).max(floor + 1.0);
        let first = floor.floor() as i32;
        let last = ceiling.ceil() as i32;
        let steps: &[f64] = if ceiling - floor > 3.5 {
            &[1.0]
        } else if ceiling - floor > 1.5 {
            &[1.0, 3.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let ticks = (first..=last).flat_map(|decade| {
            steps.iter().map(move |step| {
                let value = (step * 10_f64.powi(decade)).round();
                (value.log10(), short_time(value))
            })
        });
        let inside = floor - 1e-9..ceiling + 1e-9;
        Self {
            ticks: ticks.filter(|(place, _)| inside.contains(place)).collect(),
            range: floor..ceiling,
            title: title.to_owned(),
        }
    }

    /// Quantiles up to the one that a single value of `values` is above, each nine as wide as the one before.
    pub(super) fn quantiles(values: u64) -> Self {
        let most = (values.max(10) as f64).log10();
        let nines = [
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
            (0.99999, "99.999 %"),
            (0.999999, "99.9999 %"),
        ];
        let ticks = nines.map(|(quantile, text)| (quantile_place(quantile), text.to_owned()));
        let ticks = ticks.into_iter().filter(|(place, _)| *place <= most + 1e-9);
        Self {
            range: 0.0..most,
            ticks: ticks.collect(),
            title: "share of all that took no longer".to_owned(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        let share = (place - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == place);
        tick.map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// Where a quantile stands: the number of its nines.
pub(super) fn quantile_place(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// 1, 2 or 5 times a power of ten, and not less than `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|round| round * power);
    let fits = rounds
        .into_iter()
        .find(|round| *round >= step * (1.0 - 1e-9));
    fits.unwrap_or(10.0 * power)
}

/// A tick's value, without digits that say nothing.
fn tick_text(value: f64) -> String {
    if value.fract().abs() < 1e-9 {
        count(value.round() as u64)
    } else {
        number(value).trim_end_matches('0').to_owned()
    }
}

/// `1 ms` and not `1.00 ms`.
fn short_time(value: f64) -> String {
    let text = micros(value);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_axis_holds_what_it_was_made_for(most in 0.0..1e12_f64, least in 0.0..1e9_f64) {
            let axis = Axis::from_zero(most, "");
            prop_assert!(axis.range.end >= most && (2..=7).contains(&axis.ticks.len()), "{axis:?}");
            let (least, most) = (least.min(most), least.max(most));
            let axis = Axis::times(least, most, "");
            let wanted = least.max(1.0).log10()..=most.max(1.0).log10();
            prop_assert!(axis.range.start <= *wanted.start() + 1e-6, "{axis:?}");
            prop_assert!(axis.range.end >= *wanted.end() - 1e-6, "{axis:?}");
            prop_assert!((2..=14).contains(&axis.ticks.len()), "{axis:?}");
        }
    }

    #[test]
    fn ticks_are_short() {
        let texts = |axis: Axis| Vec::from_iter(axis.ticks.into_iter().map(|(_, text)| text));
        assert_eq!(texts(Axis::from_zero(0.9, "")), ["0", "0.5", "1"]);
        let thousands = texts(Axis::from_zero(27_000.0, ""));
        assert_eq!(thousands, ["0", "10,000", "20,000", "30,000"]);
        let times = texts(Axis::times(80.0, 900.0, ""));
        assert_eq!(times, ["100 µs", "200 µs", "500 µs", "1 ms"]);
        assert_eq!(
            texts(Axis::quantiles(1_000)),
            ["50 %", "90 %", "99 %", "99.9 %"]
        );
    }
}

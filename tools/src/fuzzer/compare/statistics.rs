//! What a few measurements of two sides say, and what they do not.
//!
//! Nothing is assumed of how measurements are spread: everything here follows from their order alone.

use serde::Serialize;

/// Where some measurements lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one, or half way between the two middle ones.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// `None` without measurements, and if one is not a number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values)?;
        Some(Self {
            min: *sorted.first()?,
            median: (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0,
            max: *sorted.last()?,
        })
    }
}

/// The ratio of two sides, round by round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Of each round, the first side's measurement divided by the second's.
    pub values: Vec<f64>,
    /// Where they lie.
    #[serde(flatten)]
    pub spread: Spread,
    /// The true median lies between these two...
    pub interval: (f64, f64),
    /// ...with this probability, 0 to 1.
    pub confidence: f64,
    /// Rounds in which the first side's measurement was the greater one.
    pub above: usize,
    /// Rounds in which it was the smaller one.
    pub below: usize,
    /// How likely a result that is at least as one-sided would be if the sides were equal, 0 to 1: the sign test, both ways.
    pub chance: f64,
}

/// The interval of a ratio is the narrowest one with at least this probability, if the rounds suffice for it.
const CONFIDENCE: f64 = 0.9;

/// Sides are told apart if chance alone does it less often than this.
const CHANCE: f64 = 0.1;

/// With fewer rounds not even the most one-sided result tells the sides apart.
pub const ROUNDS_TO_TELL: usize = 5;

impl Ratio {
    /// Of measurements by rounds; a round in which one of them is not greater than zero has no ratio and is left out. `None`
    /// if no round is left.
    pub fn of(rounds: &[(f64, f64)]) -> Option<Self> {
        let rounds = rounds.iter().filter(|(first, second)| {
            let usable = |value: f64| value.is_finite() && value > 0.0;
            usable(*first) && usable(*second)
        });
        let values: Vec<f64> = rounds.map(|(first, second)| first / second).collect();
        let spread = Spread::of(&values)?;
        let sorted = sorted(&values)?;
        let count = sorted.len();
        let (cut, confidence) = innermost(count);
        let above = values.iter().filter(|ratio| **ratio > 1.0).count();
        let below = values.iter().filter(|ratio| **ratio < 1.0).count();
        Some(Self {
            spread,
            interval: (sorted[cut], sorted[count - 1 - cut]),
            confidence,
            above,
            below,
            chance: (2.0 * tail(above + below, above.min(below))).min(1.0),
            values,
        })
    }

    /// Whether one side is the greater one so often that chance hardly does it.
    pub fn tells_apart(&self) -> bool {
        self.chance < CHANCE
    }
}

/// How many of `count` sorted values can be left out on each side so that what is between still holds the median with enough
/// confidence, and that confidence.
fn innermost(count: usize) -> (usize, f64) {
    // The median lies outside only if almost all values fell on one side of it.
    let confidence = |cut: usize| 1.0 - 2.0 * tail(count, cut);
    let cuts = (0..count.div_ceil(2)).rev();
    let mut enough = cuts.map(|cut| (cut, confidence(cut)));
    enough
        .find(|(_, confidence)| *confidence >= CONFIDENCE)
        .unwrap_or((0, confidence(0).max(0.0)))
}

/// How likely at most `most` of `count` throws of a coin are heads.
fn tail(count: usize, most: usize) -> f64 {
    let mut ways = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for heads in 0..=most.min(count) {
        sum += ways;
        ways *= (count - heads) as f64 / (heads + 1) as f64;
    }
    sum
}

fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_coin_is_fair() {
        assert_eq!(tail(5, 0), 1.0 / 32.0);
        assert_eq!(tail(5, 5), 1.0);
        assert_eq!(tail(4, 1), 5.0 / 16.0);
        let all_of = |rounds: usize| Ratio::of(&vec![(2.0, 1.0); rounds]).unwrap();
        assert_eq!(all_of(5).chance, 1.0 / 16.0);
        assert!(all_of(ROUNDS_TO_TELL).tells_apart());
        assert!(!all_of(ROUNDS_TO_TELL - 1).tells_apart());
        let equal = Ratio::of(&[(1.0, 1.0); 9]).unwrap();
        assert_eq!((equal.above, equal.below, equal.chance), (0, 0, 1.0));
        assert!(!equal.tells_apart());
    }

    proptest! {
        #[test]
        fn a_spread_holds_every_value_and_half_are_on_each_side(values in prop::collection::vec(-1e9..1e9_f64, 1..40)) {
            let Spread { min, median, max } = Spread::of(&values).unwrap();
            prop_assert!(values.iter().all(|value| (min..=max).contains(value)));
            let half = values.len().div_ceil(2);
            prop_assert!(values.iter().filter(|value| **value <= median).count() >= half);
            prop_assert!(values.iter().filter(|value| **value >= median).count() >= half);
        }

        #[test]
        fn a_ratio_turns_over_with_its_sides(rounds in prop::collection::vec((1e-3..1e6_f64, 1e-3..1e6_f64), 1..40)) {
            let there = Ratio::of(&rounds).unwrap();
            let turned = Vec::from_iter(rounds.iter().map(|(first, second)| (*second, *first)));
            let back = Ratio::of(&turned).unwrap();
            prop_assert_eq!((there.above, there.below), (back.below, back.above));
            prop_assert_eq!(there.chance, back.chance);
            prop_assert!((there.spread.min * back.spread.max - 1.0).abs() < 1e-9);
            prop_assert!((there.interval.0 * back.interval.1 - 1.0).abs() < 1e-9);
        }

        #[test]
        fn an_interval_is_of_the_values_and_holds_the_median(rounds in prop::collection::vec((1e-3..1e6_f64, 1e-3..1e6_f64), 1..60)) {
            let ratio = Ratio::of(&rounds).unwrap();
            let Spread { min, median, max } = ratio.spread;
            prop_assert!(min <= ratio.interval.0 && ratio.interval.0 <= median);
            prop_assert!(median <= ratio.interval.1 && ratio.interval.1 <= max);
            prop_assert!((0.0..=1.0).contains(&ratio.confidence));
            prop_assert!(rounds.len() < 5 || ratio.confidence >= CONFIDENCE);
        }
    }

    #[test]
    fn what_has_no_ratio_is_left_out() {
        assert!(Spread::of(&[]).is_none());
        assert!(Spread::of(&[1.0, f64::NAN]).is_none());
        assert!(Ratio::of(&[(1.0, 0.0), (f64::NAN, 1.0)]).is_none());
        assert_eq!(Ratio::of(&[(1.0, 0.0), (3.0, 2.0)]).unwrap().values, [1.5]);
    }
}

//! Runs of two sides in turn, so that whatever changes on the machine meanwhile changes for both.

use serde::Serialize;

use super::measure::Measure;
use crate::fuzzer::outcome::{Counts, Ending, Outcome};
use crate::fuzzer::report::Figures;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one that was named first.
    A,
    /// The other.
    B,
}

/// A run that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// From 1; `None` for the warm-up, which is not counted.
    pub round: Option<u32>,
    /// Whose turn it is.
    pub side: Side,
}

/// What a run measured, as far as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// From 1.
    pub round: u32,
    /// Who was loaded.
    pub side: Side,
    /// In the order of [`Measure::ALL`].
    values: [Option<f64>; Measure::ALL.len()],
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// In the order of time, without the warm-up.
    pub samples: Vec<Sample>,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// What the work was counted in.
    pub unit: Option<&'static str>,
    /// In how many complete runs of each side, the warm-up included, the promise about messages was broken.
    pub broken: [u32; 2],
    /// What was counted in all complete runs of each side, the warm-up included.
    pub counts: [Counts; 2],
    /// How it ended. Whatever the ending, what was measured until then is true.
    pub ending: Ending,
}

/// The warm-up of both, then A B, B A, A B…
pub fn turns(rounds: u32) -> impl Iterator<Item = Turn> {
    (0..=rounds).flat_map(|round| {
        let sides = match round {
            0 => [Side::A, Side::B],
            round if round % 2 == 1 => [Side::A, Side::B],
            _ => [Side::B, Side::A],
        };
        sides.map(|side| Turn {
            round: (round > 0).then_some(round),
            side,
        })
    })
}

/// Lets `play` run each turn. Stops at the first one that is not complete, and keeps what came before.
///
/// # Errors
/// The first run fails to begin: then there is nothing to keep.
pub fn alternate(
    rounds: u32,
    play: &mut dyn FnMut(Turn) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison {
        samples: Vec::new(),
        rounds,
        unit: None,
        broken: [0; 2],
        counts: Default::default(),
        ending: Ending::Complete,
    };
    let mut any = false;
    for turn in turns(rounds) {
        let outcome = match play(turn) {
            Ok(outcome) => outcome,
            Err(error) if !any => return Err(error),
            Err(error) => {
                comparison.ending = Ending::Failed(format!("{:?}: {error:#}", turn.side));
                break;
            }
        };
        any = true;
        match &outcome.ending {
            Ending::Complete => {}
            Ending::Interrupted => {
                comparison.ending = Ending::Interrupted;
                break;
            }
            Ending::Failed(why) => {
                comparison.ending = Ending::Failed(format!("{:?}: {why}", turn.side));
                break;
            }
        }
        // Of runs that were cut short nobody knows what was still on its way.
        let side = turn.side as usize;
        comparison.broken[side] += u32::from(outcome.counts.is_broken_promise());
        comparison.counts[side].merge(&outcome.counts);
        if let Some(round) = turn.round {
            let unit = Figures::of(&outcome).unit();
            comparison.unit = comparison.unit.or(unit.map(|unit| unit.one()));
            comparison.samples.push(Sample {
                round,
                side: turn.side,
                values: Measure::ALL.map(|measure| measure.of(&outcome)),
            });
        }
    }
    Ok(comparison)
}

impl Comparison {
    /// A measure of each run of a side that has it, in the order of time.
    pub fn values(&self, side: Side, measure: Measure) -> Vec<f64> {
        let of_side = self.samples.iter().filter(|sample| sample.side == side);
        of_side.filter_map(|sample| sample.value(measure)).collect()
    }

    /// A measure of A and B in each round that has both.
    pub fn pairs(&self, measure: Measure) -> Vec<(f64, f64)> {
        let value = |round: u32, side: Side| {
            let mut samples = self.samples.iter();
            let sample = samples.find(|sample| sample.round == round && sample.side == side)?;
            sample.value(measure)
        };
        let rounds = 1..=self.rounds;
        let pairs =
            rounds.filter_map(|round| Some((value(round, Side::A)?, value(round, Side::B)?)));
        pairs.collect()
    }

    /// Whether every round was complete and no promise was broken.
    pub fn succeeded(&self) -> bool {
        self.ending == Ending::Complete && self.broken == [0; 2]
    }
}

impl Sample {
    /// If it was measured.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        self.values[measure as usize]
    }
}

//! Where scripts come from. The script of a seed and a number is always the same one.
//!
//! Everything about commands comes from proto's rows and schema: a new command is attacked without a line here.

mod frames;
mod http;
mod mutate;
mod orders;
mod websocket;

use fastrand::Rng;

use super::dialect::Dialect;
use super::script::{Script, Step};
pub(super) use mutate::mutate;
pub(super) use websocket::{HANDSHAKE, frame as websocket_frame};

/// What scripts are made for.
#[derive(Clone, Debug)]
pub(super) struct Grammar {
    /// What the port speaks.
    pub(super) dialect: Dialect,
    /// Names of users that exist; without any, nobody logs in.
    pub(super) users: Vec<String>,
    /// Connections that a crowd has at most.
    pub(super) crowd: u32,
}

impl Grammar {
    /// The script with that number.
    pub(super) fn script(&self, seed: u64, number: u64) -> Script {
        let mut rng = rng_of(seed, number);
        let steps = match self.dialect {
            Dialect::Http => http::steps(&mut rng, self),
            _ => orders::steps(&mut rng, self),
        };
        let steps = match self.dialect {
            Dialect::Websocket => websocket::wrap(&mut rng, steps),
            _ => steps,
        };
        Script {
            dialect: self.dialect,
            steps,
        }
    }

    /// Whether scripts log users in.
    fn logs_in(&self) -> bool {
        self.dialect.has_sessions() && !self.users.is_empty()
    }
}

/// The generator of the script with that number.
pub(super) fn rng_of(seed: u64, number: u64) -> Rng {
    // A multiplication by an odd constant, so that neighbours have nothing in common.
    Rng::with_seed(seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// What every kind of script has: many connections at once that say nothing.
fn crowd(rng: &mut Rng, grammar: &Grammar) -> Vec<Step> {
    vec![Step::Crowd {
        count: rng.u32(1..=grammar.crowd.max(1)),
        ms: rng.u64(..200),
    }]
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_script_follows_from_seed_and_number(seed: u64, number in 0_u64..1_000) {
            for dialect in Dialect::value_variants() {
                let grammar = Grammar { dialect: *dialect, users: vec!["demo2".into()], crowd: 16 };
                let script = grammar.script(seed, number);
                prop_assert_eq!(&script, &grammar.script(seed, number));
                prop_assert!(!script.steps.is_empty());
                let other = mutate(&mut rng_of(seed, number), &script, &grammar.script(seed, number + 1));
                prop_assert_eq!(&other, &mutate(&mut rng_of(seed, number), &script, &grammar.script(seed, number + 1)));
                for mut step in script.steps.into_iter().chain(other.steps) {
                    prop_assert!(step.connection_mut().is_none_or(|on| *on < super::super::script::CONNECTIONS));
                }
            }
        }
    }
}

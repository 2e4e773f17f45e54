//! The page of a run.

use crate::fuzzer::outcome::Outcome;

/// A whole run as one HTML file.
pub fn page(outcome: &Outcome) -> anyhow::Result<String> {
    Ok(outcome.scenario.clone())
}

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Position, Report};
use crate::store::{Table, UnixMillis};

/// What the target keeps about a transfer, written with each step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Names the source and its state.
    pub source: String,
    /// The moment that counts as now, in milliseconds.
    pub as_of: i64,
    pub position: Position,
    /// Rows that were written.
    pub written: BTreeMap<Table, u64>,
    pub report: Report,
    /// What was written of voice messages behind their durations.
    pub sounds: Sounds,
    /// Everything is written: the store may be used.
    pub finished: bool,
}

/// A sum over sounds, to be compared with the same sum of what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sounds {
    pub count: u64,
    pub bytes: u64,
    pub digest: u64,
}

impl Note {
    /// The moment that a transfer has to go on with; `None` if this is no note of one.
    pub fn as_of(text: &str) -> Option<UnixMillis> {
        let note: Self = serde_json::from_str(text).ok()?;
        Some(UnixMillis(note.as_of))
    }

    /// Whether this is what a target holds whose transfer did not come to its end.
    pub fn is_unfinished(text: &str) -> bool {
        serde_json::from_str::<Self>(text).map_or(true, |note| !note.finished)
    }
}

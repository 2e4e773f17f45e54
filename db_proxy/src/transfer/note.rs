use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Position, Report};
use crate::store::{Row, Table, UnixMillis, Value};

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
    /// The largest ids that rows are of or speak of, of tables that number their rows.
    #[serde(default)]
    pub ids: BTreeMap<Table, i64>,
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
    /// The last id that must not be given again, of each table that numbers its rows.
    pub(super) fn last_ids(&self, source: Vec<(Table, i64)>) -> BTreeMap<Table, i64> {
        let mut last = self.ids.clone();
        for (table, id) in source {
            let entry = last.entry(table).or_default();
            *entry = id.max(*entry);
        }
        last.values_mut()
            .for_each(|id| *id = (*id).clamp(0, u32::MAX.into()));
        last
    }

    /// Remembers which ids a row is of or speaks of.
    pub(super) fn see(&mut self, table: Table, row: &Row) {
        let mut saw = |of: Table, id: &Value| {
            let entry = self.ids.entry(of).or_default();
            *entry = id.int().max(*entry);
        };
        if table.has_parties() {
            let of = if row[0].int() == 0 {
                Table::Groups
            } else {
                Table::Users
            };
            saw(of, &row[1]);
        }
        match table {
            Table::Departments => {
                saw(Table::Departments, &row[0]);
                saw(Table::Departments, &row[table.column("parent_id")]);
            }
            Table::Users => {
                saw(Table::Users, &row[0]);
                saw(Table::Departments, &row[table.column("department_id")]);
            }
            Table::Groups => {
                saw(Table::Groups, &row[0]);
                saw(Table::Users, &row[table.column("creator_id")]);
                saw(Table::Users, &row[table.column("announced_by")]);
            }
            Table::Members => {
                saw(Table::Groups, &row[0]);
                saw(Table::Users, &row[1]);
            }
            Table::Messages => saw(Table::Users, &row[table.column("sender_id")]),
            Table::Participants | Table::Devices | Table::FormerMembers => {
                saw(Table::Users, &row[table.column("user_id")]);
            }
            Table::Contacts => {
                saw(Table::Users, &row[0]);
                saw(Table::Users, &row[1]);
            }
            Table::GroupRequests => {
                saw(Table::Groups, &row[0]);
                saw(Table::Users, &row[1]);
                saw(Table::Users, &row[table.column("by_user_id")]);
            }
            Table::Revisions => saw(Table::Users, &row[table.column("revised_by")]),
            Table::Conversations | Table::References | Table::Requests | Table::Invites => {}
        }
    }

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

//! What messages refer to, in the columns of the tables.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::client::References;

/// The columns, in the order in which [`read`] takes them.
pub(super) const COLUMNS: &str = "mentions, everybody, answers";

/// Members as they are written down.
pub(super) fn mentions(references: &References) -> String {
    let numbers = references.mentions.iter().map(u32::to_string);
    numbers.collect::<Vec<_>>().join(",")
}

/// The three columns from `first` on.
pub(super) fn read(row: &SqliteRow, first: usize) -> Result<References, sqlx::Error> {
    let mentions: String = row.try_get(first)?;
    Ok(References {
        // they were written by this program
        mentions: mentions.split(',').flat_map(str::parse).collect(),
        everybody: row.try_get(first + 1)?,
        answers: row.try_get(first + 2)?,
    })
}

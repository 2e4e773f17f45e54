//! Many rows in one statement. Each statement costs a trip to the connection's thread, so a batch makes few.

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Sqlite, query::Query};

use crate::store::StoreError;

/// Most rows of one statement.
pub(super) const CHUNK: usize = 256;

/// The rows of a `VALUES` clause, padded with NULLs to a power of two so that few different statements have to be
/// prepared. A statement that inserts must leave out rows whose first column is NULL; a join does by itself.
pub(super) struct Values {
    text: String,
    arguments: SqliteArguments,
}

impl Values {
    /// `bind` adds the `width` columns of one item. `items` are at most `CHUNK`.
    pub(super) fn new<T>(
        items: &[T],
        width: usize,
        mut bind: impl FnMut(&mut SqliteArguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<Self, StoreError> {
        let rows = items.len().next_power_of_two();
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows * width, 0);
        for item in items {
            bind(&mut arguments, item).map_err(sqlx::Error::Encode)?;
        }
        debug_assert_eq!(arguments.len(), items.len() * width);
        while arguments.len() < rows * width {
            arguments.add(None::<i64>).map_err(sqlx::Error::Encode)?;
        }
        Ok(Self {
            text: values(rows, width),
            arguments,
        })
    }

    /// The statement that `sql` makes of the clause `VALUES (?, …), …`. The clause is text of this module and `sql`
    /// text of its caller: nothing a user wrote gets in.
    pub(super) fn query(
        self,
        sql: impl FnOnce(&str) -> String,
    ) -> Query<'static, Sqlite, SqliteArguments> {
        sqlx::query_with(AssertSqlSafe(sql(&self.text)), self.arguments)
    }
}

fn values(rows: usize, width: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("VALUES {}", vec![row.as_str(); rows].join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_to_a_power_of_two() {
        let values = Values::new(&[1i64, 2, 3], 2, |row, n| {
            row.add(*n)?;
            row.add(n * 10)
        })
        .unwrap();
        assert_eq!(values.text, "VALUES (?,?),(?,?),(?,?),(?,?)");
        assert_eq!(values.arguments.len(), 8);
    }
}

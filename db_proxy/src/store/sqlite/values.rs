//! Many rows in one statement, and many statements in one trip: each trip to the connection's thread costs two wake-ups,
//! and with busy processors the wait for each.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
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
        bind: impl FnMut(&mut SqliteArguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<Self, StoreError> {
        let mut arguments = SqliteArguments::default();
        let text = add(&mut arguments, items, width, bind)?;
        Ok(Self { text, arguments })
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

/// Statements that are executed one after the other in one trip, until one fails.
#[derive(Default)]
pub(super) struct Script {
    text: String,
    arguments: SqliteArguments,
    rows: usize,
}

impl Script {
    /// A `VALUES` clause as [`Values`] has it, for the statement that is added next.
    pub(super) fn values<T>(
        &mut self,
        items: &[T],
        width: usize,
        bind: impl FnMut(&mut SqliteArguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<String, StoreError> {
        self.rows += items.len();
        add(&mut self.arguments, items, width, bind)
    }

    /// Adds a statement. What has come together is executed once it has the rows of a whole statement: scripts differ by the
    /// sizes of their statements, and each that occurs is to stay prepared.
    pub(super) async fn add(
        &mut self,
        connection: &mut SqliteConnection,
        sql: &str,
    ) -> Result<(), StoreError> {
        self.text.push_str(sql);
        self.text.push(';');
        if self.rows >= CHUNK {
            self.run(connection).await?;
        }
        Ok(())
    }

    /// Executes what was added since the last time.
    pub(super) async fn run(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let script = std::mem::take(self);
        if !script.text.is_empty() {
            sqlx::query_with(AssertSqlSafe(script.text), script.arguments)
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}

/// Adds the columns of the items, and NULLs up to a power of two of rows; gives the clause.
fn add<T>(
    arguments: &mut SqliteArguments,
    items: &[T],
    width: usize,
    mut bind: impl FnMut(&mut SqliteArguments, &T) -> Result<(), BoxDynError>,
) -> Result<String, StoreError> {
    let rows = items.len().next_power_of_two();
    let before = arguments.len();
    arguments.reserve(rows * width, 0);
    for item in items {
        bind(arguments, item).map_err(sqlx::Error::Encode)?;
    }
    debug_assert_eq!(arguments.len(), before + items.len() * width);
    while arguments.len() < before + rows * width {
        arguments.add(None::<i64>).map_err(sqlx::Error::Encode)?;
    }
    Ok(values(rows, width))
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

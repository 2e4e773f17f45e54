//! All that a store on MySQL holds, out and in.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, Row as _};

use super::MySqlStore;
use super::session::Session;
use super::statement::{Statement, piece, rows};
use crate::store::archive::{
    Archive, Cursor, Kind, PAGE_BYTES, PAGE_ROWS, Page, Place, Row, Table, Value, from_hex, to_hex,
};
use crate::store::{MetaStore, StoreError, row};

#[async_trait]
impl Archive for MySqlStore {
    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) AS count FROM {}", table.sql_name());
        let found = self.read(Statement::new(sql)).await?;
        found
            .first()
            .map_or(Ok(0), |found| row::int(found, "count"))
    }

    async fn export(&self, table: Table, after: &Cursor) -> Result<Page, StoreError> {
        let found = self.read(select(table, after)).await?;
        let mut rows = Vec::with_capacity(found.len());
        let mut next = None;
        for found in &found {
            rows.push(values(table, found)?);
        }
        if let Some(last) = found.last().filter(|_| found.len() >= limit(table)) {
            next = Some(Cursor(Some(place(table, last)?)));
        }
        Ok(Page { rows, next })
    }

    async fn import(
        &self,
        batch: &[(Table, Vec<Row>)],
        expected: Option<&str>,
        note: &str,
    ) -> Result<bool, StoreError> {
        if expected.is_none() {
            // not in the migrations: it is of no use to a store that nothing was moved into
            let make = "CREATE TABLE IF NOT EXISTS transfer (
                id BIGINT NOT NULL PRIMARY KEY, note LONGTEXT NOT NULL
                ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";
            self.read(Statement::new(make)).await?;
        }
        let mut transaction = self.begin().await?;
        let outcome = write(
            &mut transaction,
            batch,
            expected,
            note,
            self.statement_bytes,
        )
        .await;
        transaction.end(outcome, |written| *written).await
    }

    async fn note(&self) -> Result<Option<String>, StoreError> {
        let there = Statement::new(
            "SELECT COUNT(*) AS count FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_name = 'transfer'",
        );
        let there = self.read(there).await?;
        if there
            .first()
            .map_or(Ok(0i64), |there| row::int(there, "count"))?
            == 0
        {
            return Ok(None);
        }
        let note = self
            .read(Statement::new("SELECT note FROM transfer WHERE id = 1"))
            .await?;
        note.first().map(|note| row::text(note, "note")).transpose()
    }

    async fn last_id(&self, table: Table) -> Result<i64, StoreError> {
        let sql = format!("SELECT MAX(id) AS last FROM {}", table.sql_name());
        let found = self.read(Statement::new(sql)).await?;
        let last: i64 = found
            .first()
            .map_or(Ok(0), |found| row::int(found, "last"))?;
        // rows may have been deleted; information_schema tells the counter as it was a day ago
        let sql = format!("SHOW CREATE TABLE {}", table.sql_name());
        let made = self.read(Statement::new(sql)).await?;
        let made: Vec<u8> = match made.first() {
            Some(made) => made.try_get_unchecked(1)?,
            None => Vec::new(),
        };
        let next = next_id(&String::from_utf8_lossy(&made));
        Ok(last.max(next.map_or(0, |next| next - 1)))
    }

    async fn reserve(&self, table: Table, last: i64) -> Result<(), StoreError> {
        // never set back: the server takes the largest id there is if this is less
        let sql = format!(
            "ALTER TABLE {} AUTO_INCREMENT = {}",
            table.sql_name(),
            last.saturating_add(1)
        );
        self.read(Statement::new(sql)).await.map(drop)
    }

    async fn epoch(&self) -> Result<u64, StoreError> {
        self.store_epoch().await
    }

    async fn set_epoch(&self, epoch: u64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = renew(&mut transaction, epoch).await;
        transaction.end(outcome, |()| true).await
    }

    async fn close(&self) {
        MySqlStore::close(self).await;
    }
}

impl MySqlStore {
    /// One statement on a connection of its own. Not tried again: a transfer as a whole is.
    async fn read(&self, statement: Statement) -> Result<Vec<MySqlRow>, StoreError> {
        let mut session = Session::of(&self.readers).await?;
        let found = statement.fetch(&mut session).await?;
        session.release();
        Ok(found)
    }
}

async fn renew(connection: &mut MySqlConnection, epoch: u64) -> Result<(), StoreError> {
    Statement::new("UPDATE meta SET value = ? WHERE name = 'store_epoch'")
        .bind(epoch.to_string())
        .execute(connection)
        .await?;
    Statement::new("DELETE FROM sessions_resume")
        .execute(connection)
        .await?;
    Ok(())
}

/// The id that the next row gets, as SHOW CREATE TABLE tells it; `None` if that is the first one.
pub(crate) fn next_id(create_table: &str) -> Option<i64> {
    let options = create_table
        .lines()
        .find(|line| line.starts_with(") ENGINE"))?;
    let (_, rest) = options.split_once(" AUTO_INCREMENT=")?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Bodies may be long.
fn limit(table: Table) -> usize {
    if table == Table::Messages {
        (PAGE_BYTES / (64 * 1024)).max(PAGE_ROWS / 4)
    } else {
        PAGE_ROWS
    }
}

fn select(table: Table, after: &Cursor) -> Statement {
    let key = table.key();
    let id = match table {
        Table::Conversations => "t.id",
        _ => "t.conversation_id",
    };
    let columns = table.columns().iter().map(|(column, _)| match *column {
        "party_low" => format!("CAST({id} >> 32 AS SIGNED)"),
        "party_high" => format!("CAST({id} & 4294967295 AS SIGNED)"),
        other => format!("t.{other}"),
    });
    let columns = Vec::from_iter(columns).join(", ");
    let places = key.columns().into_iter().enumerate();
    let places = places.map(|(n, column)| format!("{column} AS place_{n}"));
    let places = Vec::from_iter(places).join(", ");
    let order = key.columns();
    // one range for each column of the key: a comparison of rows would read the table from its beginning
    let range = match (&after.0, &order[..]) {
        (None, _) => String::new(),
        (Some(_), [first]) => format!("WHERE {first} > ?"),
        (Some(_), [first, second, ..]) => {
            format!("WHERE {first} > ? OR ({first} = ? AND {second} > ?)")
        }
        (Some(_), []) => String::new(),
    };
    let sql = format!(
        "SELECT {columns}, {places} FROM {} AS t {range} ORDER BY {} LIMIT {}",
        table.sql_name(),
        order.join(", "),
        limit(table)
    );
    let mut statement = Statement::new(sql);
    if let Some(after) = &after.0 {
        let bind_second = |statement: Statement| match key.text {
            Some((_, Kind::Bytes)) => statement.bind(from_hex(&after.text)),
            Some(_) => statement.bind(after.text.clone()),
            None => statement.bind(after.numbers[1]),
        };
        statement = match (key.numbers.len(), key.text) {
            (0, _) => bind_second(statement),
            (1, None) => statement.bind(after.numbers[0]),
            _ => bind_second(statement.bind(after.numbers[0]).bind(after.numbers[0])),
        };
    }
    statement
}

fn values(table: Table, found: &MySqlRow) -> Result<Row, StoreError> {
    let mut row = Row::with_capacity(table.columns().len());
    for (place, (_, kind)) in table.columns().iter().enumerate() {
        let value = match kind {
            Kind::Int => found.try_get::<Option<i64>, _>(place)?.map(Value::Int),
            Kind::Text => found.try_get::<Option<String>, _>(place)?.map(Value::Text),
            Kind::Bytes => found
                .try_get::<Option<Vec<u8>>, _>(place)?
                .map(|bytes| Value::Bytes(Bytes::from(bytes))),
        };
        row.push(value.unwrap_or(Value::Null));
    }
    Ok(row)
}

fn place(table: Table, found: &MySqlRow) -> Result<Place, StoreError> {
    let key = table.key();
    let mut numbers = [0; 2];
    for (n, number) in numbers.iter_mut().take(key.numbers.len()).enumerate() {
        *number = found.try_get(format!("place_{n}").as_str())?;
    }
    let column = format!("place_{}", key.numbers.len());
    let text = match key.text {
        Some((_, Kind::Bytes)) => to_hex(found.try_get(column.as_str())?),
        Some(_) => found.try_get(column.as_str())?,
        None => String::new(),
    };
    Ok(Place { numbers, text })
}

async fn write(
    connection: &mut MySqlConnection,
    batch: &[(Table, Vec<Row>)],
    expected: Option<&str>,
    note: &str,
    statement_bytes: usize,
) -> Result<bool, StoreError> {
    let found = Statement::new("SELECT note FROM transfer WHERE id = 1 FOR UPDATE")
        .first(connection)
        .await?;
    let found = found.map(|found| row::text(&found, "note")).transpose()?;
    if found.as_deref() != expected {
        return Ok(false);
    }
    for (table, rows) in batch {
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let size = |row: &Row| row.iter().map(|value| value.bytes().len()).sum();
            let (chunk, others) = piece(rest, statement_bytes, size);
            insert(connection, *table, chunk).await?;
            rest = others;
        }
    }
    Statement::new("REPLACE INTO transfer (id, note) VALUES (1, ?)")
        .bind(note.to_owned())
        .execute(connection)
        .await?;
    Ok(true)
}

async fn insert(
    connection: &mut MySqlConnection,
    table: Table,
    chunk: &[Row],
) -> Result<(), StoreError> {
    let skipped = if table.has_parties() { 2 } else { 0 };
    let id = match table {
        Table::Conversations => Some("id"),
        table if table.has_parties() => Some("conversation_id"),
        _ => None,
    };
    let own = table.columns().iter().skip(skipped);
    let columns = id.into_iter().chain(own.map(|(column, _)| *column));
    let columns = Vec::from_iter(columns);
    let then = match table {
        Table::Conversations => {
            "ON DUPLICATE KEY UPDATE last_message_id = VALUES(last_message_id),
             low_messages = VALUES(low_messages), last_message_at_ms = VALUES(last_message_at_ms), created_at_ms = VALUES(created_at_ms),
             contact_flags = VALUES(contact_flags)"
        }
        _ => "",
    };
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {} {then}",
        table.sql_name(),
        columns.join(", "),
        rows(chunk.len(), columns.len())
    );
    let statement = Statement::new(sql).bind_all(chunk, |statement, row| {
        if skipped > 0 {
            statement.add(row[0].int() << 32 | row[1].int());
        }
        for value in &row[skipped..] {
            match value {
                Value::Null => statement.add(None::<i64>),
                Value::Int(number) => statement.add(*number),
                Value::Text(text) => statement.add(text.clone()),
                Value::Bytes(bytes) => statement.add(bytes.to_vec()),
            }
        }
    });
    statement.execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_told_by_the_options_of_a_table() {
        let made = "CREATE TABLE `users` (\n  `id` bigint NOT NULL AUTO_INCREMENT COMMENT ' AUTO_INCREMENT=9',\n  \
                    PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
        assert_eq!(next_id(made), Some(42));
        assert_eq!(next_id(&made.replace("=42", "")), None);
    }
}

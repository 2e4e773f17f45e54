//! All that a SQLite store holds, out and in.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Row as _};

use super::SqliteStore;
use super::values::{CHUNK, Values};
use crate::store::archive::{
    Archive, Cursor, Kind, PAGE_BYTES, PAGE_ROWS, Page, Place, Row, Table, Value, all_written,
    from_hex, to_hex,
};
use crate::store::{MetaStore, StoreError};

#[async_trait]
impl Archive for SqliteStore {
    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {}", table.sql_name());
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&self.readers)
            .await?;
        Ok(count.unsigned_abs())
    }

    async fn export(&self, table: Table, after: &Cursor) -> Result<Page, StoreError> {
        let (sql, arguments) = select(table, after)?;
        let mut found = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch(&self.readers);
        let mut rows = Vec::new();
        let (mut bytes, mut next) = (0, None);
        while let Some(found) = found.try_next().await? {
            let row = row(table, &found)?;
            bytes += row.iter().map(|value| value.bytes().len()).sum::<usize>();
            rows.push(row);
            if rows.len() >= PAGE_ROWS || bytes >= PAGE_BYTES {
                next = Some(Cursor(Some(place(table, &found)?)));
                break;
            }
        }
        Ok(Page { rows, next })
    }

    async fn import(
        &self,
        batch: &[(Table, Vec<Row>)],
        expected: Option<&str>,
        note: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // not in the migrations: it is of no use to a store that nothing was moved into
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS transfer (id INTEGER PRIMARY KEY, note TEXT NOT NULL)",
        )
        .execute(&mut *transaction)
        .await?;
        let found: Option<String> = sqlx::query_scalar("SELECT note FROM transfer")
            .fetch_optional(&mut *transaction)
            .await?;
        if found.as_deref() != expected {
            return Ok(false);
        }
        for (table, rows) in batch {
            for chunk in rows.chunks(CHUNK) {
                insert(&mut transaction, *table, chunk).await?;
            }
        }
        sqlx::query("INSERT OR REPLACE INTO transfer (id, note) VALUES (1, ?)")
            .bind(note)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn note(&self) -> Result<Option<String>, StoreError> {
        let there: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'transfer'")
                .fetch_one(&self.readers)
                .await?;
        if there == 0 {
            return Ok(None);
        }
        let note = sqlx::query_scalar("SELECT note FROM transfer");
        Ok(note.fetch_optional(&self.readers).await?)
    }

    async fn last_id(&self, table: Table) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?";
        let last = sqlx::query_scalar(sql).bind(table.sql_name());
        Ok(last.fetch_one(&self.readers).await?)
    }

    async fn reserve(&self, table: Table, last: i64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let name = table.sql_name();
        // a table that never had a row has no counter yet
        sqlx::query(
            "INSERT INTO sqlite_sequence (name, seq)
             SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
        )
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?")
            .bind(last)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn epoch(&self) -> Result<u64, StoreError> {
        self.store_epoch().await
    }

    async fn set_epoch(&self, epoch: u64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE meta SET value = ? WHERE name = 'store_epoch'")
            .bind(epoch.to_string())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM sessions_resume")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn close(&self) {
        SqliteStore::close(self).await;
    }
}

fn select(table: Table, after: &Cursor) -> Result<(String, SqliteArguments), StoreError> {
    let key = table.key();
    let parties = if table == Table::Conversations {
        "t"
    } else {
        "c"
    };
    let columns = table.columns().iter().map(|(column, _)| match *column {
        "party_low" | "party_high" => format!("{parties}.{column}"),
        other => format!("t.{other}"),
    });
    let columns = Vec::from_iter(columns).join(", ");
    let places = key.columns().into_iter().enumerate();
    let places = places.map(|(n, column)| format!("{column} AS place_{n}"));
    let places = Vec::from_iter(places).join(", ");
    let from = match table {
        Table::Participants | Table::Messages | Table::Revisions | Table::References => format!(
            "{} AS t CROSS JOIN conversations AS c ON c.id = t.conversation_id",
            table.sql_name()
        ),
        table => format!("{} AS t", table.sql_name()),
    };
    let order = key.columns().join(", ");
    let mut arguments = SqliteArguments::default();
    let mut range = String::new();
    if let Some(after) = &after.0 {
        let marks = vec!["?"; key.columns().len()].join(", ");
        range = format!("WHERE ({order}) > ({marks})");
        for number in &after.numbers[..key.numbers.len()] {
            arguments.add(*number).map_err(sqlx::Error::Encode)?;
        }
        match key.text {
            Some((_, Kind::Bytes)) => arguments.add(from_hex(&after.text)),
            Some(_) => arguments.add(after.text.clone()),
            None => Ok(()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    let sql = format!(
        "SELECT {columns}, {places} FROM {from} {range} ORDER BY {order} LIMIT {PAGE_ROWS}"
    );
    Ok((sql, arguments))
}

fn row(table: Table, found: &SqliteRow) -> Result<Row, StoreError> {
    let mut row = Row::with_capacity(table.columns().len());
    for (place, (_, kind)) in table.columns().iter().enumerate() {
        row.push(
            match kind {
                Kind::Int => found.try_get::<Option<i64>, _>(place)?.map(Value::Int),
                Kind::Text => found.try_get::<Option<String>, _>(place)?.map(Value::Text),
                Kind::Bytes => found
                    .try_get::<Option<Vec<u8>>, _>(place)?
                    .map(|bytes| Value::Bytes(Bytes::from(bytes))),
            }
            .unwrap_or(Value::Null),
        );
    }
    Ok(row)
}

fn place(table: Table, found: &SqliteRow) -> Result<Place, StoreError> {
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

async fn insert(
    connection: &mut SqliteConnection,
    table: Table,
    rows: &[Row],
) -> Result<(), StoreError> {
    let columns = table.columns().iter().map(|(column, _)| *column);
    let columns = Vec::from_iter(columns);
    let list = columns.join(", ");
    let values = Values::new(rows, columns.len(), |arguments, row| {
        for value in row {
            match value {
                Value::Null => arguments.add(None::<i64>)?,
                Value::Int(number) => arguments.add(*number)?,
                Value::Text(text) => arguments.add(text.clone())?,
                Value::Bytes(bytes) => arguments.add(bytes.to_vec())?,
            }
        }
        Ok(())
    })?;
    let first = columns[0];
    let name = table.sql_name();
    let inserted = values
        .query(|values| match table {
            Table::Conversations => format!(
                "WITH new({list}) AS ({values})
                 INSERT INTO conversations (kind, {list})
                 SELECT CASE party_low WHEN 0 THEN 2 ELSE 1 END, new.* FROM new WHERE {first} IS NOT NULL
                 ON CONFLICT (kind, party_low, party_high) DO UPDATE SET
                 last_message_id = excluded.last_message_id,
                 low_messages = excluded.low_messages, last_message_at_ms = excluded.last_message_at_ms, created_at_ms = excluded.created_at_ms,
                 contact_flags = excluded.contact_flags"
            ),
            Table::Participants | Table::Messages | Table::Revisions | Table::References => {
                let own = columns[2..].join(", ");
                let from = columns[2..].join(", new.");
                format!(
                    "WITH new({list}) AS ({values})
                     INSERT INTO {name} (conversation_id, {own})
                     SELECT c.id, new.{from} FROM new CROSS JOIN conversations AS c
                     ON c.kind = CASE new.party_low WHEN 0 THEN 2 ELSE 1 END
                     AND c.party_low = new.party_low AND c.party_high = new.party_high"
                )
            }
            _ => format!(
                "WITH new({list}) AS ({values})
                 INSERT INTO {name} ({list}) SELECT * FROM new WHERE {first} IS NOT NULL"
            ),
        })
        .execute(&mut *connection)
        .await?;
    all_written(table, rows.len(), inserted.rows_affected())
}

//! Columns as domain types. NULL is empty or zero: an older schema or a foreign hand may have left one.

use std::sync::Arc;

use proto::ids::{GroupId, MessageId, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::store::{Conversation, MessageKind, StoreError, StoredMessage, UnixMillis};

/// A number that fits `T`; anything else no release has written.
pub(super) fn int<T: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    let value = value.unwrap_or(0);
    T::try_from(value).map_err(|_| out_of_range(column, value))
}

pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String, StoreError> {
    let value: Option<String> = row.try_get(column)?;
    Ok(value.unwrap_or_default())
}

pub(super) fn blob(row: &SqliteRow, column: &str) -> Result<Vec<u8>, StoreError> {
    let value: Option<Vec<u8>> = row.try_get(column)?;
    Ok(value.unwrap_or_default())
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<UnixMillis, StoreError> {
    Ok(UnixMillis(int(row, column)?))
}

pub(super) fn user_id(row: &SqliteRow, column: &str) -> Result<UserId, StoreError> {
    UserId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

pub(super) fn group_id(row: &SqliteRow, column: &str) -> Result<GroupId, StoreError> {
    GroupId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

/// Nobody is 0.
pub(super) fn somebody(row: &SqliteRow, column: &str) -> Result<Option<UserId>, StoreError> {
    Ok(UserId::new(int(row, column)?))
}

pub(super) fn flag(row: &SqliteRow, column: &str) -> Result<bool, StoreError> {
    Ok(int::<i64>(row, column)? != 0)
}

/// The columns a conversation is read from, of the table `c`.
pub(super) const CONVERSATION: &str = "c.kind AS conversation_kind, c.party_low, c.party_high";

pub(super) fn conversation(row: &SqliteRow) -> Result<Conversation, StoreError> {
    let kind = int(row, "conversation_kind")?;
    Conversation::from_parties(kind, int(row, "party_low")?, int(row, "party_high")?)
        .ok_or_else(|| out_of_range("conversation_kind", kind))
}

pub(super) fn message_id(row: &SqliteRow, column: &str) -> Result<MessageId, StoreError> {
    MessageId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

/// The columns a message is read from, of the table `m`.
pub(super) const MESSAGE: &str = "m.message_id, m.sender_id, m.kind, m.body, m.created_at_ms";

pub(super) fn message(row: &SqliteRow) -> Result<StoredMessage, StoreError> {
    Ok(StoredMessage {
        id: message_id(row, "message_id")?,
        sender: user_id(row, "sender_id")?,
        kind: MessageKind(int(row, "kind")?),
        body: blob(row, "body")?.into(),
        created_at: time(row, "created_at_ms")?,
    })
}

pub(super) fn out_of_range(column: &str, value: i64) -> StoreError {
    StoreError::Corrupt(Arc::new(OutOfRange {
        column: column.to_owned(),
        value,
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("{column} can't be {value}")]
struct OutOfRange {
    column: String,
    value: i64,
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    /// D-34: an empty column is nothing to die of.
    #[tokio::test]
    async fn null_is_empty_or_zero() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let nothing = sqlx::query("SELECT NULL AS missing");
        let row = nothing.fetch_one(&mut connection).await.unwrap();
        assert_eq!(int::<u32>(&row, "missing").unwrap(), 0);
        assert_eq!(text(&row, "missing").unwrap(), "");
        assert!(blob(&row, "missing").unwrap().is_empty());
        assert!(user_id(&row, "missing").is_err(), "but an id has to be one");
    }
}

//! What is looked up of messages that may have been stored before.

use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::super::row;
use super::super::values::{CHUNK, Values};
use crate::store::plan::{Heads, StoredKey, keys_of};
use crate::store::{NewMessage, StoreError};

/// The stored messages that carry a key of the batch.
pub(super) async fn stored_keys(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
    heads: &Heads,
) -> Result<Vec<StoredKey>, StoreError> {
    let mut stored = Vec::new();
    for chunk in keys_of(batch, heads).chunks(CHUNK) {
        let keys = Values::new(chunk, 3, |row, (conversation, sender, key)| {
            row.add(*conversation)?;
            row.add(i64::from(sender.get()))?;
            row.add(key.as_bytes())
        })?;
        let rows = keys
            .query(|values| {
                format!(
                    "WITH wanted(conversation, sender, key) AS ({values})
                     SELECT m.conversation_id, m.client_key, {}
                     FROM wanted CROSS JOIN messages AS m INDEXED BY messages_by_client_key
                     ON m.conversation_id = wanted.conversation AND m.sender_id = wanted.sender
                     AND m.client_key = wanted.key",
                    row::MESSAGE
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &rows {
            stored.push(row::stored_key(found)?);
        }
    }
    Ok(stored)
}

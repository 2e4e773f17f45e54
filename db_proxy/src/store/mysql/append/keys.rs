//! What is looked up of messages that may have been stored before.

use sqlx::MySqlConnection;

use super::super::statement::{CHUNK, Statement, padded, rows};
use crate::store::plan::{Heads, StoredKey, keys_of};
use crate::store::{NewMessage, StoreError, row};

/// The stored messages that carry a key of the batch.
pub(super) async fn stored_keys(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
    heads: &Heads,
) -> Result<Vec<StoredKey>, StoreError> {
    let mut stored = Vec::new();
    for chunk in keys_of(batch, heads).chunks(CHUNK) {
        let keys = padded(chunk);
        let sql =
            format!(
            "SELECT m.conversation_id, m.client_key, {} FROM messages AS m FORCE INDEX (messages_by_client_key)
             WHERE (m.conversation_id, m.sender_id, m.client_key) IN ({})",
            row::MESSAGE,
            rows(keys.len(), 3)
        );
        let found = Statement::new(sql).bind_all(keys, |row, (conversation, sender, key)| {
            row.add(conversation);
            row.add(i64::from(sender.get()));
            row.add(key.as_bytes());
        });
        for found in &found.fetch(connection).await? {
            stored.push(row::stored_key(found)?);
        }
    }
    Ok(stored)
}

//! What a batch changes.

use sqlx::MySqlConnection;

use super::super::reference;
use super::super::statement::{CHUNK, Statement, padded, piece, rows};
use crate::store::plan::Plan;
use crate::store::shown::ShownEnd;
use crate::store::{StoreError, UnixMillis};

/// Writes a plan. `bytes` bounds the bodies of one statement.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
    bytes: usize,
) -> Result<(), StoreError> {
    for (conversation, message_id) in &plan.expired {
        let sql =
            "UPDATE messages SET client_key = NULL WHERE conversation_id = ? AND message_id = ?";
        Statement::new(sql)
            .bind(*conversation)
            .bind(i64::from(message_id.get()))
            .execute(connection)
            .await?;
    }
    let mut rest = &plan.inserts[..];
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, bytes, |insert| insert.message.body.len());
        rest = others;
        let sql = format!(
            "INSERT INTO messages
             (conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms) VALUES {}",
            rows(chunk.len(), 8)
        );
        let new = Statement::new(sql).bind_all(chunk, |row, insert| {
            row.add(insert.row);
            row.add(i64::from(insert.id.get()));
            row.add(i64::from(insert.message.sender.get()));
            row.add(insert.message.kind_column());
            row.add(&insert.message.body[..]);
            row.add(insert.message.created_at.0);
            row.add(insert.key);
            row.add(now.0);
        });
        new.execute(connection).await?;
    }
    reference::insert(connection, &plan.inserts, bytes).await?;
    withhold(connection, plan, now).await?;
    move_heads(connection, plan, now).await?;
    move_senders(connection, plan).await
}

/// An insert that meets its row updates it: of all statements that change many rows, each to its own value, the cheapest.
async fn move_heads(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut heads = plan.heads.clone();
    heads.sort_unstable();
    for chunk in heads.chunks(CHUNK) {
        let mut heads = padded(chunk);
        for repeated in &mut heads[chunk.len()..] {
            repeated.by_low = 0;
        }
        let sql = format!(
            "INSERT INTO conversations
             (id, last_message_id, low_messages, last_message_at_ms, created_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE last_message_id = VALUES(last_message_id),
             low_messages = low_messages + VALUES(low_messages),
             last_message_at_ms = greatest(last_message_at_ms, VALUES(last_message_at_ms))",
            rows(heads.len(), 5)
        );
        let moved = Statement::new(sql).bind_all(heads, |row, moved| {
            row.add(moved.row);
            row.add(i64::from(moved.last.get()));
            row.add(i64::from(moved.by_low));
            row.add(now.0);
            row.add(now.0);
        });
        moved.execute(connection).await?;
    }
    Ok(())
}

/// Whoever writes to a group has read everything up to there. In a conversation of two, nobody's row is touched.
async fn move_senders(connection: &mut MySqlConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let mut read = plan.read.clone();
    read.sort_unstable();
    for chunk in read.chunks(CHUNK) {
        let read = padded(chunk);
        let sql = format!(
            "INSERT INTO participants (user_id, conversation_id, last_read_id, updated_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE last_read_id = VALUES(last_read_id)",
            rows(read.len(), 4)
        );
        let moved = Statement::new(sql).bind_all(read, |row, (sender, conversation, newest)| {
            row.add(i64::from(sender.get()));
            row.add(conversation);
            row.add(i64::from(newest.get()));
            row.add(0);
        });
        moved.execute(connection).await?;
    }
    Ok(())
}

/// What somebody is not to see; nothing, mostly. Before the heads move, which tell what there was to see.
async fn withhold(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for insert in &plan.inserts {
        let Some(from) = insert.withheld_from else {
            continue;
        };
        let sql =
            "UPDATE messages SET withheld_from = ? WHERE conversation_id = ? AND message_id = ?";
        Statement::new(sql)
            .bind(i64::from(from.get()))
            .bind(insert.row)
            .bind(i64::from(insert.id.get()))
            .execute(connection)
            .await?;
    }
    for shown in &plan.shown {
        let place = (i64::from(shown.user.get()), shown.row);
        let update = match shown.end {
            ShownEnd::Newest => Statement::new(
                "UPDATE participants SET shown_last_id = NULL, shown_last_at_ms = NULL,
                     own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            ),
            ShownEnd::Message(id) => Statement::new(
                "UPDATE participants SET shown_last_id = ?, shown_last_at_ms = ?,
                 own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(i64::from(id.get()))
            .bind(now.0),
            ShownEnd::NewestBefore => Statement::new(
                "UPDATE participants SET
                 shown_last_id = (SELECT last_message_id FROM conversations WHERE id = ?),
                 shown_last_at_ms = (SELECT last_message_at_ms FROM conversations WHERE id = ?),
                 own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(shown.row)
            .bind(shown.row),
            ShownEnd::AsBefore => Statement::new(
                "UPDATE participants SET own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            ),
        };
        let update = update.bind(i64::from(shown.withheld));
        update
            .bind(place.0)
            .bind(place.1)
            .execute(connection)
            .await?;
    }
    for moved in &plan.heads {
        if let Some(flags) = moved.flags {
            Statement::new("UPDATE conversations SET contact_flags = ? WHERE id = ?")
                .bind(flags.0)
                .bind(moved.row)
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

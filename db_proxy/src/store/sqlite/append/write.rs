//! What a batch changes.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Arguments, AssertSqlSafe};

use super::super::reference;
use super::super::values::{CHUNK, Script};
use crate::store::plan::{Insert, Plan};
use crate::store::shown::ShownEnd;
use crate::store::{StoreError, UnixMillis};

/// Writes a plan and ends the transaction, mostly in one trip.
pub(super) async fn write_and_commit(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for (conversation, message_id) in &plan.expired {
        sqlx::query(
            "UPDATE messages SET client_key = NULL WHERE conversation_id = ? AND message_id = ?",
        )
        .bind(conversation)
        .bind(i64::from(message_id.get()))
        .execute(&mut *connection)
        .await?;
    }
    let mut script = Script::default();
    for chunk in plan.inserts.chunks(CHUNK) {
        let new = script.values(chunk, 8, |row, insert| {
            row.add(insert.row)?;
            row.add(i64::from(insert.id.get()))?;
            row.add(i64::from(insert.message.sender.get()))?;
            row.add(insert.message.kind_column())?;
            row.add(&insert.message.body[..])?;
            row.add(insert.message.created_at.0)?;
            row.add(insert.key)?;
            row.add(now.0)
        })?;
        let insert = format!(
            "WITH new(conversation, id, sender, kind, body, at, key, stored) AS ({new})
             INSERT OR FAIL INTO messages
             (conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms)
             SELECT * FROM new WHERE conversation IS NOT NULL"
        );
        script.add(connection, &insert).await?;
    }
    if is_special(plan) {
        script.run(connection).await?;
        reference::insert(connection, &plan.inserts).await?;
        withhold(connection, plan, now).await?;
    }
    for chunk in plan.heads.chunks(CHUNK) {
        let heads = script.values(chunk, 4, |row, moved| {
            row.add(moved.row)?;
            row.add(i64::from(moved.last.get()))?;
            row.add(i64::from(moved.by_low))?;
            row.add(now.0)
        })?;
        let update = format!(
            "WITH head(conversation, last, by_low, at) AS ({heads})
             UPDATE OR FAIL conversations SET last_message_id = head.last,
             low_messages = low_messages + head.by_low,
             last_message_at_ms = max(last_message_at_ms, head.at)
             FROM head WHERE conversations.id = head.conversation"
        );
        script.add(connection, &update).await?;
    }
    for chunk in plan.read.chunks(CHUNK) {
        let read = script.values(chunk, 3, |row, (sender, conversation, newest)| {
            row.add(i64::from(sender.get()))?;
            row.add(*conversation)?;
            row.add(i64::from(newest.get()))
        })?;
        let update = format!(
            "WITH read(sender, conversation, newest) AS ({read})
             UPDATE OR FAIL participants SET last_read_id = read.newest FROM read
             WHERE participants.user_id = read.sender
             AND participants.conversation_id = read.conversation"
        );
        script.add(connection, &update).await?;
    }
    script.add(connection, "COMMIT").await?;
    script.run(connection).await
}

/// Whether there is anything to do for references or for what is withheld.
fn is_special(plan: &Plan<'_>) -> bool {
    let refers =
        |insert: &Insert<'_>| insert.withheld_from.is_some() || insert.message.references.is_some();
    !plan.shown.is_empty()
        || plan.inserts.iter().any(refers)
        || plan.heads.iter().any(|moved| moved.flags.is_some())
}

/// What somebody is not to see; nothing, mostly. Before the heads move, which tell what there was to see.
async fn withhold(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for insert in &plan.inserts {
        let Some(from) = insert.withheld_from else {
            continue;
        };
        sqlx::query(
            "UPDATE messages SET withheld_from = ? WHERE conversation_id = ? AND message_id = ?",
        )
        .bind(i64::from(from.get()))
        .bind(insert.row)
        .bind(i64::from(insert.id.get()))
        .execute(&mut *connection)
        .await?;
    }
    for shown in &plan.shown {
        let (end, at) = match shown.end {
            ShownEnd::Newest => ("NULL", "NULL"),
            ShownEnd::Message(_) => ("?3", "?4"),
            ShownEnd::NewestBefore => (
                "(SELECT last_message_id FROM conversations WHERE id = ?2)",
                "(SELECT last_message_at_ms FROM conversations WHERE id = ?2)",
            ),
            ShownEnd::AsBefore => ("shown_last_id", "shown_last_at_ms"),
        };
        let sql = format!(
            "UPDATE participants SET shown_last_id = {end}, shown_last_at_ms = {at}, own_read = own_read - ?5
             WHERE user_id = ?1 AND conversation_id = ?2"
        );
        let last = match shown.end {
            ShownEnd::Message(id) => Some(i64::from(id.get())),
            ShownEnd::Newest | ShownEnd::NewestBefore | ShownEnd::AsBefore => None,
        };
        sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(shown.user.get()))
            .bind(shown.row)
            .bind(last)
            .bind(now.0)
            .bind(i64::from(shown.withheld))
            .execute(&mut *connection)
            .await?;
    }
    for moved in &plan.heads {
        if let Some(flags) = moved.flags {
            sqlx::query("UPDATE conversations SET contact_flags = ? WHERE id = ?")
                .bind(flags.0)
                .bind(moved.row)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

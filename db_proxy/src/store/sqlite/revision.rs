use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, row};
use crate::store::revision::{Decision, Held};
use crate::store::sync::FORMER_KEPT;
use crate::store::{
    Conversation, NewRevision, Revision, RevisionOutcome, RevisionRefusal, RevisionStore,
    StoreError, StoredMessage, UnixMillis,
};

#[async_trait]
impl RevisionStore for SqliteStore {
    async fn revise(&self, wanted: &NewRevision) -> Result<RevisionOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.clock.stamp();
        let Some((conversation, held)) = hold(&mut transaction, wanted).await? else {
            return Ok(Err(RevisionRefusal::NoSuchMessage));
        };
        let message = match held.revised(wanted, now) {
            Decision::Change(message) => message,
            Decision::AsItIs(message) => return Ok(Ok(message)),
            Decision::Refused(refusal) => return Ok(Err(refusal)),
        };
        change(&mut transaction, conversation, &message, wanted.by, now).await?;
        transaction.commit().await?;
        Ok(Ok(message))
    }

    async fn revised_messages(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<(Conversation, MessageId)>, StoreError> {
        let sql = format!(
            "SELECT {}, r.message_id FROM participants AS p
             CROSS JOIN message_revisions AS r ON r.conversation_id = p.conversation_id AND r.revised_at_ms >= ?
             CROSS JOIN messages AS m ON m.conversation_id = r.conversation_id AND m.message_id = r.message_id
             CROSS JOIN conversations AS c ON c.id = p.conversation_id
             WHERE p.user_id = ? AND r.message_id > p.visible_after_id AND m.withheld_from <> p.user_id
             ORDER BY r.revised_at_ms DESC LIMIT ?",
            row::CONVERSATION
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(since.0)
            .bind(i64::from(user.get()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        let place = |found| {
            Ok((
                row::conversation(found)?,
                row::message_id(found, "message_id")?,
            ))
        };
        found.iter().map(place).collect()
    }
}

/// The message, if the asker sees it, and the row number of its conversation.
async fn hold(
    connection: &mut SqliteConnection,
    wanted: &NewRevision,
) -> Result<Option<(i64, Held)>, StoreError> {
    let (kind, low, high) = wanted.conversation.parties();
    let sql = format!(
        "SELECT c.id AS conversation_id, {}, m.stored_at_ms, g.creator_id, coalesce(f.role, 0) AS role
         FROM conversations AS c
         CROSS JOIN participants AS p ON p.conversation_id = c.id
         CROSS JOIN messages AS m ON m.conversation_id = c.id
         LEFT JOIN chat_groups AS g ON c.kind = 2 AND g.id = c.party_high
         LEFT JOIN group_members AS f ON c.kind = 2 AND f.group_id = c.party_high AND f.user_id = p.user_id
         WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ? AND p.user_id = ?
         AND m.message_id = ? AND m.message_id > p.visible_after_id AND m.withheld_from <> p.user_id",
        row::MESSAGE
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(kind)
        .bind(low)
        .bind(high)
        .bind(i64::from(wanted.by.get()))
        .bind(i64::from(wanted.id.get()))
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let held = row::held_message(&found, wanted.by)?;
    Ok(Some((row::int(&found, "conversation_id")?, held)))
}

async fn change(
    connection: &mut SqliteConnection,
    conversation: i64,
    message: &StoredMessage,
    by: UserId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let id = i64::from(message.id.get());
    sqlx::query(
        "UPDATE messages SET kind = ?, body = ? WHERE conversation_id = ? AND message_id = ?",
    )
    .bind(message.kind_column())
    .bind(&message.body[..])
    .bind(conversation)
    .bind(id)
    .execute(&mut *connection)
    .await?;
    if message.revision == Revision::Recalled {
        sqlx::query("DELETE FROM message_references WHERE conversation_id = ? AND message_id = ?")
            .bind(conversation)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "INSERT INTO message_revisions (conversation_id, message_id, revised_at_ms, revised_by)
         VALUES (?, ?, ?, ?) ON CONFLICT (conversation_id, message_id)
         DO UPDATE SET revised_at_ms = excluded.revised_at_ms, revised_by = excluded.revised_by",
    )
    .bind(conversation)
    .bind(id)
    .bind(now.0)
    .bind(i64::from(by.get()))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM message_revisions WHERE revised_at_ms < ?")
        .bind(now.before(FORMER_KEPT).0)
        .execute(connection)
        .await?;
    Ok(())
}

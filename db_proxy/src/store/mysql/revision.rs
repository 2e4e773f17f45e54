use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::key::{self, key};
use super::meta::NOW;
use super::statement::Statement;
use crate::store::revision::{Decision, Held};
use crate::store::row::{self, MESSAGE};
use crate::store::sync::FORMER_KEPT;
use crate::store::{
    Conversation, NewRevision, Revision, RevisionOutcome, RevisionRefusal, RevisionStore,
    StoreError, StoredMessage, UnixMillis,
};

/// Old revisions that are forgotten at once.
const FORGET: i64 = 100;

#[async_trait]
impl RevisionStore for MySqlStore {
    async fn revise(&self, wanted: &NewRevision) -> Result<RevisionOutcome, StoreError> {
        // what is so already stays as it is
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let revised = revise(&mut transaction, wanted).await;
            transaction.end(revised, Result::is_ok).await
        })
        .await
    }

    async fn revised_messages(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<(Conversation, MessageId)>, StoreError> {
        let found = Statement::new(
            "SELECT r.conversation_id AS id, r.message_id FROM participants AS p
             STRAIGHT_JOIN message_revisions AS r ON r.conversation_id = p.conversation_id AND r.revised_at_ms >= ?
             STRAIGHT_JOIN messages AS m ON m.conversation_id = r.conversation_id AND m.message_id = r.message_id
             WHERE p.user_id = ? AND r.message_id > p.visible_after_id AND m.withheld_from <> p.user_id
             ORDER BY r.revised_at_ms DESC LIMIT ?",
        )
        .bind(since.0)
        .bind(i64::from(user.get()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let place = |found: &MySqlRow| {
            let id = row::int(found, "id")?;
            let conversation = key::conversation(id).ok_or_else(|| row::out_of_range("id", id))?;
            Ok((conversation, row::message_id(found, "message_id")?))
        };
        self.rows(found).await?.iter().map(place).collect()
    }
}

async fn revise(
    connection: &mut MySqlConnection,
    wanted: &NewRevision,
) -> Result<RevisionOutcome, StoreError> {
    let Some((now, held)) = hold(connection, wanted).await? else {
        return Ok(Err(RevisionRefusal::NoSuchMessage));
    };
    match held.revised(wanted, now) {
        Decision::Change(message) => {
            change(
                connection,
                key(wanted.conversation),
                &message,
                wanted.by,
                now,
            )
            .await?;
            Ok(Ok(message))
        }
        Decision::AsItIs(message) => Ok(Ok(message)),
        Decision::Refused(refusal) => Ok(Err(refusal)),
    }
}

/// The message, locked, if the asker sees it, and the present.
async fn hold(
    connection: &mut MySqlConnection,
    wanted: &NewRevision,
) -> Result<Option<(UnixMillis, Held)>, StoreError> {
    let lock = Statement::new(
        "SELECT 1 FROM messages WHERE conversation_id = ? AND message_id = ? FOR UPDATE",
    );
    let lock = lock
        .bind(key(wanted.conversation))
        .bind(i64::from(wanted.id.get()));
    lock.first(connection).await?;
    let found = Statement::new(format!(
        "SELECT {MESSAGE}, m.stored_at_ms, g.creator_id, coalesce(f.role, 0) AS role, {NOW} AS now_ms
         FROM participants AS p
         STRAIGHT_JOIN messages AS m ON m.conversation_id = p.conversation_id
         LEFT JOIN chat_groups AS g ON p.conversation_id BETWEEN 0 AND 4294967295 AND g.id = p.conversation_id
         LEFT JOIN group_members AS f ON f.group_id = g.id AND f.user_id = p.user_id
         WHERE p.user_id = ? AND p.conversation_id = ? AND m.message_id = ? AND m.message_id > p.visible_after_id AND m.withheld_from <> p.user_id"
    ))
    .bind(i64::from(wanted.by.get()))
    .bind(key(wanted.conversation))
    .bind(i64::from(wanted.id.get()));
    let Some(found) = found.first(connection).await? else {
        return Ok(None);
    };
    let held = row::held_message(&found, wanted.by)?;
    Ok(Some((row::time(&found, "now_ms")?, held)))
}

async fn change(
    connection: &mut MySqlConnection,
    conversation: i64,
    message: &StoredMessage,
    by: UserId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let id = i64::from(message.id.get());
    Statement::new(
        "UPDATE messages SET kind = ?, body = ? WHERE conversation_id = ? AND message_id = ?",
    )
    .bind(message.kind_column())
    .bind(&message.body[..])
    .bind(conversation)
    .bind(id)
    .execute(connection)
    .await?;
    if message.revision == Revision::Recalled {
        Statement::new(
            "DELETE FROM message_references WHERE conversation_id = ? AND message_id = ?",
        )
        .bind(conversation)
        .bind(id)
        .execute(connection)
        .await?;
    }
    Statement::new(
        "INSERT INTO message_revisions (conversation_id, message_id, revised_at_ms, revised_by) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE revised_at_ms = VALUES(revised_at_ms), revised_by = VALUES(revised_by)",
    )
    .bind(conversation)
    .bind(id)
    .bind(now.0)
    .bind(i64::from(by.get()))
    .execute(connection)
    .await?;
    Statement::new(
        "DELETE FROM message_revisions WHERE revised_at_ms < ? ORDER BY revised_at_ms LIMIT ?",
    )
    .bind(now.before(FORMER_KEPT).0)
    .bind(FORGET)
    .execute(connection)
    .await?;
    Ok(())
}

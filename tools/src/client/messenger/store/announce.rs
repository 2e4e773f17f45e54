//! What the application is told: messages in the order of their ids, each once.

use super::history::{COLUMNS, entry};
use super::timeline::Timeline;
use super::{Entry, LocalStore, StoreError};
use crate::client::message::Conversation;

impl LocalStore {
    /// Conversations with messages that the application was not told of and that nothing is missing before.
    pub async fn untold(&self) -> Result<Vec<Conversation>, StoreError> {
        let rows: Vec<(i32, u32)> = sqlx::query_as(
            "SELECT kind, peer FROM conversations WHERE told < upto ORDER BY active_at",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(kind, peer)| Conversation::from_wire(peer, kind))
            .collect())
    }

    /// Writers of messages that the application is to be told of, whose profiles are not here; at most 100.
    pub(in crate::client::messenger) async fn strangers(
        &self,
        conversation: Conversation,
    ) -> Result<Vec<u32>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT sender FROM messages
             WHERE kind = ?1 AND peer = ?2
                 AND id > (SELECT told FROM conversations WHERE kind = ?1 AND peer = ?2)
                 AND id <= (SELECT upto FROM conversations WHERE kind = ?1 AND peer = ?2)
                 AND sender NOT IN (SELECT id FROM users) LIMIT 100",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .fetch_all(&self.pool)
        .await?)
    }

    /// The next messages of a conversation that the application was not told of, at most `count`, ascending; from now on
    /// they count as told. What is shorter than `count` is all there is for now.
    ///
    /// A message of `me` that was written on this device and whose acknowledgement was lost comes back by itself. So
    /// while an attempt to send one is not answered, own messages wait, and what is behind them.
    pub async fn tell(
        &self,
        conversation: Conversation,
        me: u32,
        count: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(mut timeline) = Timeline::load(&mut transaction, conversation).await? else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM messages
             WHERE kind = ? AND peer = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(conversation.session_type())
            .bind(conversation.id())
            .bind(timeline.told)
            .bind(timeline.upto)
            .bind(count)
            .fetch_all(&mut *transaction)
            .await?;
        let unanswered: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM drafts WHERE kind = ? AND peer = ? AND attempts > 0)",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .fetch_one(&mut *transaction)
        .await?;
        let all = u32::try_from(rows.len()).is_ok_and(|found| found < count);
        let mut told = Vec::with_capacity(rows.len());
        let mut waits = false;
        for row in &rows {
            let entry = entry(row)?;
            let own = entry.message.from == me && entry.draft.is_none();
            if own && unanswered {
                waits = true;
                break;
            }
            timeline.told = entry.message.id;
            told.push(entry);
        }
        if all && !waits {
            // ids that do not exist are behind the application too
            timeline.told = timeline.told.max(timeline.upto);
        }
        timeline.save(&mut transaction, conversation).await?;
        transaction.commit().await?;
        Ok(told)
    }
}

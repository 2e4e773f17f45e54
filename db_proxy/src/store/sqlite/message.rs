use async_trait::async_trait;
use futures_util::{Stream, TryStreamExt};
use proto::ids::{MessageId, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Arguments, AssertSqlSafe};

use super::participant::LAST;
use super::values::{CHUNK, Values};
use super::{SqliteStore, row};
use crate::store::plan::{Keys, is_key_taken};
use crate::store::{
    AppendOutcome, Conversation, MessageStore, NewMessage, PageLimit, StoreError, StoredMessage,
};

/// The messages of a conversation for one who takes part in it; what he may see lies behind `p.visible_after_id`, and is not
/// withheld from him.
const SHARED: &str = "FROM conversations AS c
    CROSS JOIN participants AS p ON p.conversation_id = c.id
    CROSS JOIN messages AS m ON m.conversation_id = c.id
    WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ? AND p.user_id = ?
    AND m.withheld_from <> p.user_id";

#[async_trait]
impl MessageStore for SqliteStore {
    async fn append(&self, batch: &[NewMessage]) -> Result<Vec<AppendOutcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        match self.append_once(batch, Keys::New).await {
            Err(error) if is_key_taken(&error) => self.append_once(batch, Keys::LookedUp).await,
            outcome => outcome,
        }
    }

    async fn history(
        &self,
        user: UserId,
        conversation: Conversation,
        begin: Option<MessageId>,
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let (kind, low, high) = conversation.parties();
        let sql = format!(
            "SELECT {} {SHARED} AND m.message_id > p.visible_after_id AND m.message_id <= ?
             ORDER BY m.message_id DESC LIMIT ?",
            row::MESSAGE
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(kind)
            .bind(low)
            .bind(high)
            .bind(i64::from(user.get()))
            .bind(begin.map_or(i64::MAX, |id| id.get().into()))
            .bind(i64::try_from(limit.rows).unwrap_or(i64::MAX))
            .fetch(&self.readers);
        let mut page = Vec::new();
        fill(&mut page, rows, limit, row::message, |message| {
            message.body.len()
        })
        .await?;
        Ok(page)
    }

    async fn messages(
        &self,
        user: UserId,
        conversation: Conversation,
        ids: &[MessageId],
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let (kind, low, high) = conversation.parties();
        let mut ids = ids.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        let mut page = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let wanted = Values::new(chunk, 1, |row, id| row.add(i64::from(id.get())))?;
            // the plus keeps the planner from walking the conversation instead of looking up the ids
            let rows = wanted
                .query(|values| {
                    format!(
                        "WITH wanted(id) AS ({values})
                         SELECT {} {SHARED} AND +m.message_id > p.visible_after_id
                         AND m.message_id IN (SELECT id FROM wanted)
                         ORDER BY m.message_id DESC",
                        row::MESSAGE
                    )
                })
                .bind(kind)
                .bind(low)
                .bind(high)
                .bind(i64::from(user.get()))
                .fetch(&self.readers);
            let more = fill(&mut page, rows, limit, row::message, |message| {
                message.body.len()
            });
            if !more.await? {
                break;
            }
        }
        Ok(page)
    }

    async fn latest_id(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Option<MessageId>, StoreError> {
        let (kind, low, high) = conversation.parties();
        let sql = format!(
            "SELECT {LAST} AS last_message_id FROM conversations AS c
             CROSS JOIN participants AS p ON p.conversation_id = c.id
             WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ? AND p.user_id = ?
             AND {LAST} > p.visible_after_id"
        );
        let latest = sqlx::query(AssertSqlSafe(sql))
            .bind(kind)
            .bind(low)
            .bind(high)
            .bind(i64::from(user.get()))
            .fetch_optional(&self.readers)
            .await?;
        match latest {
            Some(found) => Ok(MessageId::new(row::int(&found, "last_message_id")?)),
            None => Ok(None),
        }
    }
}

/// Moves rows into a page until it is full; `false` once it is. Rows that don't fit are not read.
pub(super) async fn fill<T>(
    page: &mut Vec<T>,
    mut rows: impl Stream<Item = Result<SqliteRow, sqlx::Error>> + Unpin,
    limit: PageLimit,
    parse: impl Fn(&SqliteRow) -> Result<T, StoreError>,
    size: impl Fn(&T) -> usize,
) -> Result<bool, StoreError> {
    let mut bytes: usize = page.iter().map(&size).sum();
    while page.len() < limit.rows {
        let Some(next) = rows.try_next().await? else {
            return Ok(true);
        };
        let next = parse(&next)?;
        bytes = bytes.saturating_add(size(&next));
        if bytes > limit.bytes && !page.is_empty() {
            return Ok(false);
        }
        page.push(next);
    }
    Ok(false)
}

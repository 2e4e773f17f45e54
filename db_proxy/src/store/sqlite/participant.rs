use std::collections::HashMap;

use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Arguments, AssertSqlSafe};

use super::audience::show_read;
use super::message::fill;
use super::user::wanted;
use super::values::{CHUNK, Values};
use super::{SqliteStore, row};
use crate::store::each::Each;
use crate::store::{
    Conversation, Counterpart, PageLimit, ParticipantStore, ReadMark, RecentConversation,
    ShownRead, StoreError, UnixMillis, UnreadConversation, UnreadList,
};

/// The newest message that the participant `p` sees of the conversation `c`, and when it was stored.
pub(super) const LAST: &str = "coalesce(p.shown_last_id, c.last_message_id)";
pub(super) const LAST_AT: &str = "coalesce(p.shown_last_at_ms, c.last_message_at_ms)";

/// A user's visible conversations; one without a message is not.
const VISIBLE: &str =
    "FROM participants AS p CROSS JOIN conversations AS c ON c.id = p.conversation_id
    WHERE p.user_id = ? AND coalesce(p.shown_last_id, c.last_message_id) > p.hidden_through_id";

/// Messages of the participant `p` himself in the conversation `c`. In a group they are all read when they are written, and
/// not counted.
const OWN: &str = "CASE WHEN c.kind <> 1 THEN 0 WHEN p.user_id = c.party_low THEN c.low_messages
    ELSE c.last_message_id - c.low_messages END";

/// What others wrote after what the participant has read.
pub(super) const UNREAD: &str =
    "c.last_message_id - p.last_read_id + p.own_read - (CASE WHEN c.kind <> 1 THEN 0
    WHEN p.user_id = c.party_low THEN c.low_messages ELSE c.last_message_id - c.low_messages END)";

/// The order of lists, newest first.
const NEWEST: &str = "ORDER BY last_message_at_ms DESC, conversation_id DESC";

/// Adds the latest message to each row of a list that was sorted and cut before, so that bodies are read only of what
/// is shown.
fn with_latest(list: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT list.*, {} FROM ({list}) AS list CROSS JOIN messages AS m
         ON m.conversation_id = list.conversation_id AND m.message_id = list.last_message_id {NEWEST}",
        row::MESSAGE
    ))
}

#[async_trait]
impl ParticipantStore for SqliteStore {
    async fn mark_read(&self, marks: &[ReadMark]) -> Result<Vec<ShownRead>, StoreError> {
        // a row may be matched once by a statement, so of several marks only the furthest goes in
        let mut furthest: HashMap<(UserId, Conversation), MessageId> = HashMap::new();
        for mark in marks {
            let up_to = furthest
                .entry((mark.user, mark.conversation))
                .or_insert(mark.up_to);
            *up_to = mark.up_to.max(*up_to);
        }
        if furthest.is_empty() {
            return Ok(Vec::new());
        }
        let furthest = Vec::from_iter(furthest);
        let mut transaction = self.begin().await?;
        let now = self.clock.frequent_stamp();
        for chunk in furthest.chunks(CHUNK) {
            let marks = Values::new(chunk, 6, |row, ((user, conversation), up_to)| {
                let (kind, low, high) = conversation.parties();
                row.add(i64::from(user.get()))?;
                row.add(kind)?;
                row.add(low)?;
                row.add(high)?;
                row.add(i64::from(up_to.get()))?;
                row.add(now.0)
            })?;
            // materialized: the planner would otherwise walk all conversations of the user for each mark;
            marks
                .query(|values| {
                    format!(
                        "WITH mark(user_id, kind, low, high, up_to, at) AS ({values}),
                         target AS MATERIALIZED (
                             SELECT mark.user_id, c.id, min(mark.up_to, c.last_message_id) AS up_to, mark.at,
                             c.kind, c.party_low, c.last_message_id, c.low_messages
                             FROM mark CROSS JOIN conversations AS c
                             ON c.kind = mark.kind AND c.party_low = mark.low AND c.party_high = mark.high)
                         UPDATE participants AS p SET last_read_id = c.up_to,
                         own_read = CASE
                             WHEN c.up_to = c.last_message_id OR own_read = ({OWN}) THEN {OWN}
                             ELSE own_read + (
                                 SELECT count(*) FROM messages AS m
                                 WHERE m.conversation_id = p.conversation_id
                                 AND (m.sender_id = p.user_id OR m.withheld_from = p.user_id)
                                 AND m.message_id > p.last_read_id AND m.message_id <= c.up_to) END,
                         updated_at_ms = c.at
                         FROM target AS c WHERE p.user_id = c.user_id AND p.conversation_id = c.id
                         AND p.last_read_id < c.up_to"
                    )
                })
                .execute(&mut *transaction)
                .await?;
        }
        let shown = show_read(&mut transaction, marks).await?;
        transaction.commit().await?;
        Ok(shown)
    }

    async fn hide(&self, user: UserId, conversation: Conversation) -> Result<bool, StoreError> {
        let (kind, low, high) = conversation.parties();
        let sql = format!(
            "UPDATE participants AS p SET hidden_through_id = c.last_message_id,
             last_read_id = c.last_message_id, own_read = {OWN}, updated_at_ms = ?
             FROM conversations AS c
             WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ?
             AND p.user_id = ? AND p.conversation_id = c.id
             AND {LAST} > p.hidden_through_id"
        );
        let mut transaction = self.begin().await?;
        let hidden = sqlx::query(AssertSqlSafe(sql))
            .bind(self.clock.frequent_stamp().0)
            .bind(kind)
            .bind(low)
            .bind(high)
            .bind(i64::from(user.get()))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(hidden.rows_affected() > 0)
    }

    async fn recent(
        &self,
        user: UserId,
        since_seconds: u32,
        limit: PageLimit,
    ) -> Result<Vec<RecentConversation>, StoreError> {
        let list = format!(
            "SELECT c.id AS conversation_id, {}, {LAST} AS last_message_id,
             {LAST_AT} AS last_message_at_ms {VISIBLE} AND {LAST_AT} >= ? {NEWEST} LIMIT ?",
            row::CONVERSATION
        );
        let rows = sqlx::query(with_latest(&list))
            .bind(i64::from(user.get()))
            .bind(UnixMillis::from_seconds(since_seconds).0)
            .bind(i64::try_from(limit.rows).unwrap_or(i64::MAX))
            .fetch(&self.readers);
        let parse = |found: &SqliteRow| {
            Ok(RecentConversation {
                with: counterpart(found, user)?,
                last_active_at: row::time(found, "last_message_at_ms")?,
                latest: row::message(found)?,
            })
        };
        let mut page = Vec::new();
        fill(&mut page, rows, limit, parse, |entry| {
            entry.latest.body.len()
        })
        .await?;
        Ok(page)
    }

    async fn unread(&self, user: UserId, limit: PageLimit) -> Result<UnreadList, StoreError> {
        let list = format!(
            "SELECT c.id AS conversation_id, {}, {LAST} AS last_message_id,
             {LAST_AT} AS last_message_at_ms, {UNREAD} AS unread, sum({UNREAD}) OVER () AS total
             {VISIBLE} AND {UNREAD} > 0 {NEWEST} LIMIT ?",
            row::CONVERSATION
        );
        let rows = sqlx::query(with_latest(&list))
            .bind(i64::from(user.get()))
            .bind(i64::try_from(limit.rows).unwrap_or(i64::MAX))
            .fetch(&self.readers);
        let parse = |found: &SqliteRow| {
            let total: u64 = row::int(found, "total")?;
            let entry = UnreadConversation {
                with: counterpart(found, user)?,
                unread: row::int(found, "unread")?,
                latest: row::message(found)?,
            };
            Ok((total, entry))
        };
        let mut page = Vec::new();
        fill(&mut page, rows, limit, parse, |(_, entry)| {
            entry.latest.body.len()
        })
        .await?;
        Ok(UnreadList {
            total: page.first().map_or(0, |(total, _)| *total),
            conversations: page.into_iter().map(|(_, entry)| entry).collect(),
        })
    }

    async fn peers(&self, users: &[UserId], limit: usize) -> Result<Vec<Vec<UserId>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let rows = wanted(chunk)?
                .query(|users| {
                    format!(
                        "WITH wanted(user_id) AS ({users}), ranked AS (
                             SELECT p.user_id, CASE c.party_low WHEN p.user_id THEN c.party_high ELSE c.party_low END AS peer,
                                 row_number() OVER (PARTITION BY p.user_id ORDER BY {LAST_AT} DESC, c.id DESC) AS place
                             FROM wanted CROSS JOIN participants AS p ON p.user_id = wanted.user_id
                             CROSS JOIN conversations AS c ON c.id = p.conversation_id
                             WHERE c.kind = 1 AND {LAST} > 0)
                         SELECT user_id, peer FROM ranked WHERE place <= ? ORDER BY user_id, place"
                    )
                })
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.readers)
                .await?;
            for row in &rows {
                found.add(row::user_id(row, "user_id")?, row::user_id(row, "peer")?);
            }
        }
        Ok(found.in_order())
    }
}

fn counterpart(found: &SqliteRow, user: UserId) -> Result<Counterpart, StoreError> {
    row::conversation(found)?
        .counterpart_of(user)
        .ok_or_else(|| row::out_of_range("party_low", row::int(found, "party_low").unwrap_or(0)))
}

use async_trait::async_trait;
use proto::ids::{GroupId, MessageId, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Arguments, AssertSqlSafe};

use super::message::fill;
use super::participant::{LAST, LAST_AT, UNREAD};
use super::values::{CHUNK, Values};
use super::{SqliteStore, row};
use crate::store::sync::{LOOKED_AT, newest_mentions, pieces};
use crate::store::{
    ActiveConversation, ChangedConversation, Changes, Conversation, MessageRange, MetaStore,
    Moment, PageLimit, StoreError, StoredMessage, SyncStore, UnixMillis,
};

#[async_trait]
impl SyncStore for SqliteStore {
    async fn moment(&self) -> Result<Moment, StoreError> {
        Ok(Moment {
            epoch: self.store_epoch().await?,
            now: self.clock.now(),
        })
    }

    async fn changed_conversations(
        &self,
        user: UserId,
        wanted: &Changes,
    ) -> Result<Vec<ChangedConversation>, StoreError> {
        // the list is cut before messages are looked at
        let sql = format!(
            "SELECT list.*, coalesce((
                 SELECT m.message_id FROM messages AS m WHERE m.conversation_id = list.conversation_id
                 AND m.message_id > list.last_message_id - ?6 AND m.stored_at_ms < ?2
                 ORDER BY m.message_id DESC LIMIT 1), 0) AS old
             FROM (
                 SELECT *, max(talked_at_ms, grouped_at_ms) AS changed_at_ms FROM (
                     SELECT c.id AS conversation_id, {}, {LAST} AS last_message_id, p.last_read_id,
                     p.visible_after_id, {UNREAD} AS unread, {LAST} <= p.hidden_through_id AS hidden,
                     max({LAST_AT}, p.updated_at_ms) AS talked_at_ms,
                     max(coalesce(g.updated_at_ms, -1), coalesce(f.changed_at_ms, -1)) AS grouped_at_ms
                     FROM participants AS p CROSS JOIN conversations AS c ON c.id = p.conversation_id
                     LEFT JOIN chat_groups AS g ON c.kind = 2 AND g.id = c.party_high
                     LEFT JOIN group_members AS f
                     ON c.kind = 2 AND f.group_id = c.party_high AND f.user_id = p.user_id
                     WHERE p.user_id = ?1)
                 WHERE max(talked_at_ms, grouped_at_ms) >= ?2
                 AND (max(talked_at_ms, grouped_at_ms), party_low, party_high) > (?3, ?4, ?5)
                 ORDER BY changed_at_ms, party_low, party_high LIMIT ?7) AS list
             ORDER BY changed_at_ms, party_low, party_high",
            row::CONVERSATION
        );
        let (at, number) = wanted
            .after
            .map_or((i64::MIN, 0), |after| (after.at.0, after.number));
        let (low, high) = halves(number);
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(user.get()))
            .bind(wanted.since.0)
            .bind(at)
            .bind(low)
            .bind(high)
            .bind(i64::from(wanted.messages))
            .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        let changed = |found: &SqliteRow| {
            let conversation = row::conversation(found)?;
            row::changed_conversation(found, conversation, wanted.since)
        };
        found.iter().map(changed).collect()
    }

    async fn left_groups(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError> {
        let found = sqlx::query(
            "SELECT group_id FROM former_members WHERE user_id = ? AND left_at_ms >= ?
             ORDER BY left_at_ms DESC, group_id LIMIT ?",
        )
        .bind(i64::from(user.get()))
        .bind(since.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        found
            .iter()
            .map(|found| row::group_id(found, "group_id"))
            .collect()
    }

    async fn active_conversations(
        &self,
        users: &[UserId],
        since: UnixMillis,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ActiveConversation>, StoreError> {
        let sql = format!(
            "SELECT list.*, coalesce((
                 SELECT m.message_id FROM messages AS m WHERE m.conversation_id = list.conversation_id
                 AND m.stored_at_ms < ?2 ORDER BY m.message_id DESC LIMIT 1), 0) AS old
             FROM (
                 SELECT c.id AS conversation_id, {}, c.last_message_id, min(p.visible_after_id) AS visible_after_id,
                 g.version
                 FROM json_each(?1) AS asked
                 CROSS JOIN participants AS p ON p.user_id = asked.value
                 CROSS JOIN conversations AS c ON c.id = p.conversation_id
                 LEFT JOIN chat_groups AS g ON c.kind = 2 AND g.id = c.party_high
                 WHERE c.last_message_at_ms >= ?2 AND c.last_message_id > p.visible_after_id
                 AND (c.party_low, c.party_high) >= (?3, ?4)
                 GROUP BY c.id ORDER BY c.party_low, c.party_high LIMIT ?5) AS list
             ORDER BY party_low, party_high",
            row::CONVERSATION
        );
        let ids: Vec<String> = users.iter().map(|user| user.get().to_string()).collect();
        let (low, high) = halves(from);
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(format!("[{}]", ids.join(",")))
            .bind(since.0)
            .bind(low)
            .bind(high)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        let active = |found: &SqliteRow| {
            let conversation = row::conversation(found)?;
            row::active_conversation(found, conversation)
        };
        found.iter().map(active).collect()
    }

    async fn newest_mentions(
        &self,
        user: UserId,
        wanted: &[(GroupId, u32)],
    ) -> Result<Vec<(GroupId, MessageId)>, StoreError> {
        let mut mentions = Vec::new();
        for chunk in wanted.chunks(CHUNK) {
            let wanted = Values::new(chunk, 2, |row, (group, after)| {
                row.add(i64::from(group.get()))?;
                row.add(i64::from(*after))
            })?;
            let found = wanted
                .query(|values| {
                    format!(
                        "WITH wanted(group_id, after) AS ({values})
                         SELECT * FROM (
                             SELECT wanted.group_id, r.message_id, r.refs,
                             row_number() OVER (PARTITION BY wanted.group_id ORDER BY r.message_id DESC) AS place
                             FROM wanted CROSS JOIN conversations AS c
                             ON c.kind = 2 AND c.party_low = 0 AND c.party_high = wanted.group_id
                             CROSS JOIN message_references AS r
                             ON r.conversation_id = c.id AND r.message_id > wanted.after)
                         WHERE place <= {LOOKED_AT}"
                    )
                })
                .fetch_all(&self.readers)
                .await?;
            let found = found.iter().map(|found| {
                let id = row::message_id(found, "message_id")?;
                Ok((
                    row::group_id(found, "group_id")?,
                    id,
                    row::references(found)?,
                ))
            });
            let found = found.collect::<Result<Vec<_>, StoreError>>()?;
            mentions.extend(newest_mentions(user, found));
        }
        Ok(mentions)
    }

    async fn stored_at(
        &self,
        conversation: Conversation,
        id: MessageId,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let (kind, low, high) = conversation.parties();
        let found = sqlx::query(
            "SELECT m.stored_at_ms FROM conversations AS c CROSS JOIN messages AS m
             ON m.conversation_id = c.id AND m.message_id = ?
             WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ?",
        )
        .bind(i64::from(id.get()))
        .bind(kind)
        .bind(low)
        .bind(high)
        .fetch_optional(&self.readers)
        .await?;
        let stored_at = |found| row::time(&found, "stored_at_ms");
        found.map(stored_at).transpose()
    }

    async fn ranges(
        &self,
        ranges: &[MessageRange],
        limit: PageLimit,
    ) -> Result<Vec<(Conversation, StoredMessage)>, StoreError> {
        let mut page = Vec::new();
        for piece in pieces(ranges) {
            let mut places = 0i64..;
            let wanted = Values::new(&piece, 6, |row, range| {
                let (kind, low, high) = range.conversation.parties();
                row.add(kind)?;
                row.add(low)?;
                row.add(high)?;
                row.add(i64::from(range.first))?;
                row.add(i64::from(range.last))?;
                row.add(places.next())
            })?;
            let rows = wanted
                .query(|values| {
                    format!(
                        "WITH wanted(kind, low, high, first, last, place) AS ({values})
                         SELECT {}, {} FROM wanted AS w CROSS JOIN conversations AS c
                         ON c.kind = w.kind AND c.party_low = w.low AND c.party_high = w.high
                         CROSS JOIN messages AS m ON m.conversation_id = c.id
                         AND m.message_id BETWEEN w.first AND w.last
                         ORDER BY w.place, m.message_id",
                        row::CONVERSATION,
                        row::MESSAGE
                    )
                })
                .fetch(&self.readers);
            let parse = |found: &SqliteRow| Ok((row::conversation(found)?, row::message(found)?));
            if !fill(&mut page, rows, limit, parse, |(_, message)| {
                message.body.len()
            })
            .await?
            {
                break;
            }
        }
        Ok(page)
    }
}

/// The parties that a conversation's number names.
fn halves(number: u64) -> (i64, i64) {
    let halves = (number >> 32, number & 0xffff_ffff);
    (halves.0.cast_signed(), halves.1.cast_signed())
}

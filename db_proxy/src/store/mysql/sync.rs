use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use proto::ids::{GroupId, MessageId, UserId};
use sqlx::mysql::MySqlRow;
use tokio::time::timeout;
use tracing::debug;

use super::MySqlStore;
use super::key::{self, key};
use super::message::Page;
use super::meta::NOW;
use super::participant::{LAST, LAST_AT, UNREAD};
use super::session::Session;
use super::statement::{CHUNK, Statement, list, padded};
use super::user::add_id;
use crate::store::row::{self, MESSAGE};
use crate::store::sync::{FORMER_KEPT, LOOKED_AT, newest_mentions, pieces};
use crate::store::{
    ActiveConversation, ChangedConversation, Changes, Conversation, MessageRange, Moment,
    PageLimit, StoreError, StoredMessage, SyncStore, UnixMillis,
};

/// How long forgetting may take.
const FORGET: Duration = Duration::from_secs(1);

#[async_trait]
impl SyncStore for MySqlStore {
    async fn moment(&self) -> Result<Moment, StoreError> {
        let sql = format!("SELECT value, {NOW} AS now_ms FROM meta WHERE name = 'store_epoch'");
        let found = self.row(Statement::new(sql)).await?;
        let found = found.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Moment {
            epoch: row::epoch(&found)?,
            now: row::time(&found, "now_ms")?,
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
                 SELECT m.message_id FROM messages AS m FORCE INDEX (PRIMARY)
                 WHERE m.conversation_id = list.id
                 AND m.message_id > list.last_message_id - ? AND m.stored_at_ms < ?
                 ORDER BY m.message_id DESC LIMIT 1), 0) AS old
             FROM (
                 SELECT stamped.*, greatest(talked_at_ms, grouped_at_ms) AS changed_at_ms FROM (
                     SELECT STRAIGHT_JOIN c.id, {LAST} AS last_message_id, p.last_read_id,
                     p.visible_after_id, {UNREAD} AS unread, {LAST} <= p.hidden_through_id AS hidden,
                     greatest({LAST_AT}, p.updated_at_ms) AS talked_at_ms,
                     greatest(coalesce(g.updated_at_ms, -1), coalesce(f.changed_at_ms, -1)) AS grouped_at_ms
                     FROM participants AS p JOIN conversations AS c ON c.id = p.conversation_id
                     LEFT JOIN chat_groups AS g ON c.id BETWEEN 0 AND 4294967295 AND g.id = c.id
                     LEFT JOIN group_members AS f
                     ON c.id BETWEEN 0 AND 4294967295 AND f.group_id = c.id AND f.user_id = p.user_id
                     WHERE p.user_id = ?) AS stamped
                 WHERE greatest(talked_at_ms, grouped_at_ms) >= ?
                 AND (greatest(talked_at_ms, grouped_at_ms) > ? OR
                      greatest(talked_at_ms, grouped_at_ms) = ? AND CAST(id AS UNSIGNED) > ?)
                 ORDER BY changed_at_ms, CAST(id AS UNSIGNED) LIMIT ?) AS list
             ORDER BY changed_at_ms, CAST(id AS UNSIGNED)"
        );
        let (at, number) = wanted
            .after
            .map_or((i64::MIN, 0), |after| (after.at.0, after.number));
        let found = Statement::new(sql)
            .bind(i64::from(wanted.messages))
            .bind(wanted.since.0)
            .bind(i64::from(user.get()))
            .bind(wanted.since.0)
            .bind(at)
            .bind(at)
            .bind(number)
            .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
        let changed =
            |found: &MySqlRow| row::changed_conversation(found, conversation(found)?, wanted.since);
        self.rows(found).await?.iter().map(changed).collect()
    }

    async fn left_groups(
        &self,
        user: UserId,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError> {
        let sql = "SELECT group_id FROM former_members FORCE INDEX (PRIMARY)
                   WHERE user_id = ? AND left_at_ms >= ? ORDER BY left_at_ms DESC, group_id LIMIT ?";
        let found = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(since.0)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(found)
            .await?
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
        // the first ones of all are among the first ones of each part
        let mut active: BTreeMap<u64, ActiveConversation> = BTreeMap::new();
        for chunk in users.chunks(CHUNK) {
            let users = padded(chunk);
            let sql = format!(
                "SELECT list.*, coalesce((
                     SELECT m.message_id FROM messages AS m FORCE INDEX (PRIMARY)
                     WHERE m.conversation_id = list.id
                     AND m.stored_at_ms < ? ORDER BY m.message_id DESC LIMIT 1), 0) AS old
                 FROM (
                     SELECT STRAIGHT_JOIN c.id, c.last_message_id, min(p.visible_after_id) AS visible_after_id,
                     max(g.version) AS version
                     FROM participants AS p FORCE INDEX (PRIMARY)
                     JOIN conversations AS c ON c.id = p.conversation_id
                     LEFT JOIN chat_groups AS g ON c.id BETWEEN 0 AND 4294967295 AND g.id = c.id
                     WHERE p.user_id IN ({})
                     AND c.last_message_at_ms >= ? AND c.last_message_id > p.visible_after_id
                     AND CAST(c.id AS UNSIGNED) >= ?
                     GROUP BY c.id, c.last_message_id
                     ORDER BY CAST(c.id AS UNSIGNED) LIMIT ?) AS list",
                list(users.len())
            );
            let found = Statement::new(sql)
                .bind(since.0)
                .bind_all(users, add_id)
                .bind(since.0)
                .bind(from)
                .bind(i64::try_from(limit).unwrap_or(i64::MAX));
            for found in &self.rows(found).await? {
                let found = row::active_conversation(found, conversation(found)?)?;
                let number = found.conversation.number();
                let all = active.entry(number).or_insert(found);
                all.after = all.after.min(found.after);
                all.last = all.last.max(found.last);
            }
        }
        Ok(active.into_values().take(limit).collect())
    }

    async fn newest_mentions(
        &self,
        user: UserId,
        wanted: &[(GroupId, u32)],
    ) -> Result<Vec<(GroupId, MessageId)>, StoreError> {
        let mut mentions = Vec::new();
        for chunk in wanted.chunks(CHUNK) {
            let wanted = padded(chunk);
            let place = "(conversation_id = ? AND message_id > ?)";
            let sql = format!(
                "SELECT group_id, message_id, refs FROM (
                     SELECT conversation_id AS group_id, message_id, refs,
                     row_number() OVER (PARTITION BY conversation_id ORDER BY message_id DESC) AS place
                     FROM message_references FORCE INDEX (PRIMARY) WHERE {}) AS ranked
                 WHERE place <= {LOOKED_AT}",
                vec![place; wanted.len()].join(" OR ")
            );
            let found = Statement::new(sql).bind_all(wanted, |row, (group, after)| {
                row.add(key(Conversation::Group(group)));
                row.add(i64::from(after));
            });
            let found = self.rows(found).await?;
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
        let sql = "SELECT stored_at_ms FROM messages WHERE conversation_id = ? AND message_id = ?";
        let found = Statement::new(sql)
            .bind(key(conversation))
            .bind(i64::from(id.get()));
        let stored_at = |found| row::time(&found, "stored_at_ms");
        self.row(found).await?.map(stored_at).transpose()
    }

    async fn ranges(
        &self,
        ranges: &[MessageRange],
        limit: PageLimit,
    ) -> Result<Vec<(Conversation, StoredMessage)>, StoreError> {
        let mut page = Page::new(limit);
        for piece in pieces(ranges) {
            if page.room() == 0 {
                break;
            }
            for found in self.piece(&piece).await? {
                page.add(found, |(_, message)| message.body.len());
            }
        }
        Ok(page.entries)
    }
}

impl MySqlStore {
    /// The messages of a few ranges, in their order.
    async fn piece(
        &self,
        piece: &[MessageRange],
    ) -> Result<Vec<(Conversation, StoredMessage)>, StoreError> {
        let wanted = padded(piece);
        let range = "(m.conversation_id = ? AND m.message_id BETWEEN ? AND ?)";
        let sql = format!(
            "SELECT m.conversation_id AS id, {MESSAGE} FROM messages AS m FORCE INDEX (PRIMARY) WHERE {}",
            vec![range; wanted.len()].join(" OR ")
        );
        let found = Statement::new(sql).bind_all(wanted, |row, range| {
            row.add(key(range.conversation));
            row.add(i64::from(range.first));
            row.add(i64::from(range.last));
        });
        let message = |found: &MySqlRow| Ok((conversation(found)?, row::message(found)?));
        let found = self.rows(found).await?;
        let mut found = found
            .iter()
            .map(message)
            .collect::<Result<Vec<_>, StoreError>>()?;
        // a range is met where it was asked for first
        let place = |(conversation, message): &(Conversation, StoredMessage)| {
            let id = message.id.get();
            let place = piece.iter().position(|range| {
                range.conversation == *conversation && (range.first..=range.last).contains(&id)
            });
            (place, id)
        };
        found.sort_by_cached_key(place);
        Ok(found)
    }

    /// Forgets some of those who left so long ago that no client asks for it. Apart from the transactions that change
    /// groups, which would wait for each other; whoever left has left whatever becomes of it.
    pub(super) async fn forget_long_gone(&self) {
        let before = UnixMillis::now().before(FORMER_KEPT);
        let old = Statement::new("DELETE FROM former_members WHERE left_at_ms < ? LIMIT 1000");
        let forget = async {
            let mut session = Session::of(&self.writers).await?;
            old.bind(before.0).execute(&mut session).await?;
            session.release();
            Ok::<_, StoreError>(())
        };
        let forgotten = timeout(FORGET, forget).await;
        if !matches!(forgotten, Ok(Ok(()))) {
            debug!("former members are kept for now");
        }
    }
}

fn conversation(found: &MySqlRow) -> Result<Conversation, StoreError> {
    let id = row::int(found, "id")?;
    key::conversation(id).ok_or_else(|| row::out_of_range("id", id))
}

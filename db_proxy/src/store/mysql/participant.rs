use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::key::{self, key};
use super::statement::{CHUNK, Statement, either, list, padded, rows};
use crate::store::{
    Conversation, Counterpart, PageLimit, ParticipantStore, ReadMark, RecentConversation,
    StoreError, UnixMillis, UnreadConversation, UnreadList, row,
};

/// A user's visible conversations; one without a message is not.
const VISIBLE: &str =
    "FROM participants AS p STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
    WHERE p.user_id = ? AND c.last_message_id > p.hidden_through_id";

/// The order of lists, newest first.
const NEWEST: &str = "ORDER BY c.last_message_at_ms DESC, c.id DESC";

/// How much later than its stamp a message may be committed: longer than one attempt lasts. Several write at the same
/// time, so whoever has seen a stamp may have missed one before it; asking again, he is told that much twice.
const UNSETTLED_MS: i64 = 10_000;

#[async_trait]
impl ParticipantStore for MySqlStore {
    async fn mark_read(&self, marks: &[ReadMark]) -> Result<(), StoreError> {
        // ascending, as everybody locks them; of several marks only the furthest goes in
        let mut furthest: BTreeMap<(UserId, i64), MessageId> = BTreeMap::new();
        for mark in marks {
            let up_to = furthest
                .entry((mark.user, key(mark.conversation)))
                .or_insert(mark.up_to);
            *up_to = mark.up_to.max(*up_to);
        }
        let furthest: Vec<Mark> = furthest
            .into_iter()
            .map(|((user, conversation), up_to)| Mark {
                user: user.get().into(),
                conversation,
                up_to: up_to.get().into(),
            })
            .collect();
        for chunk in furthest.chunks(CHUNK) {
            attempts(Repeat::Harmless, || async {
                let mut transaction = self.begin().await?;
                let marked = mark_read(&mut transaction, chunk, UnixMillis::now()).await;
                transaction.end(marked, |()| true).await
            })
            .await?;
        }
        Ok(())
    }

    async fn hide(&self, user: UserId, conversation: Conversation) -> Result<bool, StoreError> {
        attempts(Repeat::Undone, || async {
            let mut transaction = self.begin().await?;
            let hidden = hide(&mut transaction, user, key(conversation)).await;
            transaction.end(hidden, |hidden| *hidden).await
        })
        .await
    }

    async fn recent(
        &self,
        user: UserId,
        since_seconds: u32,
        limit: PageLimit,
    ) -> Result<Vec<RecentConversation>, StoreError> {
        let sql = format!(
            "SELECT c.id, c.last_message_id, c.last_message_at_ms
             {VISIBLE} AND c.last_message_at_ms >= ? {NEWEST} LIMIT ?"
        );
        let list = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(UnixMillis::from_seconds(since_seconds).0 - UNSETTLED_MS)
            .bind(i64::try_from(limit.rows).unwrap_or(i64::MAX));
        let entry = |found: &MySqlRow| {
            let entry = (
                counterpart(found, user)?,
                row::time(found, "last_message_at_ms")?,
            );
            Ok((
                entry,
                row::int(found, "id")?,
                row::int(found, "last_message_id")?,
            ))
        };
        let list = self.rows(list).await?;
        let list = list.iter().map(entry).collect::<Result<_, StoreError>>()?;
        let list = self.bodies(list, limit).await?.into_iter();
        let recent = list.map(|((with, last_active_at), latest)| RecentConversation {
            with,
            last_active_at,
            latest,
        });
        Ok(recent.collect())
    }

    async fn unread(&self, user: UserId, limit: PageLimit) -> Result<UnreadList, StoreError> {
        let sql = format!(
            "SELECT c.id, c.last_message_id, c.last_message_id - p.last_read_id - p.own_since AS unread,
             CAST(sum(c.last_message_id - p.last_read_id - p.own_since) OVER () AS SIGNED) AS total
             {VISIBLE} AND c.last_message_id - p.last_read_id - p.own_since > 0 {NEWEST} LIMIT ?"
        );
        let list = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(i64::try_from(limit.rows).unwrap_or(i64::MAX));
        let list = self.rows(list).await?;
        let total = list
            .first()
            .map_or(Ok(0), |first| row::int(first, "total"))?;
        let entry = |found: &MySqlRow| {
            let entry = (counterpart(found, user)?, row::int(found, "unread")?);
            Ok((
                entry,
                row::int(found, "id")?,
                row::int(found, "last_message_id")?,
            ))
        };
        let list = list.iter().map(entry).collect::<Result<_, StoreError>>()?;
        let list = self.bodies(list, limit).await?.into_iter();
        let conversations = list.map(|((with, unread), latest)| UnreadConversation {
            with,
            unread,
            latest,
        });
        Ok(UnreadList {
            total,
            conversations: conversations.collect(),
        })
    }

    async fn peers(&self, user: UserId, limit: usize) -> Result<Vec<UserId>, StoreError> {
        // a group's id is its own, below every pair's
        let sql = format!(
            "SELECT c.id FROM participants AS p STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
             WHERE p.user_id = ? AND p.conversation_id NOT BETWEEN 0 AND 4294967295 {NEWEST} LIMIT ?"
        );
        let found = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let mut peers = Vec::new();
        for found in &self.rows(found).await? {
            if let Counterpart::User(peer) = counterpart(found, user)? {
                peers.push(peer);
            }
        }
        Ok(peers)
    }
}

fn counterpart(found: &MySqlRow, user: UserId) -> Result<Counterpart, StoreError> {
    let id = row::int(found, "id")?;
    key::conversation(id)
        .and_then(|conversation| conversation.counterpart_of(user))
        .ok_or_else(|| row::out_of_range("id", id))
}

#[derive(Clone, Copy)]
struct Mark {
    user: i64,
    conversation: i64,
    up_to: i64,
}

/// What is to become of a participant's row.
#[derive(Clone, Copy)]
struct Position {
    mark: Mark,
    from: i64,
    own_since: i64,
}

/// The participants' rows are locked, but not their conversations: messages that are being written lie behind every
/// position that can be reached here, and what they add to `own_since` waits.
async fn mark_read(
    connection: &mut MySqlConnection,
    marks: &[Mark],
    now: UnixMillis,
) -> Result<(), StoreError> {
    let latest = latest(connection, marks).await?;
    let wanted = padded(marks);
    let sql = format!(
        "SELECT user_id, conversation_id, last_read_id, own_since FROM participants FORCE INDEX (PRIMARY)
         WHERE {} ORDER BY user_id, conversation_id FOR UPDATE",
        either("user_id = ? AND conversation_id = ?", wanted.len())
    );
    let held = Statement::new(sql).bind_all(wanted, |row, mark| {
        row.add(mark.user);
        row.add(mark.conversation);
    });
    let marks: HashMap<(i64, i64), &Mark> = marks
        .iter()
        .map(|mark| ((mark.user, mark.conversation), mark))
        .collect();
    let mut moved = Vec::new();
    for found in &held.fetch(connection).await? {
        let place = (
            row::int(found, "user_id")?,
            row::int(found, "conversation_id")?,
        );
        let from = row::int(found, "last_read_id")?;
        if let (Some(mark), Some(latest)) = (marks.get(&place), latest.get(&place.1)) {
            let up_to = mark.up_to.min(*latest);
            if up_to > from {
                moved.push(Position {
                    mark: Mark { up_to, ..**mark },
                    from,
                    own_since: row::int(found, "own_since")?,
                });
            }
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    forget_own(connection, &mut moved).await?;
    let moved = padded(&moved);
    let sql = format!(
        "INSERT INTO participants (user_id, conversation_id, last_read_id, own_since, updated_at_ms) VALUES {}
         ON DUPLICATE KEY UPDATE last_read_id = VALUES(last_read_id), own_since = VALUES(own_since),
         updated_at_ms = VALUES(updated_at_ms)",
        rows(moved.len(), 5)
    );
    let moved = Statement::new(sql).bind_all(moved, |row, position| {
        row.add(position.mark.user);
        row.add(position.mark.conversation);
        row.add(position.mark.up_to);
        row.add(position.own_since);
        row.add(now.0);
    });
    moved.execute(connection).await?;
    Ok(())
}

async fn latest(
    connection: &mut MySqlConnection,
    marks: &[Mark],
) -> Result<HashMap<i64, i64>, StoreError> {
    let wanted = padded(marks);
    let sql = format!(
        "SELECT id, last_message_id FROM conversations WHERE id IN ({})",
        list(wanted.len())
    );
    let found = Statement::new(sql).bind_all(wanted, |row, mark| row.add(mark.conversation));
    let latest =
        |found: &MySqlRow| Ok((row::int(found, "id")?, row::int(found, "last_message_id")?));
    found.fetch(connection).await?.iter().map(latest).collect()
}

/// Takes from `own_since` what lies behind the new position no more.
async fn forget_own(
    connection: &mut MySqlConnection,
    moved: &mut [Position],
) -> Result<(), StoreError> {
    let counted: Vec<Position> = moved
        .iter()
        .filter(|position| position.own_since > 0)
        .copied()
        .collect();
    if counted.is_empty() {
        return Ok(());
    }
    let counted = padded(&counted);
    let sql = format!(
        "SELECT sender_id, conversation_id, count(*) AS own FROM messages FORCE INDEX (PRIMARY)
         WHERE {} GROUP BY sender_id, conversation_id",
        either(
            "conversation_id = ? AND message_id > ? AND message_id <= ? AND sender_id = ?",
            counted.len()
        )
    );
    let found = Statement::new(sql).bind_all(counted, |row, position| {
        row.add(position.mark.conversation);
        row.add(position.from);
        row.add(position.mark.up_to);
        row.add(position.mark.user);
    });
    let mut own: HashMap<(i64, i64), i64> = HashMap::new();
    for found in &found.fetch(connection).await? {
        let place = (
            row::int(found, "sender_id")?,
            row::int(found, "conversation_id")?,
        );
        own.insert(place, row::int(found, "own")?);
    }
    for position in moved {
        let place = (position.mark.user, position.mark.conversation);
        position.own_since -= own.get(&place).copied().unwrap_or(0);
    }
    Ok(())
}

/// The conversation is locked: a message is either hidden and read, or brings it back.
async fn hide(
    connection: &mut MySqlConnection,
    user: UserId,
    conversation: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT last_message_id FROM conversations WHERE id = ? FOR UPDATE";
    let last = Statement::new(sql)
        .bind(conversation)
        .first(connection)
        .await?;
    let Some(last) = last else { return Ok(false) };
    let last: i64 = row::int(&last, "last_message_id")?;
    let sql = "UPDATE participants SET hidden_through_id = ?, last_read_id = ?, own_since = 0, updated_at_ms = ?
               WHERE user_id = ? AND conversation_id = ? AND hidden_through_id < ?";
    let hidden = Statement::new(sql)
        .bind(last)
        .bind(last)
        .bind(UnixMillis::now().0)
        .bind(i64::from(user.get()))
        .bind(conversation)
        .bind(last)
        .execute(connection)
        .await?;
    Ok(hidden > 0)
}

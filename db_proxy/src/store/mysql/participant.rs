use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::audience::show_read;
use super::key::{self, key};
use super::meta::NOW;
use super::statement::{CHUNK, Statement, list, padded, rows};
use super::user::add_id;
use crate::store::each::Each;
use crate::store::{
    Conversation, Counterpart, PageLimit, ParticipantStore, ReadMark, RecentConversation,
    ShownRead, StoreError, UNSETTLED, UnixMillis, UnreadConversation, UnreadList, row,
};

/// The newest message that the participant `p` sees of the conversation `c`, and when it was stored.
pub(super) const LAST: &str = "coalesce(p.shown_last_id, c.last_message_id)";
pub(super) const LAST_AT: &str = "coalesce(p.shown_last_at_ms, c.last_message_at_ms)";

/// A user's visible conversations; one without a message is not.
const VISIBLE: &str =
    "FROM participants AS p STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
    WHERE p.user_id = ? AND coalesce(p.shown_last_id, c.last_message_id) > p.hidden_through_id";

/// What others wrote after what the participant has read. In a group his own messages are read when they are written, and
/// not counted.
pub(super) const UNREAD: &str = "(c.last_message_id - p.last_read_id + p.own_read -
    CASE WHEN c.id BETWEEN 0 AND 4294967295 THEN 0 WHEN p.user_id = c.id >> 32 THEN c.low_messages
    ELSE c.last_message_id - c.low_messages END)";

/// The order of lists, newest first.
const NEWEST: &str = "ORDER BY coalesce(p.shown_last_at_ms, c.last_message_at_ms) DESC, c.id DESC";

#[async_trait]
impl ParticipantStore for MySqlStore {
    async fn mark_read(&self, marks: &[ReadMark]) -> Result<Vec<ShownRead>, StoreError> {
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
                let marked = mark_read(&mut transaction, chunk).await;
                transaction.end(marked, |()| true).await
            })
            .await?;
        }
        if !marks.iter().any(|mark| mark.shown) {
            return Ok(Vec::new());
        }
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let shown = show_read(&mut transaction, marks).await;
            transaction.end(shown, |_| true).await
        })
        .await
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
            "SELECT c.id, {LAST} AS last_message_id, {LAST_AT} AS last_message_at_ms
             {VISIBLE} AND {LAST_AT} >= ? {NEWEST} LIMIT ?"
        );
        let list = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(UnixMillis::from_seconds(since_seconds).before(UNSETTLED).0)
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
            "SELECT c.id, {LAST} AS last_message_id, {UNREAD} AS unread,
             CAST(sum({UNREAD}) OVER () AS SIGNED) AS total
             {VISIBLE} AND {UNREAD} > 0 {NEWEST} LIMIT ?"
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

    async fn peers(&self, users: &[UserId], limit: usize) -> Result<Vec<Vec<UserId>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let chunk = padded(chunk);
            let places = list(chunk.len());
            // a group's id is its own, below every pair's
            let sql = format!(
                "SELECT user_id, id FROM (
                     SELECT p.user_id, c.id, row_number() OVER (
                         PARTITION BY p.user_id ORDER BY {LAST_AT} DESC, c.id DESC) AS place
                     FROM participants AS p STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
                     WHERE p.user_id IN ({places}) AND p.conversation_id NOT BETWEEN 0 AND 4294967295 AND {LAST} > 0) AS ranked
                 WHERE place <= ? ORDER BY user_id, place"
            );
            let rows = Statement::new(sql)
                .bind_all(chunk, add_id)
                .bind(i64::try_from(limit).unwrap_or(i64::MAX));
            for row in &self.rows(rows).await? {
                let user = row::user_id(row, "user_id")?;
                if let Counterpart::User(peer) = counterpart(row, user)? {
                    found.add(user, peer);
                }
            }
        }
        Ok(found.in_order())
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

/// A conversation's last message and counts, of one moment.
#[derive(Clone, Copy)]
struct Counts {
    id: i64,
    last: i64,
    low: i64,
}

impl Counts {
    fn of(found: &MySqlRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row::int(found, "id")?,
            last: row::int(found, "last_message_id")?,
            low: row::int(found, "low_messages")?,
        })
    }

    /// The user's own messages; none that count, in a group.
    fn own(&self, user: i64) -> i64 {
        match key::conversation(self.id) {
            Some(Conversation::Single(pair)) if i64::from(pair.low().get()) == user => self.low,
            Some(Conversation::Single(_)) => self.last - self.low,
            Some(Conversation::Group(_)) | None => 0,
        }
    }
}

/// What is to become of a participant's row.
#[derive(Clone, Copy)]
struct Position {
    mark: Mark,
    from: i64,
    /// Known, or still to be counted from what it was.
    own_read: i64,
    counted: bool,
    /// The conversation's last message, and the user's own of all up to it.
    last: i64,
    own: i64,
}

/// The participants' rows are locked, but not their conversations: messages that are being written lie behind every
/// position that can be reached here. Conversations are looked at with the rows locked: who stores what is withheld from a
/// participant changes his row.
async fn mark_read(connection: &mut MySqlConnection, marks: &[Mark]) -> Result<(), StoreError> {
    let wanted = padded(marks);
    let sql = format!(
        "SELECT user_id, conversation_id, last_read_id, own_read FROM participants FORCE INDEX (PRIMARY)
         WHERE (user_id, conversation_id) IN ({}) ORDER BY user_id, conversation_id FOR UPDATE",
        rows(wanted.len(), 2)
    );
    let held = Statement::new(sql).bind_all(wanted, |row, mark| {
        row.add(mark.user);
        row.add(mark.conversation);
    });
    let held = held.fetch(connection).await?;
    let (counts, now) = counts(connection, marks).await?;
    let marks: HashMap<(i64, i64), &Mark> = marks
        .iter()
        .map(|mark| ((mark.user, mark.conversation), mark))
        .collect();
    let mut moved = Vec::new();
    for found in &held {
        let user = row::int(found, "user_id")?;
        let conversation = row::int(found, "conversation_id")?;
        let from = row::int(found, "last_read_id")?;
        let own_read: i64 = row::int(found, "own_read")?;
        let place = (user, conversation);
        if let (Some(mark), Some(counts)) = (marks.get(&place), counts.get(&conversation)) {
            let up_to = mark.up_to.min(counts.last);
            // all of his own, if there is nothing behind the position or nothing new of his
            let own = counts.own(user);
            let counted = up_to == counts.last || own == own_read;
            if up_to > from {
                moved.push(Position {
                    mark: Mark { up_to, ..**mark },
                    from,
                    own_read: if counted { own } else { own_read },
                    counted,
                    last: counts.last,
                    own,
                });
            }
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    count_own(connection, &mut moved).await?;
    let moved = padded(&moved);
    let sql = format!(
        "INSERT INTO participants (user_id, conversation_id, last_read_id, own_read, updated_at_ms) VALUES {}
         ON DUPLICATE KEY UPDATE last_read_id = VALUES(last_read_id), own_read = VALUES(own_read),
         updated_at_ms = VALUES(updated_at_ms)",
        rows(moved.len(), 5)
    );
    let moved = Statement::new(sql).bind_all(moved, |row, position| {
        row.add(position.mark.user);
        row.add(position.mark.conversation);
        row.add(position.mark.up_to);
        row.add(position.own_read);
        row.add(now.0);
    });
    moved.execute(connection).await?;
    Ok(())
}

/// The conversations, and the time of the server.
async fn counts(
    connection: &mut MySqlConnection,
    marks: &[Mark],
) -> Result<(HashMap<i64, Counts>, UnixMillis), StoreError> {
    let wanted = padded(marks);
    let sql = format!(
        "SELECT id, last_message_id, low_messages, {NOW} AS now_ms FROM conversations WHERE id IN ({})",
        list(wanted.len())
    );
    let found = Statement::new(sql).bind_all(wanted, |row, mark| row.add(mark.conversation));
    let found = found.fetch(connection).await?;
    let now = found
        .first()
        .map_or(Ok(UnixMillis(0)), |found| row::time(found, "now_ms"))?;
    let counts = |found: &MySqlRow| Counts::of(found).map(|counts| (counts.id, counts));
    let counts = found.iter().map(counts).collect::<Result<_, _>>()?;
    Ok((counts, now))
}

/// Adds the user's own messages, and those withheld from him, between the old position and the new one, where that is not known without a look.
async fn count_own(
    connection: &mut MySqlConnection,
    moved: &mut [Position],
) -> Result<(), StoreError> {
    for position in moved.iter_mut().filter(|position| !position.counted) {
        // from the nearer end, so that a position in the middle of a long conversation costs no more than half of it
        let behind = position.last - position.mark.up_to;
        let (after, up_to) = if behind < position.mark.up_to - position.from {
            (position.mark.up_to, position.last)
        } else {
            (position.from, position.mark.up_to)
        };
        let sql = "SELECT count(*) AS own FROM messages FORCE INDEX (PRIMARY)
                   WHERE conversation_id = ? AND message_id > ? AND message_id <= ?
                   AND (sender_id = ? OR withheld_from = ?)";
        let own = Statement::new(sql)
            .bind(position.mark.conversation)
            .bind(after)
            .bind(up_to)
            .bind(position.mark.user)
            .bind(position.mark.user);
        let own = own.first(connection).await?;
        let own: i64 = own.map_or(Ok(0), |own| row::int(&own, "own"))?;
        if after == position.from {
            position.own_read += own;
        } else {
            position.own_read = position.own - own;
        }
    }
    Ok(())
}

/// The conversation is locked: a message is either hidden and read, or brings it back.
async fn hide(
    connection: &mut MySqlConnection,
    user: UserId,
    conversation: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT id, last_message_id, low_messages FROM conversations WHERE id = ? FOR UPDATE";
    let found = Statement::new(sql)
        .bind(conversation)
        .first(connection)
        .await?;
    let Some(found) = found else { return Ok(false) };
    let counts = Counts::of(&found)?;
    let user = i64::from(user.get());
    let sql = format!(
        "UPDATE participants SET hidden_through_id = ?, last_read_id = ?, own_read = ?, updated_at_ms = {NOW}
         WHERE user_id = ? AND conversation_id = ? AND hidden_through_id < coalesce(shown_last_id, ?)"
    );
    let hidden = Statement::new(sql)
        .bind(counts.last)
        .bind(counts.last)
        .bind(counts.own(user))
        .bind(user)
        .bind(conversation)
        .bind(counts.last)
        .execute(connection)
        .await?;
    Ok(hidden > 0)
}

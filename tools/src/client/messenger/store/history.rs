//! Reading what is here.

use proto::im::base_define::MsgInfo;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::references;
use super::timeline::Timeline;
use super::{DraftId, LocalStore, StoreError};
use crate::client::message::{Conversation, Message};

/// Messages that one question gives at most.
const MOST: u32 = 500;

/// The columns of a message, in the order in which [`entry`] reads them.
pub(super) const COLUMNS: &str =
    "kind, peer, id, sender, sent_at, type, data, revision, draft, mentions, everybody, answers";

/// A message in the local history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it is now.
    pub message: Message,
    /// Under which number it was written on this device; `None` for others' messages, and for one's own from elsewhere.
    pub draft: Option<DraftId>,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationState {
    /// Which one.
    pub conversation: Conversation,
    /// The newest message that was heard of; 0 for none.
    pub latest: u32,
    /// Every message from `complete_from` to this one that exists is here.
    pub complete_to: u32,
    /// See `complete_to`; what is older is at the server. 1: here is everything.
    pub complete_from: u32,
    /// Up to here the application was told.
    pub told: u32,
    /// Up to where the user has read, on whatever device.
    pub read: u32,
    /// What others wrote behind that, as far as it is here.
    pub unread: u32,
    /// The user took it off the list.
    pub hidden: bool,
    /// Time of the newest message that is here, in Unix seconds.
    pub active_at: u32,
}

impl LocalStore {
    /// Messages with ids below `before` (0: the newest ones), at most `count` and 500, ascending. Only what nothing is
    /// missing before.
    pub async fn messages(
        &self,
        conversation: Conversation,
        before: u32,
        count: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE kind = ?1 AND peer = ?2 AND (?3 = 0 OR id < ?3)
             AND id BETWEEN
                 (SELECT floor FROM conversations WHERE kind = ?1 AND peer = ?2) AND
                 (SELECT upto FROM conversations WHERE kind = ?1 AND peer = ?2)
             ORDER BY id DESC LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(conversation.session_type())
            .bind(conversation.id())
            .bind(before)
            .bind(count.min(MOST))
            .fetch_all(&self.pool)
            .await?;
        let entries: Result<Vec<Entry>, sqlx::Error> = rows.iter().rev().map(entry).collect();
        Ok(entries?)
    }

    /// One message, if it is here.
    pub async fn message(
        &self,
        conversation: Conversation,
        id: u32,
    ) -> Result<Option<Entry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM messages WHERE kind = ? AND peer = ? AND id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(conversation.session_type())
            .bind(conversation.id())
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.as_ref().map(entry).transpose()?)
    }

    /// Where one conversation stands; `None` if nothing was heard of it.
    pub async fn conversation(
        &self,
        conversation: Conversation,
    ) -> Result<Option<ConversationState>, StoreError> {
        let of_all = self.states(Some(conversation)).await?;
        Ok(of_all.into_iter().next())
    }

    /// All conversations, the one with the newest message first, at most 500.
    pub async fn conversations(&self) -> Result<Vec<ConversationState>, StoreError> {
        self.states(None).await
    }

    async fn states(
        &self,
        one: Option<Conversation>,
    ) -> Result<Vec<ConversationState>, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, peer, latest, upto, floor, read, hidden, active_at, told,
                 (SELECT count(*) FROM messages WHERE messages.kind = conversations.kind
                      AND messages.peer = conversations.peer AND id > read
                      AND sender <> (SELECT user_id FROM account)) AS unread
             FROM conversations WHERE ?1 IS NULL OR (kind = ?1 AND peer = ?2)
             ORDER BY active_at DESC, kind, peer LIMIT ?3",
        )
        .bind(one.map(Conversation::session_type))
        .bind(one.map(Conversation::id))
        .bind(MOST)
        .fetch_all(&self.pool)
        .await?;
        let states: Result<Vec<ConversationState>, sqlx::Error> = rows.iter().map(state).collect();
        Ok(states?)
    }

    /// Up to where the user has read; never back, nor beyond what there is (0: all of it). `due`: the server is to be told.
    /// Gives the position if that moved it.
    pub(in crate::client::messenger) async fn read_to(
        &self,
        conversation: Conversation,
        id: u32,
        due: bool,
    ) -> Result<Option<u32>, StoreError> {
        let moved = sqlx::query_scalar(
            "UPDATE conversations
             SET read = min(latest, CASE WHEN ?3 = 0 THEN latest ELSE ?3 END), read_due = max(read_due, ?4)
             WHERE kind = ?1 AND peer = ?2
                 AND read < min(latest, CASE WHEN ?3 = 0 THEN latest ELSE ?3 END)
             RETURNING read",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .bind(id)
        .bind(due)
        .fetch_optional(&self.pool)
        .await?;
        Ok(moved)
    }

    /// The user took a conversation off the list, and has read it by that.
    pub(in crate::client::messenger) async fn hide(
        &self,
        conversation: Conversation,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE conversations SET hidden = 1, read = latest WHERE kind = ? AND peer = ?",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Read positions that the server may not have heard of.
    pub(in crate::client::messenger) async fn reads_due(
        &self,
    ) -> Result<Vec<(Conversation, u32)>, StoreError> {
        let rows: Vec<(i32, u32, u32)> =
            sqlx::query_as("SELECT kind, peer, read FROM conversations WHERE read_due = 1")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(kind, peer, read)| (Conversation::from_wire(peer, kind), read))
            .collect())
    }

    /// The server has heard of these.
    pub(in crate::client::messenger) async fn reads_done(
        &self,
        done: &[(Conversation, u32)],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for (conversation, read) in done {
            sqlx::query(
                "UPDATE conversations SET read_due = 0 WHERE kind = ? AND peer = ? AND read = ?",
            )
            .bind(conversation.session_type())
            .bind(conversation.id())
            .bind(read)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Begins a conversation that was not known with its end: what is older is history. The application counts as told up to
    /// `told`, unless the conversation became known meanwhile.
    pub(in crate::client::messenger) async fn begin_at(
        &self,
        conversation: Conversation,
        page: &[Message],
        told: u32,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let known = Timeline::load(&mut transaction, conversation).await?;
        older(&mut transaction, conversation, 0, page).await?;
        let begun = Timeline::load(&mut transaction, conversation).await?;
        if let (None, Some(mut timeline)) = (known, begun) {
            timeline.told = told.min(timeline.upto);
            timeline.read = timeline.told;
            timeline.save(&mut transaction, conversation).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Takes a page of history in, as it came for the messages up to `begin`, newest first. What it lacks between does not
    /// exist; an empty one says that nothing older does. Of a conversation that was not known, `begin` is 0.
    pub(in crate::client::messenger) async fn older(
        &self,
        conversation: Conversation,
        begin: u32,
        page: &[Message],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        older(&mut transaction, conversation, begin, page).await?;
        Ok(transaction.commit().await?)
    }
}

async fn older(
    connection: &mut SqliteConnection,
    conversation: Conversation,
    begin: u32,
    page: &[Message],
) -> Result<(), sqlx::Error> {
    let newest = page.iter().map(|message| message.id).max();
    let oldest = page.iter().map(|message| message.id).min();
    let known = Timeline::load(connection, conversation).await?;
    let mut timeline = match (known, newest) {
        (Some(timeline), _) => timeline,
        (None, Some(newest)) => Timeline::from(newest.saturating_add(1)),
        (None, None) => return Ok(()),
    };
    timeline.save(connection, conversation).await?;
    for message in page {
        timeline.put(connection, message, None).await?;
    }
    let upto = timeline.upto;
    timeline.complete_to(connection, conversation, upto).await?;
    let joins = match known {
        None => true,
        Some(before) => begin != 0 && begin.saturating_add(1) >= before.floor,
    };
    if joins {
        timeline.floor = timeline.floor.min(oldest.unwrap_or(1)).max(1);
    }
    timeline.save(connection, conversation).await
}

pub(super) fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let data: Vec<u8> = row.try_get(6)?;
    let revision: u32 = row.try_get(7)?;
    let draft: Option<i64> = row.try_get(8)?;
    let mut info = MsgInfo {
        msg_id: row.try_get(2)?,
        from_session_id: row.try_get(3)?,
        create_time: row.try_get(4)?,
        msg_type: row.try_get(5)?,
        msg_data: data.into(),
        ..MsgInfo::default()
    };
    info.revision = (revision != 0).then_some(revision);
    let conversation = Conversation::from_wire(row.try_get(1)?, row.try_get(0)?);
    Ok(Entry {
        message: Message {
            references: references::read(row, 9)?,
            ..Message::from_history(conversation, info)
        },
        draft: draft.map(DraftId),
    })
}

fn state(row: &SqliteRow) -> Result<ConversationState, sqlx::Error> {
    Ok(ConversationState {
        conversation: Conversation::from_wire(row.try_get(1)?, row.try_get(0)?),
        latest: row.try_get(2)?,
        complete_to: row.try_get(3)?,
        complete_from: row.try_get(4)?,
        read: row.try_get(5)?,
        hidden: row.try_get(6)?,
        active_at: row.try_get(7)?,
        told: row.try_get(8)?,
        unread: row.try_get(9)?,
    })
}

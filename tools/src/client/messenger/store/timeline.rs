//! Which messages of a conversation are here, without a gap, and which the application was told of.

use sqlx::{Row, SqliteConnection};

use super::history::{COLUMNS, entry};
use super::references;
use super::{Entry, LocalStore, StoreError};
use crate::client::message::{Conversation, Message};
use crate::client::revision::Revision;

/// A conversation that begins with one of these ids is here from its first message on; of others, what was before is
/// history. A new conversation begins with 1, and a few messages may overtake each other.
const BEGINNING: u32 = 20;

/// Rows that one look at what follows takes at most.
const STEP: u32 = 256;

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    /// Everything from here …
    pub(super) floor: u32,
    /// … to here is here, or does not exist for this user.
    pub(super) upto: u32,
    /// The newest that was heard of.
    pub(super) latest: u32,
    /// Up to here the application was told.
    pub(super) told: u32,
    pub(super) read: u32,
}

impl Timeline {
    /// Everything before `first` is history.
    pub(super) fn from(first: u32) -> Self {
        let before = first.saturating_sub(1);
        Self {
            floor: first.max(1),
            upto: before,
            latest: before,
            told: before,
            read: 0,
        }
    }

    /// Of a conversation that nobody told of before its message `id`. `None` if what was before it is to be asked first.
    fn beginning_with(id: u32, can_ask: bool) -> Option<Self> {
        match id {
            ..=BEGINNING => Some(Self::from(1)),
            _ if can_ask => None,
            _ => Some(Self::from(id)),
        }
    }

    pub(super) async fn load(
        connection: &mut SqliteConnection,
        conversation: Conversation,
    ) -> Result<Option<Self>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT floor, upto, latest, told, read FROM conversations WHERE kind = ? AND peer = ?",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .fetch_optional(connection)
        .await?;
        row.map(|row| {
            Ok(Self {
                floor: row.try_get(0)?,
                upto: row.try_get(1)?,
                latest: row.try_get(2)?,
                told: row.try_get(3)?,
                read: row.try_get(4)?,
            })
        })
        .transpose()
    }

    pub(super) async fn save(
        &self,
        connection: &mut SqliteConnection,
        conversation: Conversation,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO conversations (kind, peer, floor, upto, latest, told, read)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (kind, peer) DO UPDATE SET floor = excluded.floor, upto = excluded.upto,
                 latest = excluded.latest, told = excluded.told, read = excluded.read",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .bind(self.floor)
        .bind(self.upto)
        .bind(self.latest)
        .bind(self.told)
        .bind(self.read)
        .execute(connection)
        .await
        .map(drop)
    }

    /// Takes a message in, unless it is here.
    pub(super) async fn put(
        &mut self,
        connection: &mut SqliteConnection,
        message: &Message,
        draft: Option<i64>,
    ) -> Result<(), sqlx::Error> {
        insert(connection, message, draft).await?;
        self.latest = self.latest.max(message.id);
        if message.id.checked_add(1) == Some(self.floor) {
            self.floor = message.id;
        }
        Ok(())
    }

    /// Everything up to `id` is here or does not exist; goes on over what is here behind it.
    pub(super) async fn complete_to(
        &mut self,
        connection: &mut SqliteConnection,
        conversation: Conversation,
        id: u32,
    ) -> Result<(), sqlx::Error> {
        self.upto = self.upto.max(id);
        loop {
            let here = ids_behind(connection, conversation, self.upto).await?;
            let before = self.upto;
            for id in &here {
                if *id != self.upto + 1 {
                    break;
                }
                self.upto = *id;
            }
            if self.upto - before < STEP {
                break;
            }
        }
        self.latest = self.latest.max(self.upto);
        Ok(())
    }
}

/// Ids of messages that are here behind `id`, ascending; the first ones.
pub(super) async fn ids_behind(
    connection: &mut SqliteConnection,
    conversation: Conversation,
    id: u32,
) -> Result<Vec<u32>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT id FROM messages WHERE kind = ? AND peer = ? AND id > ? ORDER BY id LIMIT ?",
    )
    .bind(conversation.session_type())
    .bind(conversation.id())
    .bind(id)
    .bind(STEP)
    .fetch_all(connection)
    .await
}

async fn insert(
    connection: &mut SqliteConnection,
    message: &Message,
    draft: Option<i64>,
) -> Result<(), sqlx::Error> {
    let conversation = message.conversation;
    let inserted = sqlx::query(
        "INSERT OR IGNORE INTO messages (kind, peer, id, sender, sent_at, type, data, revision, draft,
             mentions, everybody, answers)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(conversation.session_type())
    .bind(conversation.id())
    .bind(message.id)
    .bind(message.from)
    .bind(message.sent_at)
    .bind(message.kind)
    .bind(&message.data[..])
    .bind(revision_number(message.revision))
    .bind(draft)
    .bind(references::mentions(&message.references))
    .bind(message.references.everybody)
    .bind(message.references.answers)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        sqlx::query(
            "UPDATE conversations SET moved = 1, hidden = 0, active_at = max(active_at, ?)
             WHERE kind = ? AND peer = ?",
        )
        .bind(message.sent_at)
        .bind(conversation.session_type())
        .bind(conversation.id())
        .execute(connection)
        .await?;
    } else if draft.is_some() {
        // it came by itself before it was acknowledged
        sqlx::query("UPDATE messages SET draft = ? WHERE kind = ? AND peer = ? AND id = ?")
            .bind(draft)
            .bind(conversation.session_type())
            .bind(conversation.id())
            .bind(message.id)
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn revision_number(revision: Option<Revision>) -> i64 {
    match revision {
        None => 0,
        Some(Revision::Edited) => 1,
        Some(Revision::Recalled) => 2,
    }
}

/// What became of a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is here.
    Here {
        /// Something before it, or before another one of its conversation, is missing.
        gap: bool,
    },
    /// It is not here: nobody told of its conversation yet, and what was before it is to be asked first.
    Unplaced,
}

impl LocalStore {
    /// Takes messages in that were pushed, all or none. `can_ask`: sync can tell of a conversation that is not known.
    pub async fn arrive(
        &self,
        messages: &[Message],
        can_ask: bool,
    ) -> Result<Vec<Arrival>, StoreError> {
        let mut transaction = self.begin().await?;
        let mut arrivals = Vec::with_capacity(messages.len());
        for message in messages {
            arrivals.push(arrive(&mut transaction, message, None, can_ask).await?);
        }
        transaction.commit().await?;
        Ok(arrivals)
    }

    /// What a message is now, if it is here.
    pub(in crate::client::messenger) async fn refresh(
        &self,
        message: &Message,
    ) -> Result<Option<Entry>, StoreError> {
        let mut transaction = self.begin().await?;
        let entry = revise(&mut transaction, message).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// A message changed. If it was here, what it is now, and whether the application was told of it; otherwise it is taken
    /// in as if it were pushed.
    pub async fn revise(
        &self,
        message: &Message,
        can_ask: bool,
    ) -> Result<Option<(Entry, bool)>, StoreError> {
        let mut transaction = self.begin().await?;
        let revised = match revise(&mut transaction, message).await? {
            Some(entry) => {
                let timeline = Timeline::load(&mut transaction, message.conversation).await?;
                let told = timeline.is_some_and(|timeline| message.id <= timeline.told);
                Some((entry, told))
            }
            None => {
                arrive(&mut transaction, message, None, can_ask).await?;
                None
            }
        };
        transaction.commit().await?;
        Ok(revised)
    }
}

pub(super) async fn arrive(
    connection: &mut SqliteConnection,
    message: &Message,
    draft: Option<i64>,
    can_ask: bool,
) -> Result<Arrival, sqlx::Error> {
    let conversation = message.conversation;
    let timeline = Timeline::load(connection, conversation).await?;
    let new_one = || Timeline::beginning_with(message.id, can_ask);
    let Some(mut timeline) = timeline.or_else(new_one) else {
        return Ok(Arrival::Unplaced);
    };
    // the row is there before the message that marks it
    timeline.save(connection, conversation).await?;
    timeline.put(connection, message, draft).await?;
    let upto = timeline.upto;
    timeline.complete_to(connection, conversation, upto).await?;
    timeline.save(connection, conversation).await?;
    Ok(Arrival::Here {
        gap: timeline.upto < timeline.latest,
    })
}

/// What the message is now, if it was here. Whatever was to be fetched of it is older.
pub(super) async fn revise(
    connection: &mut SqliteConnection,
    message: &Message,
) -> Result<Option<Entry>, sqlx::Error> {
    let (kind, peer) = (
        message.conversation.session_type(),
        message.conversation.id(),
    );
    sqlx::query("DELETE FROM stale WHERE kind = ? AND peer = ? AND id = ?")
        .bind(kind)
        .bind(peer)
        .bind(message.id)
        .execute(&mut *connection)
        .await?;
    // an edit changes nothing of what it refers to, and one that was taken back refers to nothing
    let sql = format!(
        "UPDATE messages SET type = ?1, data = ?2, revision = ?3,
             mentions = CASE ?3 WHEN 2 THEN '' ELSE mentions END,
             everybody = CASE ?3 WHEN 2 THEN 0 ELSE everybody END,
             answers = CASE ?3 WHEN 2 THEN NULL ELSE answers END
         WHERE kind = ?4 AND peer = ?5 AND id = ?6
         RETURNING {COLUMNS}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(message.kind)
        .bind(&message.data[..])
        .bind(revision_number(message.revision))
        .bind(kind)
        .bind(peer)
        .bind(message.id)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(entry).transpose()
}

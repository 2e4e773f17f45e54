//! Messages that were written and are not known to be stored by the server.

use bytes::Bytes;
use proto::im::base_define::MsgInfo;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use thiserror::Error;

use super::references;
use super::timeline::{Arrival, Timeline, arrive};
use super::{Entry, LocalStore, StoreError};
use crate::client::message::{Conversation, Message};
use crate::client::send::Outgoing;

/// Messages that wait at most.
const CAPACITY: i64 = 10_000;

/// The number of a message that was written on this device; it is never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftId(pub(super) i64);

impl DraftId {
    /// The number itself.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A message that was written and is not known to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its number.
    pub id: DraftId,
    /// As it is sent, again and again, with its key.
    pub outgoing: Outgoing,
    /// How often it was sent.
    pub attempts: u32,
}

impl Draft {
    /// The text, if it is one.
    pub fn text(&self) -> Option<String> {
        self.as_message(0, 0, 0).text()
    }

    pub(super) fn as_message(&self, id: u32, from: u32, sent_at: u32) -> Message {
        let info = MsgInfo {
            msg_id: id,
            from_session_id: from,
            create_time: sent_at,
            msg_type: self.outgoing.kind,
            msg_data: self.outgoing.data.clone(),
            ..MsgInfo::default()
        };
        Message {
            references: self.outgoing.references.clone(),
            ..Message::from_history(self.outgoing.to, info)
        }
    }
}

/// A message was not taken.
#[derive(Clone, Debug, Error)]
pub enum OutboxFull {
    /// 10,000 wait.
    #[error("{CAPACITY} messages wait to be sent; more are not taken")]
    Full,
    /// It cannot be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LocalStore {
    /// Writes a message down that is to be sent. It has a key.
    pub(in crate::client::messenger) async fn draft(
        &self,
        outgoing: &Outgoing,
        now: u32,
    ) -> Result<DraftId, OutboxFull> {
        let mut transaction = self.begin().await.map_err(StoreError::from)?;
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM drafts")
            .fetch_one(&mut *transaction)
            .await
            .map_err(StoreError::from)?;
        if waiting >= CAPACITY {
            return Err(OutboxFull::Full);
        }
        let number = sqlx::query(
            "INSERT INTO drafts (kind, peer, type, data, key, written_at, mentions, everybody, answers)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(outgoing.to.session_type())
        .bind(outgoing.to.id())
        .bind(outgoing.kind)
        .bind(&outgoing.data[..])
        .bind(outgoing.key.as_deref().unwrap_or_default())
        .bind(now)
        .bind(references::mentions(&outgoing.references))
        .bind(outgoing.references.everybody)
        .bind(outgoing.references.answers)
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::from)?
        .last_insert_rowid();
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(DraftId(number))
    }

    /// What waits, in the order in which it was written, at most 500.
    pub async fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        self.drafts_behind(DraftId(0), 500).await
    }

    pub(in crate::client::messenger) async fn drafts_behind(
        &self,
        behind: DraftId,
        count: u32,
    ) -> Result<Vec<Draft>, StoreError> {
        let sql = format!(
            "SELECT number, kind, peer, type, data, key, attempts, {} FROM drafts
             WHERE number > ? ORDER BY number LIMIT ?",
            references::COLUMNS
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(behind.0)
            .bind(count)
            .fetch_all(&self.pool)
            .await?;
        let drafts: Result<Vec<Draft>, sqlx::Error> = rows.iter().map(draft).collect();
        Ok(drafts?)
    }

    /// How many wait.
    pub async fn waiting(&self) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM drafts")
            .fetch_one(&self.pool)
            .await?)
    }

    /// One more attempt begins. False if it is not to be sent any more.
    pub(in crate::client::messenger) async fn attempt(
        &self,
        draft: DraftId,
    ) -> Result<bool, StoreError> {
        let counted = sqlx::query("UPDATE drafts SET attempts = attempts + 1 WHERE number = ?")
            .bind(draft.0)
            .execute(&self.pool)
            .await?;
        Ok(counted.rows_affected() == 1)
    }

    /// The server has stored it under this id: it becomes a message of `me`. Gives it if the application counts as told of what
    /// has this id: a message that was read elsewhere may be this one. What was acknowledged before is not given again.
    pub(in crate::client::messenger) async fn acknowledged(
        &self,
        draft: &Draft,
        id: u32,
        me: u32,
        now: u32,
    ) -> Result<(Arrival, Option<Entry>), StoreError> {
        let mut transaction = self.begin().await?;
        let waited = remove(&mut transaction, draft.id).await?;
        let message = draft.as_message(id, me, now);
        let arrival = arrive(&mut transaction, &message, Some(draft.id.0), false).await?;
        let timeline = Timeline::load(&mut transaction, message.conversation).await?;
        transaction.commit().await?;
        let told = waited && timeline.is_some_and(|timeline| id <= timeline.told);
        let entry = told.then_some(Entry {
            message,
            draft: Some(draft.id),
        });
        Ok((arrival, entry))
    }

    /// It is not sent any more. False if it was not waiting.
    pub async fn discard(&self, draft: DraftId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let removed = remove(&mut transaction, draft).await?;
        transaction.commit().await?;
        Ok(removed)
    }
}

async fn remove(
    connection: &mut sqlx::SqliteConnection,
    draft: DraftId,
) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query("DELETE FROM drafts WHERE number = ?")
        .bind(draft.0)
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() == 1)
}

fn draft(row: &SqliteRow) -> Result<Draft, sqlx::Error> {
    let data: Vec<u8> = row.try_get(4)?;
    let key: Vec<u8> = row.try_get(5)?;
    let to = Conversation::from_wire(row.try_get(2)?, row.try_get(1)?);
    Ok(Draft {
        id: DraftId(row.try_get(0)?),
        outgoing: Outgoing {
            key: Some(Bytes::from(key)),
            references: references::read(row, 7)?,
            ..Outgoing::raw(to, row.try_get(3)?, data)
        },
        attempts: row.try_get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was sent over two connections, and both were answered.
    #[tokio::test]
    async fn a_message_that_is_acknowledged_twice_is_told_of_once() {
        const ME: u32 = 1;
        let store = LocalStore::in_memory().await.unwrap();
        let with = Conversation::User(2);
        let id = store.draft(&Outgoing::text(with, "once"), 0).await.unwrap();
        let draft = store.drafts().await.unwrap().remove(0);
        let (_, told) = store.acknowledged(&draft, 1, ME, 0).await.unwrap();
        assert_eq!(told, None);
        let told = store.tell(with, ME, 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].draft, Some(id));
        let (_, again) = store.acknowledged(&draft, 1, ME, 0).await.unwrap();
        assert_eq!(again, None);
    }
}

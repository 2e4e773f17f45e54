use async_trait::async_trait;
use proto::ids::{MessageId, UserId};

use super::MySqlStore;
use super::append::append;
use super::attempt::{Repeat, attempts};
use super::key::key;
use super::participant::LAST;
use super::statement::{CHUNK, Statement, list, padded, rows};
use crate::store::plan::{Keys, is_key_taken};
use crate::store::row::{self, MESSAGE};
use crate::store::{
    AppendOutcome, Conversation, MessageStore, NewMessage, PageLimit, StoreError, StoredMessage,
};

/// The messages of a conversation for one who takes part in it; what he may see lies behind `p.visible_after_id`, and is not
/// withheld from him.
const SHARED: &str = "FROM participants AS p
    STRAIGHT_JOIN messages AS m FORCE INDEX (PRIMARY) ON m.conversation_id = p.conversation_id
    WHERE p.user_id = ? AND p.conversation_id = ? AND m.message_id > p.visible_after_id
    AND m.withheld_from <> p.user_id";

/// Messages asked for at once: a page ends by bytes too, and what is found has to be read.
const READ: usize = 64;

#[async_trait]
impl MessageStore for MySqlStore {
    async fn append(&self, batch: &[NewMessage]) -> Result<Vec<AppendOutcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        // a message with a key is stored once however often it is sent
        let keyed = batch.iter().all(|message| message.client_key.is_some());
        let repeat = if keyed {
            Repeat::Harmless
        } else {
            Repeat::Undone
        };
        attempts(repeat, || async {
            match self.append_once(batch, Keys::New).await {
                Err(error) if is_key_taken(&error) => self.append_once(batch, Keys::LookedUp).await,
                outcome => outcome,
            }
        })
        .await
    }

    async fn history(
        &self,
        user: UserId,
        conversation: Conversation,
        begin: Option<MessageId>,
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let sql = format!(
            "SELECT {MESSAGE} {SHARED} AND m.message_id <= ? ORDER BY m.message_id DESC LIMIT ?"
        );
        let mut page = Page::new(limit);
        let mut begin = begin.map_or(i64::MAX, |id| id.get().into());
        loop {
            let wanted = READ.min(page.room());
            let found = Statement::new(sql.clone())
                .bind(i64::from(user.get()))
                .bind(key(conversation))
                .bind(begin)
                .bind(wanted as i64);
            let found = self.rows(found).await?;
            for found in &found {
                page.add(row::message(found)?, |message| message.body.len());
            }
            let last = page.entries.last().map(|last| i64::from(last.id.get()));
            match last {
                Some(last) if found.len() == wanted && page.room() > 0 => begin = last - 1,
                _ => return Ok(page.entries),
            }
        }
    }

    async fn messages(
        &self,
        user: UserId,
        conversation: Conversation,
        ids: &[MessageId],
        limit: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        let mut page = Page::new(limit);
        for chunk in ids.chunks(READ) {
            if page.room() == 0 {
                break;
            }
            let wanted = padded(chunk);
            let sql = format!(
                "SELECT {MESSAGE} {SHARED} AND m.message_id IN ({}) ORDER BY m.message_id DESC",
                list(wanted.len())
            );
            let found = Statement::new(sql)
                .bind(i64::from(user.get()))
                .bind(key(conversation))
                .bind_all(wanted, |row, id| row.add(i64::from(id.get())));
            for found in &self.rows(found).await? {
                page.add(row::message(found)?, |message| message.body.len());
            }
        }
        Ok(page.entries)
    }

    async fn latest_id(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Option<MessageId>, StoreError> {
        let sql = format!(
            "SELECT {LAST} AS last_message_id FROM participants AS p
             STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
             WHERE p.user_id = ? AND p.conversation_id = ? AND {LAST} > p.visible_after_id"
        );
        let latest = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(key(conversation));
        match self.row(latest).await? {
            Some(found) => Ok(MessageId::new(row::int(&found, "last_message_id")?)),
            None => Ok(None),
        }
    }
}

impl MySqlStore {
    async fn append_once(
        &self,
        batch: &[NewMessage],
        keys: Keys,
    ) -> Result<Vec<AppendOutcome>, StoreError> {
        let mut transaction = self.begin().await?;
        let (clock, bytes) = (&self.messages, self.statement_bytes);
        let appended = append(&mut transaction, batch, keys, clock, bytes).await;
        transaction.end(appended, |_| true).await
    }
}

/// What fits into a limit: once something does not, nothing does any more.
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    limit: PageLimit,
    bytes: usize,
    full: bool,
}

impl<T> Page<T> {
    pub(super) fn new(limit: PageLimit) -> Self {
        Self {
            entries: Vec::new(),
            limit,
            bytes: 0,
            full: limit.rows == 0,
        }
    }

    pub(super) fn add(&mut self, entry: T, size: impl Fn(&T) -> usize) {
        self.bytes = self.bytes.saturating_add(size(&entry));
        if self.bytes > self.limit.bytes && !self.entries.is_empty() {
            self.full = true;
        }
        if !self.full {
            self.entries.push(entry);
            self.full = self.entries.len() >= self.limit.rows;
        }
    }

    /// Entries that may still come; a statement's `LIMIT` takes no more.
    pub(super) fn room(&self) -> usize {
        if self.full {
            return 0;
        }
        let most = usize::try_from(i64::MAX).unwrap_or(usize::MAX);
        (self.limit.rows - self.entries.len()).min(most)
    }
}

impl MySqlStore {
    /// The named messages (conversation and id), which exist, in their order as far as they fit.
    pub(super) async fn bodies<T>(
        &self,
        wanted: Vec<(T, i64, i64)>,
        limit: PageLimit,
    ) -> Result<Vec<(T, StoredMessage)>, StoreError> {
        let mut page = Page::new(limit);
        let mut wanted = wanted.into_iter().peekable();
        while wanted.peek().is_some() && page.room() > 0 {
            let chunk: Vec<_> = wanted.by_ref().take(READ.min(CHUNK)).collect();
            let places: Vec<_> = chunk.iter().map(|(_, at, id)| (*at, *id)).collect();
            let places = padded(&places);
            let sql = format!(
                "SELECT m.conversation_id, {MESSAGE} FROM messages AS m FORCE INDEX (PRIMARY) WHERE (m.conversation_id, m.message_id) IN ({})",
                rows(places.len(), 2)
            );
            let found = Statement::new(sql).bind_all(places, |row, (conversation, id)| {
                row.add(conversation);
                row.add(id);
            });
            let mut found = self
                .rows(found)
                .await?
                .iter()
                .map(|found| Ok((row::int(found, "conversation_id")?, row::message(found)?)))
                .collect::<Result<std::collections::HashMap<i64, _>, StoreError>>()?;
            for (entry, conversation, _) in chunk {
                if let Some(message) = found.remove(&conversation) {
                    page.add((entry, message), |(_, message)| message.body.len());
                }
            }
        }
        Ok(page.entries)
    }
}

//! The hot path: one transaction for a batch of messages. A batch in conversations that exist takes two trips to the
//! connection's thread, one to find them and one to write; one more when some are for groups.
//!
//! `OR FAIL`: a statement that fails leaves what it has done so far, which the transaction undoes all the same. Without it
//! SQLite copies each page before it changes it, to undo the statement alone.

mod conversations;
mod keys;
mod standings;
mod transaction;
mod write;

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;

use self::conversations::{begin, find, find_colleagues, find_missing};
use self::keys::stored_keys;
use self::standings::standings;
use self::transaction::Writing;
use self::write::write_and_commit;
use super::{SqliteStore, reference};
use crate::store::admission::{of_colleagues, to_begin};
use crate::store::plan::{Keys, Plan};
use crate::store::{AppendOutcome, Conversation, NewMessage, StoreError, UnixMillis};

impl SqliteStore {
    /// Stores a batch in a transaction of its own. Cancel-safe: a transaction that has not ended is undone.
    pub(super) async fn append_once(
        &self,
        batch: &[NewMessage],
        keys: Keys,
    ) -> Result<Vec<AppendOutcome>, StoreError> {
        self.wrote.notify_one();
        let mut writing = Writing::new(self.writer.acquire().await?);
        let now = self.clock.frequent_stamp();
        let outcomes = append(writing.connection(), batch, keys, now).await;
        match outcomes {
            Ok(outcomes) => {
                writing.committed();
                Ok(outcomes)
            }
            Err(error) => {
                writing.undo().await;
                Err(error)
            }
        }
    }
}

/// Begins a transaction and commits it. The conversations changed at `now`.
async fn append(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
    keys: Keys,
    now: UnixMillis,
) -> Result<Vec<AppendOutcome>, StoreError> {
    let conversations: HashSet<Conversation> = batch.iter().map(|m| m.conversation).collect();
    let conversations = Vec::from_iter(conversations);
    let mut heads = find(connection, &conversations).await?;
    if heads.len() < conversations.len() {
        find_missing(connection, &conversations, &mut heads).await?;
    }
    find_colleagues(connection, &of_colleagues(batch, &heads), &mut heads).await?;
    begin(connection, &to_begin(batch, &heads), &mut heads).await?;
    let standings = standings(connection, batch).await?;
    let grounds = reference::grounds(connection, batch).await?;
    let mut stored = Vec::new();
    let mut plan = Plan::new(batch, &heads, &standings, &grounds, &[]);
    // what is refused may be stored already, by somebody who could still write then
    if keys == Keys::LookedUp || plan.outcomes.iter().any(Result::is_err) {
        stored = stored_keys(connection, batch, &heads).await?;
    }
    if !stored.is_empty() {
        plan = Plan::new(batch, &heads, &standings, &grounds, &stored);
    }
    write_and_commit(connection, &plan, now).await?;
    Ok(plan.outcomes)
}

//! The hot path: one transaction for a batch of messages, in as few statements as its shape allows. A batch in
//! conversations that exist takes three; three more when some are for groups.
//!
//! The rows of its conversations are locked first and until the commit. Whatever else depends on a conversation's last
//! message, or on who is in a group, locks them too.

mod conversations;
mod keys;
mod standings;
mod write;

use std::collections::BTreeSet;

use sqlx::MySqlConnection;

use self::conversations::{begin, find_colleagues, find_missing, lock};
use self::keys::stored_keys;
use self::standings::standings;
use self::write::write;
use super::key::key;
use super::reference;
use crate::store::admission::{of_colleagues, to_begin};
use crate::store::plan::{Heads, Keys, Plan};
use crate::store::time::ChangeClock;
use crate::store::{AppendOutcome, NewMessage, StoreError};

/// Runs inside a transaction; the caller commits. `bytes` bounds the bodies of one statement.
pub(super) async fn append(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
    keys: Keys,
    clock: &ChangeClock,
    bytes: usize,
) -> Result<Vec<AppendOutcome>, StoreError> {
    let conversations: BTreeSet<i64> = batch.iter().map(|m| key(m.conversation)).collect();
    let conversations = Vec::from_iter(conversations);
    let mut heads = Heads::with_capacity(conversations.len());
    let mut now = lock(connection, &conversations, &mut heads).await?;
    if heads.len() < conversations.len() {
        find_missing(connection, batch, &mut heads).await?;
    }
    find_colleagues(connection, &of_colleagues(batch, &heads), &mut heads).await?;
    let begun = begin(connection, &to_begin(batch, &heads)).await?;
    if !begun.is_empty() {
        now = now.max(lock(connection, &begun, &mut heads).await?);
    }
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
    write(connection, &plan, clock.frequent_stamp_of(now), bytes).await?;
    Ok(plan.outcomes)
}

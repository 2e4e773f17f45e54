//! What was carried out under a key, inside the transaction that carries out or answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use proto::ids::UserId;
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;
use tokio::time::timeout;
use tracing::debug;

use super::MySqlStore;
use super::session::Session;
use super::statement::Statement;
use crate::store::request::{CarriedOut, user_from_bytes, user_to_bytes};
use crate::store::{RequestKey, StoreError, UnixMillis, row};

/// How long forgetting may take.
pub(super) const FORGET: Duration = Duration::from_secs(1);

/// What was carried out under this key before. If nothing was, the key is held until the transaction ends: the same
/// request at another process waits here.
pub(super) async fn carried_out(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    now: UnixMillis,
) -> Result<Option<CarriedOut>, StoreError> {
    let found = outcome(connection, key, now).await?;
    let read = |found: MySqlRow| {
        CarriedOut::from_bytes(&row::blob(&found, "outcome")?).ok_or_else(unreadable)
    };
    found.map(read).transpose()
}

/// As [`carried_out`], of an account.
pub(super) async fn made_user(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    now: UnixMillis,
) -> Result<Option<UserId>, StoreError> {
    let found = outcome(connection, key, now).await?;
    found.as_ref().map(user_of).transpose()
}

/// What was kept under this key, without holding it.
pub(super) fn kept(key: &RequestKey) -> Statement {
    let sql = "SELECT outcome FROM requests WHERE request_key = ?";
    Statement::new(sql).bind(key.as_bytes())
}

/// The account that a row speaks of.
pub(super) fn user_of(found: &MySqlRow) -> Result<UserId, StoreError> {
    user_from_bytes(&row::blob(found, "outcome")?).ok_or_else(unreadable)
}

fn unreadable() -> StoreError {
    let cause = io::Error::other("the outcome of a request can't be read");
    StoreError::Corrupt(Arc::new(cause))
}

async fn outcome(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    now: UnixMillis,
) -> Result<Option<MySqlRow>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let sql = "INSERT IGNORE INTO requests (request_key, outcome, created_at_ms) VALUES (?, '', ?)";
    let new = Statement::new(sql).bind(key.as_bytes()).bind(now.0);
    if new.execute(connection).await? > 0 {
        return Ok(None);
    }
    let sql = "SELECT outcome FROM requests WHERE request_key = ? FOR UPDATE";
    let found = Statement::new(sql)
        .bind(key.as_bytes())
        .first(connection)
        .await?;
    // forgotten in this very moment: as if it had been a conflict
    let found = found.ok_or_else(|| StoreError::Conflict(Arc::new(Forgotten)))?;
    Ok(Some(found))
}

/// Keeps what is being carried out under the key that is held.
pub(super) async fn remember(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    done: &CarriedOut,
) -> Result<(), StoreError> {
    keep(connection, key, done.to_bytes()).await
}

/// As [`remember`], of an account that is being made.
pub(super) async fn remember_user(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    made: UserId,
) -> Result<(), StoreError> {
    keep(connection, key, user_to_bytes(made)).await
}

async fn keep(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    outcome: Vec<u8>,
) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    Statement::new("UPDATE requests SET outcome = ? WHERE request_key = ?")
        .bind(outcome)
        .bind(key.as_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("the key of a request was forgotten meanwhile")]
struct Forgotten;

impl MySqlStore {
    /// Forgets what nobody asks for any more, after a request with a key: apart from the transactions that remember, since
    /// it would make them wait for each other, and a few at a time. Whoever asked has his answer whatever becomes of it.
    pub(super) async fn forget_requests(&self, key: Option<&RequestKey>) {
        if key.is_none() {
            return;
        }
        let lifetime = i64::try_from(RequestKey::LIFETIME.as_millis()).unwrap_or(i64::MAX);
        let before = UnixMillis::now().0.saturating_sub(lifetime);
        let old = Statement::new("DELETE FROM requests WHERE created_at_ms < ? LIMIT 100");
        let forget = async {
            let mut session = Session::of(&self.writers).await?;
            old.bind(before).execute(&mut session).await?;
            session.release();
            Ok::<_, StoreError>(())
        };
        let forgotten = timeout(FORGET, forget).await;
        if !matches!(forgotten, Ok(Ok(()))) {
            debug!("old keys of requests are kept for now");
        }
    }
}

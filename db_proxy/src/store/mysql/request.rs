//! What was carried out under a key, inside the transaction that carries out or answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::MySqlConnection;
use tokio::time::timeout;
use tracing::debug;

use super::MySqlStore;
use super::session::Session;
use super::statement::Statement;
use crate::store::request::CarriedOut;
use crate::store::{RequestKey, StoreError, UnixMillis, row};

/// How long forgetting may take.
const FORGET: Duration = Duration::from_secs(1);

/// What was carried out under this key before. If nothing was, the key is held until the transaction ends: the same
/// request at another process waits here.
pub(super) async fn carried_out(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    now: UnixMillis,
) -> Result<Option<CarriedOut>, StoreError> {
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
    match CarriedOut::from_bytes(&row::blob(&found, "outcome")?) {
        Some(done) => Ok(Some(done)),
        None => {
            let cause = io::Error::other("the outcome of a request can't be read");
            Err(StoreError::Corrupt(Arc::new(cause)))
        }
    }
}

/// Keeps what is being carried out under the key that is held.
pub(super) async fn remember(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    done: &CarriedOut,
) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    Statement::new("UPDATE requests SET outcome = ? WHERE request_key = ?")
        .bind(done.to_bytes())
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

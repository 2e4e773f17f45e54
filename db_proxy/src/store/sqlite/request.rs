//! What was carried out under a key, inside the transaction that carries out or answers.

use std::io;
use std::sync::Arc;

use sqlx::SqliteConnection;

use super::row;
use crate::store::request::CarriedOut;
use crate::store::{RequestKey, StoreError, UnixMillis};

/// What was carried out under this key before.
pub(super) async fn carried_out(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
) -> Result<Option<CarriedOut>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let found = sqlx::query("SELECT outcome FROM requests WHERE request_key = ?")
        .bind(key.as_bytes())
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    match CarriedOut::from_bytes(&row::blob(&found, "outcome")?) {
        Some(done) => Ok(Some(done)),
        None => {
            let cause = io::Error::other("the outcome of a request can't be read");
            Err(StoreError::Corrupt(Arc::new(cause)))
        }
    }
}

/// Keeps what is being carried out under this key, and forgets what nobody asks for any more.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
    done: &CarriedOut,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    let lifetime = i64::try_from(RequestKey::LIFETIME.as_millis()).unwrap_or(i64::MAX);
    sqlx::query("DELETE FROM requests WHERE created_at_ms < ?")
        .bind(now.0.saturating_sub(lifetime))
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO requests (request_key, outcome, created_at_ms) VALUES (?, ?, ?)")
        .bind(key.as_bytes())
        .bind(done.to_bytes())
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

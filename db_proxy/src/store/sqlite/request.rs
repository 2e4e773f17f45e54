//! What was carried out under a key, inside the transaction that carries out or answers.

use std::io;
use std::sync::Arc;

use proto::ids::UserId;
use sqlx::SqliteConnection;

use super::row;
use crate::store::request::{CarriedOut, user_from_bytes, user_to_bytes};
use crate::store::{RequestKey, StoreError, UnixMillis};

/// What was carried out under this key before.
pub(super) async fn carried_out(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
) -> Result<Option<CarriedOut>, StoreError> {
    let outcome = outcome(connection, key).await?;
    let read = |bytes: Vec<u8>| CarriedOut::from_bytes(&bytes).ok_or_else(unreadable);
    outcome.map(read).transpose()
}

/// The account that was made under this key before.
pub(super) async fn made_user(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
) -> Result<Option<UserId>, StoreError> {
    let outcome = outcome(connection, key).await?;
    let read = |bytes: Vec<u8>| user_from_bytes(&bytes).ok_or_else(unreadable);
    outcome.map(read).transpose()
}

async fn outcome(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let found = sqlx::query("SELECT outcome FROM requests WHERE request_key = ?")
        .bind(key.as_bytes())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::blob(&found, "outcome")).transpose()
}

fn unreadable() -> StoreError {
    let cause = io::Error::other("the outcome of a request can't be read");
    StoreError::Corrupt(Arc::new(cause))
}

/// Keeps what is being carried out under this key, and forgets what nobody asks for any more.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
    done: &CarriedOut,
    now: UnixMillis,
) -> Result<(), StoreError> {
    keep(connection, key, done.to_bytes(), now).await
}

/// As [`remember`], of an account that is being made.
pub(super) async fn remember_user(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
    made: UserId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    keep(connection, key, user_to_bytes(made), now).await
}

async fn keep(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
    outcome: Vec<u8>,
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
        .bind(outcome)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

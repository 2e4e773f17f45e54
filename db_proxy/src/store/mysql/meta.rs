use async_trait::async_trait;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::statement::Statement;
use crate::store::{MetaStore, StoreError, UnixMillis, row};

/// The server's time, which all processes share: by it is stamped what is asked for by the time of its change.
pub(super) const NOW: &str = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";

/// Makes the epoch of a new database; of several processes that start together, one wins.
pub(super) async fn ensure_epoch(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    Statement::new("INSERT IGNORE INTO meta (name, value) VALUES ('store_epoch', ?)")
        .bind(fastrand::u64(1..).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// What clients ask for by the time of its change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Directory {
    Users,
    Departments,
}

/// Waits for other changes of this directory, lets none in until the transaction ends, and returns the time of the latest
/// one: so the order of stamps is the order of commits.
pub(super) async fn lock_changes(
    connection: &mut MySqlConnection,
    directory: Directory,
) -> Result<UnixMillis, StoreError> {
    let (lock, latest) = match directory {
        Directory::Users => (
            "SELECT value FROM meta WHERE name = 'changes_of_users' FOR UPDATE",
            "SELECT max(updated_at_ms) AS latest FROM users",
        ),
        Directory::Departments => (
            "SELECT value FROM meta WHERE name = 'changes_of_departments' FOR UPDATE",
            "SELECT max(updated_at_ms) AS latest FROM departments",
        ),
    };
    Statement::new(lock).fetch(connection).await?;
    let latest = Statement::new(latest).first(connection).await?;
    latest.map_or(Ok(UnixMillis(0)), |latest| row::time(&latest, "latest"))
}

/// The server's time.
pub(super) async fn now(connection: &mut MySqlConnection) -> Result<UnixMillis, StoreError> {
    let now = Statement::new(format!("SELECT {NOW} AS now_ms"));
    let now = now.first(connection).await?;
    now.map_or(Ok(UnixMillis(0)), |now| row::time(&now, "now_ms"))
}

#[async_trait]
impl MetaStore for MySqlStore {
    async fn store_epoch(&self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = 'store_epoch'";
        let found = self.row(Statement::new(sql)).await?;
        row::epoch(&found.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// A server does so by itself.
    async fn tend(&self) {}
}

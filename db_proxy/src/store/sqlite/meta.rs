use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::store::{MetaStore, StoreError};

/// Makes the epoch of a new database; of several processes that start together, one wins.
pub(super) async fn ensure_epoch(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ('store_epoch', ?) ON CONFLICT DO NOTHING")
        .bind(fastrand::u64(1..).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

#[async_trait]
impl MetaStore for SqliteStore {
    async fn store_epoch(&self) -> Result<u64, StoreError> {
        let epoch: String = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'store_epoch'")
            .fetch_one(&self.readers)
            .await?;
        epoch
            .parse()
            .map_err(|error| StoreError::Corrupt(Arc::new(error)))
    }

    async fn tend(&self) {
        self.tend_log().await;
    }
}

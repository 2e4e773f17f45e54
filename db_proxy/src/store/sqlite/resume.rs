use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, row};
use crate::store::{MAX_RESUMES, ResumeHash, ResumeStore, ResumeToken, StoreError, UnixMillis};

#[async_trait]
impl ResumeStore for SqliteStore {
    async fn add_resume(&self, new: &ResumeToken) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        insert(&mut transaction, new, None).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn exchange_resume(
        &self,
        old: &ResumeHash,
        new: &ResumeToken,
        grace_until: UnixMillis,
    ) -> Result<bool, StoreError> {
        // guesses don't hold the writers up
        let mut connection = self.readers.acquire().await?;
        if find(&mut connection, old, new).await?.is_none() {
            return Ok(false);
        }
        drop(connection);
        let mut transaction = self.begin().await?;
        let Some(replaces) = find(&mut transaction, old, new).await? else {
            return Ok(false);
        };
        // it has arrived, so the one before it is done with; and what was given for it before has not
        sqlx::query(
            "DELETE FROM sessions_resume WHERE user_id = ?1 AND (token_hash = ?2 OR replaces = ?3)",
        )
        .bind(i64::from(new.user.get()))
        .bind(replaces)
        .bind(&old[..])
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE sessions_resume SET replaces = NULL, last_used_at_ms = ?,
             expires_at_ms = min(expires_at_ms, ?) WHERE token_hash = ?",
        )
        .bind(new.created_at.0)
        .bind(grace_until.0)
        .bind(&old[..])
        .execute(&mut *transaction)
        .await?;
        insert(&mut transaction, new, Some(old)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn revoke_resumes(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for device_type in types {
            sqlx::query("DELETE FROM sessions_resume WHERE user_id = ? AND device_type = ?")
                .bind(i64::from(user.get()))
                .bind(i64::from(device_type.raw()))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The token that `old` replaces, if any; `None` if `old` can't be exchanged for `new`.
async fn find(
    connection: &mut SqliteConnection,
    old: &ResumeHash,
    new: &ResumeToken,
) -> Result<Option<Option<Vec<u8>>>, StoreError> {
    let found = sqlx::query(
        "SELECT replaces FROM sessions_resume
         WHERE token_hash = ? AND user_id = ? AND device_type = ? AND expires_at_ms > ?",
    )
    .bind(&old[..])
    .bind(i64::from(new.user.get()))
    .bind(i64::from(new.device_type.raw()))
    .bind(new.created_at.0)
    .fetch_optional(connection)
    .await?;
    let replaces = found
        .map(|found| row::blob(&found, "replaces"))
        .transpose()?;
    Ok(replaces.map(|replaces| (!replaces.is_empty()).then_some(replaces)))
}

async fn insert(
    connection: &mut SqliteConnection,
    new: &ResumeToken,
    replaces: Option<&ResumeHash>,
) -> Result<(), StoreError> {
    let user = i64::from(new.user.get());
    sqlx::query(
        "INSERT INTO sessions_resume (token_hash, user_id, device_type, replaces, created_at_ms,
         expires_at_ms, last_used_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5)",
    )
    .bind(&new.hash[..])
    .bind(user)
    .bind(i64::from(new.device_type.raw()))
    .bind(replaces.map(|hash| &hash[..]))
    .bind(new.created_at.0)
    .bind(new.expires_at.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM sessions_resume WHERE user_id = ?1 AND (expires_at_ms <= ?2 OR token_hash NOT IN (
             SELECT token_hash FROM sessions_resume WHERE user_id = ?1
             ORDER BY last_used_at_ms DESC, token_hash = ?3 DESC LIMIT ?4))",
    )
    .bind(user)
    .bind(new.created_at.0)
    .bind(&new.hash[..])
    .bind(MAX_RESUMES as i64)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::user::wanted as named;
use super::values::{CHUNK, Values};
use crate::store::resume::{Held, HeldToken, users_of};
use crate::store::{ResumeHash, ResumeLook, ResumeOutcome, ResumeStore, ResumeWrite, StoreError};

#[async_trait]
impl ResumeStore for SqliteStore {
    async fn good_resumes(&self, looked_for: &[ResumeLook]) -> Result<Vec<bool>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let held = hold(&mut connection, &users_of(looked_for, |look| look.user)).await?;
        Ok(held.are_good(looked_for))
    }

    async fn write_resumes(
        &self,
        writes: &[ResumeWrite],
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<ResumeOutcome>, StoreError> {
        let mut transaction = self.begin().await?;
        let wanted: Vec<bool> = (0..writes.len()).map(wanted).collect();
        let mut held = hold(&mut transaction, &users_of(writes, |write| write.new.user)).await?;
        let outcomes = held.write_all(writes, &wanted);
        let (removed, changed) = held.changes();
        delete(&mut transaction, &removed).await?;
        put(&mut transaction, &changed).await?;
        transaction.commit().await?;
        Ok(outcomes)
    }

    async fn revoke_resumes(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        let mut connection = self.readers.acquire().await?;
        if of_types(&mut connection, user, types).await?.is_empty() {
            return Ok(());
        }
        drop(connection);
        let mut transaction = self.begin().await?;
        let revoked = of_types(&mut transaction, user, types).await?;
        delete(&mut transaction, &revoked).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The user's tokens for these types.
async fn of_types(
    connection: &mut SqliteConnection,
    user: UserId,
    types: &[DeviceType],
) -> Result<Vec<(UserId, ResumeHash)>, StoreError> {
    let held = hold(connection, &[user]).await?;
    Ok(held.of_types(types))
}

/// All tokens of the users. In a transaction they stay as they are until it ends.
async fn hold(connection: &mut SqliteConnection, users: &[UserId]) -> Result<Held, StoreError> {
    let mut rows = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let found = named(chunk)?.query(|users| {
            let columns = Held::COLUMNS;
            format!("SELECT {columns} FROM sessions_resume WHERE user_id IN ({users})")
        });
        rows.extend(found.fetch_all(&mut *connection).await?);
    }
    Held::read(&rows)
}

async fn delete(
    connection: &mut SqliteConnection,
    tokens: &[(UserId, ResumeHash)],
) -> Result<(), StoreError> {
    for chunk in tokens.chunks(CHUNK) {
        let wanted = Values::new(chunk, 2, |row, (user, hash)| {
            row.add(i64::from(user.get()))?;
            row.add(&hash[..])
        })?;
        let sql = |values: &str| {
            format!(
                "WITH gone(user_id, hash) AS ({values})
                 DELETE FROM sessions_resume WHERE (user_id, token_hash) IN (SELECT user_id, hash FROM gone)"
            )
        };
        wanted.query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn put(connection: &mut SqliteConnection, tokens: &[HeldToken]) -> Result<(), StoreError> {
    for chunk in tokens.chunks(CHUNK) {
        let tokens = Values::new(chunk, 7, |row, held| {
            let token = &held.token;
            row.add(&token.hash[..])?;
            row.add(i64::from(token.user.get()))?;
            row.add(i64::from(token.device_type.raw()))?;
            row.add(held.replaces.as_ref().map(|hash| &hash[..]))?;
            row.add(token.created_at.0)?;
            row.add(token.expires_at.0)?;
            row.add(held.last_used_at.0)
        })?;
        let columns = Held::COLUMNS;
        tokens
            .query(|values| {
                format!(
                    "WITH new({columns}) AS ({values})
                     INSERT INTO sessions_resume ({columns}) SELECT * FROM new WHERE token_hash IS NOT NULL
                     ON CONFLICT (user_id, token_hash) DO UPDATE SET replaces = excluded.replaces,
                     expires_at_ms = excluded.expires_at_ms, last_used_at_ms = excluded.last_used_at_ms"
                )
            })
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::statement::Statement;
use crate::store::{
    MAX_RESUMES, ResumeHash, ResumeStore, ResumeToken, StoreError, UnixMillis, row,
};

/// All of it can be done twice: the same token is kept once.
#[async_trait]
impl ResumeStore for MySqlStore {
    async fn add_resume(&self, new: &ResumeToken) -> Result<(), StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let added = add(&mut transaction, new).await;
            transaction.end(added, |()| true).await
        })
        .await
    }

    async fn exchange_resume(
        &self,
        old: &ResumeHash,
        new: &ResumeToken,
        grace_until: UnixMillis,
    ) -> Result<bool, StoreError> {
        // guesses hold nobody's row
        if self.row(find(old, new)).await?.is_none() {
            return Ok(false);
        }
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let exchanged = exchange(&mut transaction, old, new, grace_until).await;
            transaction.end(exchanged, |exchanged| *exchanged).await
        })
        .await
    }

    async fn revoke_resumes(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        for device_type in types {
            let sql = "DELETE FROM sessions_resume WHERE user_id = ? AND device_type = ?";
            let revoke = Statement::new(sql)
                .bind(i64::from(user.get()))
                .bind(i64::from(device_type.raw()));
            self.execute(revoke).await?;
        }
        Ok(())
    }
}

/// The token that `old` replaces, if `old` can be exchanged for `new`.
fn find(old: &ResumeHash, new: &ResumeToken) -> Statement {
    Statement::new(
        "SELECT replaces FROM sessions_resume
         WHERE token_hash = ? AND user_id = ? AND device_type = ? AND expires_at_ms > ?",
    )
    .bind(&old[..])
    .bind(i64::from(new.user.get()))
    .bind(i64::from(new.device_type.raw()))
    .bind(new.created_at.0)
}

/// The user's row is held, so that what is done with two of his tokens is done one after the other.
async fn hold(connection: &mut MySqlConnection, user: UserId) -> Result<(), StoreError> {
    let held = Statement::new("SELECT id FROM users WHERE id = ? FOR UPDATE");
    held.bind(i64::from(user.get())).first(connection).await?;
    Ok(())
}

async fn exchange(
    connection: &mut MySqlConnection,
    old: &ResumeHash,
    new: &ResumeToken,
    grace_until: UnixMillis,
) -> Result<bool, StoreError> {
    hold(connection, new.user).await?;
    let Some(found) = find(old, new).first(connection).await? else {
        return Ok(false);
    };
    let replaces = row::blob(&found, "replaces")?;
    // it has arrived, so the one before it is done with; and what was given for it before has not
    let sql = "DELETE FROM sessions_resume WHERE user_id = ? AND (token_hash = ? OR replaces = ?)";
    Statement::new(sql)
        .bind(i64::from(new.user.get()))
        .bind(replaces)
        .bind(&old[..])
        .execute(connection)
        .await?;
    let sql = "UPDATE sessions_resume SET replaces = NULL, last_used_at_ms = ?,
               expires_at_ms = LEAST(expires_at_ms, ?) WHERE token_hash = ?";
    Statement::new(sql)
        .bind(new.created_at.0)
        .bind(grace_until.0)
        .bind(&old[..])
        .execute(connection)
        .await?;
    insert(connection, new, Some(old)).await?;
    Ok(true)
}

async fn add(connection: &mut MySqlConnection, new: &ResumeToken) -> Result<(), StoreError> {
    hold(connection, new.user).await?;
    insert(connection, new, None).await
}

async fn insert(
    connection: &mut MySqlConnection,
    new: &ResumeToken,
    replaces: Option<&ResumeHash>,
) -> Result<(), StoreError> {
    let user = i64::from(new.user.get());
    let sql =
        "INSERT INTO sessions_resume (token_hash, user_id, device_type, replaces, created_at_ms,
               expires_at_ms, last_used_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
               ON DUPLICATE KEY UPDATE expires_at_ms = VALUES(expires_at_ms)";
    Statement::new(sql)
        .bind(&new.hash[..])
        .bind(user)
        .bind(i64::from(new.device_type.raw()))
        .bind(replaces.map(|hash| &hash[..]))
        .bind(new.created_at.0)
        .bind(new.expires_at.0)
        .bind(new.created_at.0)
        .execute(connection)
        .await?;
    Statement::new("DELETE FROM sessions_resume WHERE user_id = ? AND expires_at_ms <= ?")
        .bind(user)
        .bind(new.created_at.0)
        .execute(connection)
        .await?;
    let sql = "SELECT token_hash FROM sessions_resume WHERE user_id = ?
               ORDER BY last_used_at_ms DESC, token_hash = ? DESC LIMIT 1000 OFFSET ?";
    let beyond = Statement::new(sql)
        .bind(user)
        .bind(&new.hash[..])
        .bind(MAX_RESUMES as i64)
        .fetch(connection)
        .await?;
    for token in &beyond {
        Statement::new("DELETE FROM sessions_resume WHERE token_hash = ?")
            .bind(row::blob(token, "token_hash")?)
            .execute(connection)
            .await?;
    }
    Ok(())
}

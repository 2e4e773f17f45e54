use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::row::{self, INVITE};
use crate::store::{Invite, InviteHash, InviteRefusal, InviteStore, StoreError, UnixMillis};

#[async_trait]
impl InviteStore for SqliteStore {
    async fn add_invite(&self, invite: &Invite) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO invites (code_hash, created_at_ms, expires_at_ms, uses_left, note)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (code_hash) DO UPDATE SET created_at_ms = excluded.created_at_ms,
             expires_at_ms = excluded.expires_at_ms, uses_left = excluded.uses_left, note = excluded.note",
        )
        .bind(&invite.code[..])
        .bind(invite.created_at.0)
        .bind(invite.expires_at.map_or(0, |end| end.0))
        .bind(i64::from(invite.uses_left))
        .bind(&invite.note)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn invite(&self, code: &InviteHash) -> Result<Option<Invite>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        find(&mut connection, code).await
    }

    async fn invites(&self) -> Result<Vec<Invite>, StoreError> {
        let sql = format!("SELECT {INVITE} FROM invites ORDER BY created_at_ms, code_hash");
        let found = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(row::invite).collect()
    }

    async fn revoke_invite(&self, code: &InviteHash) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let revoked = sqlx::query("DELETE FROM invites WHERE code_hash = ?")
            .bind(&code[..])
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }
}

async fn find(
    connection: &mut SqliteConnection,
    code: &InviteHash,
) -> Result<Option<Invite>, StoreError> {
    let sql = format!("SELECT {INVITE} FROM invites WHERE code_hash = ?");
    let found = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&code[..])
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(row::invite).transpose()
}

/// Takes a use of the invite, if it is good.
pub(super) async fn spend(
    connection: &mut SqliteConnection,
    code: &InviteHash,
    now: UnixMillis,
) -> Result<Result<(), InviteRefusal>, StoreError> {
    let found = find(&mut *connection, code).await?;
    let good = found.map_or(Err(InviteRefusal::Unknown), |invite| invite.check(now));
    if good.is_ok() {
        sqlx::query("UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = ?")
            .bind(&code[..])
            .execute(connection)
            .await?;
    }
    Ok(good)
}

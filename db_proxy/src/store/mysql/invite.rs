use async_trait::async_trait;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::statement::Statement;
use crate::store::row::{self, INVITE};
use crate::store::{Invite, InviteHash, InviteRefusal, InviteStore, StoreError, UnixMillis};

#[async_trait]
impl InviteStore for MySqlStore {
    async fn add_invite(&self, invite: &Invite) -> Result<(), StoreError> {
        let sql = "INSERT INTO invites (code_hash, created_at_ms, expires_at_ms, uses_left, note)
                   VALUES (?, ?, ?, ?, ?)
                   ON DUPLICATE KEY UPDATE created_at_ms = VALUES(created_at_ms),
                   expires_at_ms = VALUES(expires_at_ms), uses_left = VALUES(uses_left), note = VALUES(note)";
        let add = Statement::new(sql)
            .bind(&invite.code[..])
            .bind(invite.created_at.0)
            .bind(invite.expires_at.map_or(0, |end| end.0))
            .bind(i64::from(invite.uses_left))
            .bind(&invite.note);
        self.execute(add).await.map(drop)
    }

    async fn invite(&self, code: &InviteHash) -> Result<Option<Invite>, StoreError> {
        let found = self.row(find(code, "")).await?;
        found.as_ref().map(row::invite).transpose()
    }

    async fn invites(&self) -> Result<Vec<Invite>, StoreError> {
        let sql = format!("SELECT {INVITE} FROM invites ORDER BY created_at_ms, code_hash");
        let found = self.rows(Statement::new(sql)).await?;
        found.iter().map(row::invite).collect()
    }

    async fn revoke_invite(&self, code: &InviteHash) -> Result<bool, StoreError> {
        let revoke = Statement::new("DELETE FROM invites WHERE code_hash = ?").bind(&code[..]);
        Ok(self.execute(revoke).await? > 0)
    }
}

fn find(code: &InviteHash, lock: &'static str) -> Statement {
    let sql = format!("SELECT {INVITE} FROM invites WHERE code_hash = ? {lock}");
    Statement::new(sql).bind(&code[..])
}

/// Takes a use of the invite, if it is good.
pub(super) async fn spend(
    connection: &mut MySqlConnection,
    code: &InviteHash,
    now: UnixMillis,
) -> Result<Result<(), InviteRefusal>, StoreError> {
    let found = find(code, "FOR UPDATE").first(connection).await?;
    let found = found.as_ref().map(row::invite).transpose()?;
    let good = found.map_or(Err(InviteRefusal::Unknown), |invite| invite.check(now));
    if good.is_ok() {
        Statement::new("UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = ?")
            .bind(&code[..])
            .execute(connection)
            .await?;
    }
    Ok(good)
}

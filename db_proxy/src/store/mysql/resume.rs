use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::statement::{CHUNK, Statement, list, padded, piece, rows};
use super::user::{add_id, existing};
use crate::store::resume::{Held, HeldToken, users_of};
use crate::store::{ResumeHash, ResumeLook, ResumeOutcome, ResumeStore, ResumeWrite, StoreError};

/// All of it can be done twice: the same token is kept once.
#[async_trait]
impl ResumeStore for MySqlStore {
    async fn good_resumes(&self, looked_for: &[ResumeLook]) -> Result<Vec<bool>, StoreError> {
        let mut rows = Vec::with_capacity(looked_for.len());
        for chunk in looked_for.chunks(CHUNK) {
            let chunk = padded(chunk);
            let (columns, places) = (Held::COLUMNS, list(chunk.len()));
            let sql =
                format!("SELECT {columns} FROM sessions_resume WHERE token_hash IN ({places})");
            let found = Statement::new(sql).bind_all(chunk, |row, look| row.add(&look.hash[..]));
            rows.extend(self.rows(found).await?);
        }
        Ok(Held::read(&rows)?.are_good(looked_for))
    }

    async fn write_resumes(
        &self,
        writes: &[ResumeWrite],
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<ResumeOutcome>, StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let written = write(&mut transaction, writes, wanted).await;
            transaction.end(written, |_| true).await
        })
        .await
    }

    async fn revoke_resumes(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        let found = self.rows(tokens_of(&[user])).await?;
        if Held::read(&found)?.of_types(types).is_empty() {
            return Ok(());
        }
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let revoked = revoke(&mut transaction, user, types).await;
            transaction.end(revoked, |()| true).await
        })
        .await
    }
}

async fn write(
    connection: &mut MySqlConnection,
    writes: &[ResumeWrite],
    wanted: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Vec<ResumeOutcome>, StoreError> {
    let users = users_of(writes, |write| write.new.user);
    // held, so that what is done with two tokens of a user is done one after the other
    existing(connection, &users, "FOR UPDATE").await?;
    let wanted: Vec<bool> = (0..writes.len()).map(wanted).collect();
    let mut found = Vec::new();
    for chunk in users.chunks(CHUNK) {
        found.extend(tokens_of(chunk).fetch(connection).await?);
    }
    let mut held = Held::read(&found)?;
    let outcomes = held.write_all(writes, &wanted);
    let (removed, changed) = held.changes();
    delete(connection, &removed).await?;
    put(connection, &changed).await?;
    Ok(outcomes)
}

async fn revoke(
    connection: &mut MySqlConnection,
    user: UserId,
    types: &[DeviceType],
) -> Result<(), StoreError> {
    existing(connection, &[user], "FOR UPDATE").await?;
    let found = tokens_of(&[user]).fetch(connection).await?;
    delete(connection, &Held::read(&found)?.of_types(types)).await
}

fn tokens_of(users: &[UserId]) -> Statement {
    let users = padded(users);
    let sql = format!(
        "SELECT {} FROM sessions_resume WHERE user_id IN ({})",
        Held::COLUMNS,
        list(users.len())
    );
    Statement::new(sql).bind_all(users, add_id)
}

async fn delete(
    connection: &mut MySqlConnection,
    tokens: &[(UserId, ResumeHash)],
) -> Result<(), StoreError> {
    for chunk in tokens.chunks(CHUNK) {
        let hashes = padded(chunk);
        let sql = format!(
            "DELETE FROM sessions_resume WHERE token_hash IN ({})",
            list(hashes.len())
        );
        Statement::new(sql)
            .bind_all(hashes, |row, (_, hash)| row.add(&hash[..]))
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn put(connection: &mut MySqlConnection, tokens: &[HeldToken]) -> Result<(), StoreError> {
    let mut rest = tokens;
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, usize::MAX, |_| 0);
        rest = others;
        let sql = format!(
            "INSERT INTO sessions_resume ({}) VALUES {} ON DUPLICATE KEY UPDATE replaces = VALUES(replaces),
             expires_at_ms = VALUES(expires_at_ms), last_used_at_ms = VALUES(last_used_at_ms)",
            Held::COLUMNS,
            rows(chunk.len(), 7)
        );
        let new = Statement::new(sql).bind_all(chunk, |row, held| {
            let token = &held.token;
            row.add(&token.hash[..]);
            row.add(i64::from(token.user.get()));
            row.add(i64::from(token.device_type.raw()));
            row.add(held.replaces.as_ref().map(|hash| &hash[..]));
            row.add(token.created_at.0);
            row.add(token.expires_at.0);
            row.add(held.last_used_at.0);
        });
        new.execute(connection).await?;
    }
    Ok(())
}

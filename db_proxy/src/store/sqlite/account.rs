use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::group_step::{disband, inherit};
use super::row::{self, USER};
use super::user::{insert, latest};
use super::{SqliteStore, invite, request};
use crate::store::account::closed_profile;
use crate::store::{
    AccountStore, Closed, Inherited, Profile, RegisterOutcome, RegisterRefusal, Registration,
    RequestKey, StoreError, UnixMillis, UserStatus,
};

const LEFT: u32 = UserStatus::LEFT.0;

#[async_trait]
impl AccountStore for SqliteStore {
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError> {
        let mut connection = self.readers.acquire().await?;
        is_taken(&mut connection, name).await
    }

    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(made) = request::made_user(&mut transaction, new.request.as_ref()).await? {
            return Ok(Ok(made));
        }
        if is_taken(&mut transaction, &new.user.profile.name).await? {
            return Ok(Err(RegisterRefusal::NameTaken));
        }
        if let Some(code) = &new.invite
            && let Err(refusal) = invite::spend(&mut transaction, code, new.at).await?
        {
            return Ok(Err(refusal.into()));
        }
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        let users = std::slice::from_ref(&new.user);
        let made = insert(&mut transaction, users, now).await?;
        let Some(made) = made.into_values().next() else {
            return Ok(Err(RegisterRefusal::NameTaken));
        };
        request::remember_user(&mut transaction, new.request.as_ref(), made, now).await?;
        transaction.commit().await?;
        Ok(Ok(made))
    }

    async fn close_account(
        &self,
        user: UserId,
        expected: &str,
    ) -> Result<Option<Closed>, StoreError> {
        let mut transaction = self.begin().await?;
        let found = sqlx::query("SELECT name FROM users WHERE id = ? AND password = ?")
            .bind(i64::from(user.get()))
            .bind(expected)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        let owned = owned_groups(&mut transaction, user).await?;
        leave_groups(&mut transaction, user, now).await?;
        let inherited = pass_on(&mut transaction, &owned).await?;
        let profile = closed_profile(row::text(&found, "name")?);
        close(&mut transaction, user, &profile, now).await?;
        let closed = closed(&mut transaction, user).await?;
        transaction.commit().await?;
        Ok(closed.map(|closed| Closed {
            inherited,
            ..closed
        }))
    }

    async fn closed_account(&self, user: UserId) -> Result<Option<Closed>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        closed(&mut connection, user).await
    }

    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        request::made_user(&mut connection, Some(request)).await
    }
}

async fn is_taken(connection: &mut SqliteConnection, name: &str) -> Result<bool, StoreError> {
    let taken = sqlx::query("SELECT 1 FROM users WHERE lower(name) = lower(?) LIMIT 1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(taken.is_some())
}

/// The groups that the user owns: those that he made and is in.
async fn owned_groups(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<GroupId>, StoreError> {
    let found = sqlx::query(
        "SELECT g.id FROM group_members AS m CROSS JOIN chat_groups AS g ON g.id = m.group_id
         WHERE m.user_id = ?1 AND g.creator_id = ?1 AND g.status = 0 ORDER BY g.id",
    )
    .bind(i64::from(user.get()))
    .fetch_all(connection)
    .await?;
    found
        .iter()
        .map(|found| row::group_id(found, "id"))
        .collect()
}

/// Gives groups whose owner has left to somebody else; one that nobody is in is no more.
async fn pass_on(
    connection: &mut SqliteConnection,
    groups: &[GroupId],
) -> Result<Vec<Inherited>, StoreError> {
    let mut inherited = Vec::new();
    for group in groups {
        match inherit(connection, *group).await? {
            Some(passed) => inherited.push(passed),
            None => disband(connection, *group).await?,
        }
    }
    Ok(inherited)
}

/// As when each of them was left.
async fn leave_groups(
    connection: &mut SqliteConnection,
    user: UserId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM participants WHERE user_id = ?1 AND conversation_id IN (
             SELECT c.id FROM group_members AS m
             CROSS JOIN conversations AS c ON c.kind = 2 AND c.party_low = 0 AND c.party_high = m.group_id
             WHERE m.user_id = ?1)",
        "INSERT INTO former_members (user_id, group_id, left_at_ms)
         SELECT user_id, group_id, ?2 FROM group_members WHERE user_id = ?1
         ON CONFLICT (user_id, group_id) DO UPDATE SET left_at_ms = excluded.left_at_ms",
        "UPDATE chat_groups SET version = min(version + 1, 4294967295), updated_at_ms = max(updated_at_ms + 1, ?2)
         WHERE id IN (SELECT group_id FROM group_members WHERE user_id = ?1)",
        "DELETE FROM group_members WHERE user_id = ?1",
        "DELETE FROM group_requests WHERE user_id = ?1",
    ] {
        sqlx::query(sql)
            .bind(i64::from(user.get()))
            .bind(now.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn close(
    connection: &mut SqliteConnection,
    user: UserId,
    profile: &Profile,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let user = i64::from(user.get());
    sqlx::query(
        "UPDATE users SET password = '', gender = 0, nick_name = ?, real_name = '', avatar_url = '',
         department_id = 0, email = '', tel = '', domain = '', status = ?, sign_info = '', updated_at_ms = ?
         WHERE id = ?",
    )
    .bind(&profile.nick_name)
    .bind(i64::from(profile.status.0))
    .bind(now.0)
    .bind(user)
    .execute(&mut *connection)
    .await?;
    for sql in [
        "DELETE FROM sessions_resume WHERE user_id = ?",
        "DELETE FROM devices WHERE user_id = ?",
    ] {
        sqlx::query(sql)
            .bind(user)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What was left at the moment that is the user's last change was left with the account.
async fn closed(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Option<Closed>, StoreError> {
    let id = i64::from(user.get());
    let sql =
        format!("SELECT {USER} FROM users WHERE id = ? AND password = '' AND status = {LEFT}");
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let user = row::user(&found)?;
    let left = sqlx::query(
        "SELECT g.id, g.version FROM former_members AS f CROSS JOIN chat_groups AS g ON g.id = f.group_id
         WHERE f.user_id = ? AND f.left_at_ms = ? ORDER BY g.id",
    )
    .bind(id)
    .bind(user.updated_at.0)
    .fetch_all(connection)
    .await?;
    let left = left.iter().map(row::group_version);
    Ok(Some(Closed {
        user,
        left: left.collect::<Result<_, _>>()?,
        inherited: Vec::new(),
    }))
}

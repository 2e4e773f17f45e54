use std::sync::Arc;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;

use super::attempt::{Repeat, attempts};
use super::group_step::{disband, inherit};
use super::key::key;
use super::meta::{Directory, lock_changes, now as server_time};
use super::statement::{CHUNK, Statement, list, padded};
use super::user::insert;
use super::{MySqlStore, invite, request};
use crate::store::account::closed_profile;
use crate::store::row::{self, USER};
use crate::store::time::ChangeClock;
use crate::store::{
    AccountStore, Closed, Conversation, Inherited, Inserted, Profile, RegisterOutcome,
    RegisterRefusal, Registration, RequestKey, StoreError, UnixMillis, User, UserStatus,
};

#[async_trait]
impl AccountStore for MySqlStore {
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.row(with_name(name)).await?.is_some())
    }

    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError> {
        let repeat = match new.request {
            Some(_) => Repeat::Harmless,
            None => Repeat::Undone,
        };
        let made = attempts(repeat, || async {
            let mut transaction = self.begin().await?;
            let made = register(&mut transaction, new, &self.clock).await;
            transaction.end(made, Result::is_ok).await
        });
        let made = made.await?;
        self.forget_requests(new.request.as_ref()).await;
        Ok(made)
    }

    async fn close_account(
        &self,
        user: UserId,
        expected: &str,
    ) -> Result<Option<Closed>, StoreError> {
        attempts(Repeat::Undone, || async {
            let mut transaction = self.begin().await?;
            let closed = self.close_once(&mut transaction, user, expected).await;
            transaction.end(closed, Option::is_some).await
        })
        .await
    }

    async fn closed_account(&self, user: UserId) -> Result<Option<Closed>, StoreError> {
        let Some(found) = self.row(closed_user(user)).await? else {
            return Ok(None);
        };
        let user = row::user(&found)?;
        let left = self.rows(left_with(&user)).await?;
        let left = left
            .iter()
            .map(row::group_version)
            .collect::<Result<_, _>>()?;
        let inherited = Vec::new();
        Ok(Some(Closed {
            user,
            left,
            inherited,
        }))
    }

    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError> {
        let found = self.row(request::kept(request)).await?;
        found.as_ref().map(request::user_of).transpose()
    }
}

async fn register(
    connection: &mut MySqlConnection,
    new: &Registration,
    clock: &ChangeClock,
) -> Result<RegisterOutcome, StoreError> {
    let request = new.request.as_ref();
    if let Some(made) = request::made_user(connection, request, UnixMillis::now()).await? {
        return Ok(Ok(made));
    }
    // nobody else adds a user until this is done
    let latest = lock_changes(connection, Directory::Users).await?;
    let name = with_name(&new.user.profile.name);
    if name.first(connection).await?.is_some() {
        return Ok(Err(RegisterRefusal::NameTaken));
    }
    if let Some(code) = &new.invite
        && let Err(refusal) = invite::spend(connection, code, new.at).await?
    {
        return Ok(Err(refusal.into()));
    }
    let users = std::slice::from_ref(&new.user);
    let made = insert(connection, users, clock.stamp_behind(latest)).await?;
    let Some(Inserted::Created(made)) = made.first().copied() else {
        return Ok(Err(RegisterRefusal::NameTaken));
    };
    request::remember_user(connection, request, made).await?;
    Ok(Ok(made))
}

fn with_name(name: &str) -> Statement {
    Statement::new("SELECT id FROM users WHERE folded_name = lower(?) LIMIT 1").bind(name)
}

impl MySqlStore {
    /// Locks in the order that all keep to: conversations, users, participants.
    async fn close_once(
        &self,
        connection: &mut MySqlConnection,
        user: UserId,
        expected: &str,
    ) -> Result<Option<Closed>, StoreError> {
        let groups = groups_of(connection, user, "").await?;
        for chunk in groups.chunks(CHUNK) {
            let conversations = padded(chunk);
            let sql = format!(
                "SELECT id FROM conversations FORCE INDEX (PRIMARY) WHERE id IN ({}) ORDER BY id FOR UPDATE",
                list(conversations.len())
            );
            let lock = Statement::new(sql).bind_all(conversations, add_conversation);
            lock.fetch(connection).await?;
        }
        let latest = lock_changes(connection, Directory::Users).await?;
        let id = i64::from(user.get());
        let found =
            Statement::new("SELECT name FROM users WHERE id = ? AND password = ? FOR UPDATE")
                .bind(id)
                .bind(expected);
        let Some(found) = found.first(connection).await? else {
            return Ok(None);
        };
        if groups_of(connection, user, "FOR UPDATE").await? != groups {
            // somebody changed that meanwhile: from the beginning, with other locks
            return Err(StoreError::Conflict(Arc::new(Changed)));
        }
        let now = self.clock.stamp_behind(latest);
        let of_groups = self.messages.stamp_of(server_time(connection).await?);
        let owned = owned_groups(connection, user).await?;
        leave_groups(connection, user, &groups, (now, of_groups)).await?;
        let inherited = pass_on(connection, &owned).await?;
        let profile = closed_profile(row::text(&found, "name")?);
        end(connection, user, &profile, now).await?;
        let Some(found) = closed_user(user).first(connection).await? else {
            return Ok(None);
        };
        let user = row::user(&found)?;
        let left = left_with(&user).fetch(connection).await?;
        let left = left
            .iter()
            .map(row::group_version)
            .collect::<Result<_, _>>()?;
        Ok(Some(Closed {
            user,
            left,
            inherited,
        }))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the user's groups changed meanwhile")]
struct Changed;

fn add_conversation(row: &mut Statement, group: GroupId) {
    row.add(key(Conversation::Group(group)));
}

async fn groups_of(
    connection: &mut MySqlConnection,
    user: UserId,
    lock: &'static str,
) -> Result<Vec<GroupId>, StoreError> {
    let sql =
        format!("SELECT group_id FROM group_members WHERE user_id = ? ORDER BY group_id {lock}");
    let found = Statement::new(sql).bind(i64::from(user.get()));
    let found = found.fetch(connection).await?;
    let groups = found.iter().map(|found| row::group_id(found, "group_id"));
    groups.collect()
}

/// The groups that the user owns: those that he made and is in.
async fn owned_groups(
    connection: &mut MySqlConnection,
    user: UserId,
) -> Result<Vec<GroupId>, StoreError> {
    let sql =
        "SELECT g.id FROM group_members AS m STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
               WHERE m.user_id = ? AND g.creator_id = ? AND g.status = 0 ORDER BY g.id";
    let id = i64::from(user.get());
    let found = Statement::new(sql).bind(id).bind(id);
    let found = found.fetch(connection).await?;
    found
        .iter()
        .map(|found| row::group_id(found, "id"))
        .collect()
}

/// Gives groups whose owner has left to somebody else; one that nobody is in is no more.
async fn pass_on(
    connection: &mut MySqlConnection,
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

/// As when each of them was left. The first moment is that of the user, the second one that of the groups.
async fn leave_groups(
    connection: &mut MySqlConnection,
    user: UserId,
    groups: &[GroupId],
    (now, of_groups): (UnixMillis, UnixMillis),
) -> Result<(), StoreError> {
    let id = i64::from(user.get());
    for chunk in groups.chunks(CHUNK) {
        let chunk = padded(chunk);
        let sql = format!(
            "DELETE FROM participants WHERE user_id = ? AND conversation_id IN ({})",
            list(chunk.len())
        );
        Statement::new(sql)
            .bind(id)
            .bind_all(chunk.clone(), add_conversation)
            .execute(connection)
            .await?;
        let sql = format!(
            "UPDATE chat_groups SET version = least(version + 1, 4294967295),
             updated_at_ms = greatest(updated_at_ms + 1, ?) WHERE id IN ({})",
            list(chunk.len())
        );
        Statement::new(sql)
            .bind(of_groups.0)
            .bind_all(chunk, |row, group| row.add(i64::from(group.get())))
            .execute(connection)
            .await?;
    }
    Statement::new(
        "INSERT INTO former_members (user_id, group_id, left_at_ms)
         SELECT user_id, group_id, ? FROM group_members WHERE user_id = ?
         ON DUPLICATE KEY UPDATE left_at_ms = VALUES(left_at_ms)",
    )
    .bind(now.0)
    .bind(id)
    .execute(connection)
    .await?;
    for sql in [
        "DELETE FROM group_members WHERE user_id = ?",
        "DELETE FROM group_requests WHERE user_id = ?",
    ] {
        Statement::new(sql).bind(id).execute(connection).await?;
    }
    Ok(())
}

async fn end(
    connection: &mut MySqlConnection,
    user: UserId,
    profile: &Profile,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let user = i64::from(user.get());
    Statement::new(
        "UPDATE users SET password = '', gender = 0, nick_name = ?, real_name = '', avatar_url = '',
         department_id = 0, email = '', tel = '', domain = '', status = ?, sign_info = '', updated_at_ms = ?
         WHERE id = ?",
    )
    .bind(&profile.nick_name)
    .bind(i64::from(profile.status.0))
    .bind(now.0)
    .bind(user)
    .execute(connection)
    .await?;
    for sql in [
        "DELETE FROM sessions_resume WHERE user_id = ?",
        "DELETE FROM devices WHERE user_id = ?",
    ] {
        Statement::new(sql).bind(user).execute(connection).await?;
    }
    Ok(())
}

fn closed_user(user: UserId) -> Statement {
    let left = UserStatus::LEFT.0;
    let sql =
        format!("SELECT {USER} FROM users WHERE id = ? AND password = '' AND status = {left}");
    Statement::new(sql).bind(i64::from(user.get()))
}

/// What was left at the moment that is the user's last change was left with the account.
fn left_with(user: &User) -> Statement {
    let sql = "SELECT g.id, g.version FROM former_members AS f
               STRAIGHT_JOIN chat_groups AS g ON g.id = f.group_id
               WHERE f.user_id = ? AND f.left_at_ms = ? ORDER BY g.id";
    Statement::new(sql)
        .bind(i64::from(user.id.get()))
        .bind(user.updated_at.0)
}

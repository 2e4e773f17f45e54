use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::meta::{Directory, lock_changes};
use super::statement::{CHUNK, Statement, list, padded, piece, rows};
use crate::store::row::{self, USER, user};
use crate::store::user::by_name;
use crate::store::{
    Account, Inserted, NewUser, ProfileChange, StoreError, UnixMillis, User, UserCursor, UserStore,
};

/// Rows of users in one statement: wide ones, but far from what a packet holds.
const PIECE_BYTES: usize = 512 * 1024;

#[async_trait]
impl UserStore for MySqlStore {
    /// The column's collation takes more for the same name than bytes that are alike: those are told apart afterwards.
    async fn accounts(&self, names: &[&str]) -> Result<Vec<Option<Account>>, StoreError> {
        let mut accounts = Vec::with_capacity(names.len());
        for chunk in names.chunks(CHUNK) {
            let names = padded(chunk);
            let places = list(names.len());
            let sql = format!("SELECT {USER}, password FROM users WHERE name IN ({places})");
            let found = Statement::new(sql).bind_all(names, |row, name| row.add(name));
            for found in &self.rows(found).await? {
                accounts.push(Account {
                    user: user(found)?,
                    password: row::text(found, "password")?,
                });
            }
        }
        Ok(by_name(names, &accounts))
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut users = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let ids = padded(chunk);
            let sql = format!("SELECT {USER} FROM users WHERE id IN ({})", list(ids.len()));
            for found in &self.rows(Statement::new(sql).bind_all(ids, add_id)).await? {
                users.push(user(found)?);
            }
        }
        Ok(users)
    }

    async fn users_changed_since(
        &self,
        since: Option<UnixMillis>,
        after: Option<UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        // ids start at 1, so (since, 0) is just before the first user of that moment
        let start = (since.map_or(i64::MIN, |since| since.0), 0);
        let (at, id) = after.map_or(start, |after| {
            start.max((after.updated_at.0, i64::from(after.id.get())))
        });
        // a comparison of rows would not be looked up in the index
        let sql = format!(
            "SELECT {USER} FROM users WHERE updated_at_ms >= ? AND (updated_at_ms > ? OR id > ?)
             ORDER BY updated_at_ms, id LIMIT ?"
        );
        let found = Statement::new(sql)
            .bind(at)
            .bind(at)
            .bind(id)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(found).await?.iter().map(user).collect()
    }

    async fn existing_users(&self, ids: &[UserId]) -> Result<HashSet<UserId>, StoreError> {
        let mut users = HashSet::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            collect(&self.rows(wanted(chunk, "")).await?, &mut users)?;
        }
        Ok(users)
    }

    async fn insert_users(&self, users: &[NewUser]) -> Result<Vec<Inserted>, StoreError> {
        attempts(Repeat::Undone, || self.insert_users_once(users)).await
    }

    async fn set_password(
        &self,
        user: UserId,
        expected: Option<&str>,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let user = i64::from(user.get());
        let set = match expected {
            Some(expected) => {
                Statement::new("UPDATE users SET password = ? WHERE id = ? AND password IN (?, ?)")
                    .bind(hash)
                    .bind(user)
                    .bind(expected)
                    // as it is when this is done a second time
                    .bind(hash)
            }
            None => Statement::new("UPDATE users SET password = ? WHERE id = ?")
                .bind(hash)
                .bind(user),
        };
        Ok(self.execute(set).await? > 0)
    }

    async fn change_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        attempts(Repeat::Undone, || self.change_profile_once(id, change)).await
    }

    async fn list_users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users WHERE id > ? ORDER BY id LIMIT ?");
        let found = Statement::new(sql)
            .bind(after.map_or(0, |id| i64::from(id.get())))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(found).await?.iter().map(user).collect()
    }

    async fn count_users(&self) -> Result<u64, StoreError> {
        let found = self.row(Statement::new("SELECT count(*) AS users FROM users"));
        found
            .await?
            .map_or(Ok(0), |found| row::int(&found, "users"))
    }
}

impl MySqlStore {
    async fn insert_users_once(&self, users: &[NewUser]) -> Result<Vec<Inserted>, StoreError> {
        let mut transaction = self.begin().await?;
        let latest = lock_changes(&mut transaction, Directory::Users).await?;
        // one stamp for all: their ids ascend, so a page that ends among them is continued
        let now = self.clock.stamp_behind(latest);
        let inserted = insert(&mut transaction, users, now).await;
        transaction.end(inserted, |_| true).await
    }

    async fn change_profile_once(
        &self,
        id: UserId,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        let mut transaction = self.begin().await?;
        let latest = lock_changes(&mut transaction, Directory::Users).await?;
        let now = self.clock.stamp_behind(latest);
        let changed = change_profile(&mut transaction, id, change, now).await;
        transaction.end(changed, Option::is_some).await
    }
}

async fn change_profile(
    connection: &mut MySqlConnection,
    id: UserId,
    change: &ProfileChange,
    now: UnixMillis,
) -> Result<Option<User>, StoreError> {
    let sql = "UPDATE users SET gender = coalesce(?, gender), nick_name = coalesce(?, nick_name),
               avatar_url = coalesce(?, avatar_url), department_id = coalesce(?, department_id),
               email = coalesce(?, email), tel = coalesce(?, tel), status = coalesce(?, status),
               sign_info = coalesce(?, sign_info), updated_at_ms = ? WHERE id = ?";
    Statement::new(sql)
        .bind(change.gender.map(i64::from))
        .bind(change.nick_name.as_deref())
        .bind(change.avatar_url.as_deref())
        .bind(change.department_id.map(i64::from))
        .bind(change.email.as_deref())
        .bind(change.tel.as_deref())
        .bind(change.status.map(|status| i64::from(status.0)))
        .bind(change.sign_info.as_deref())
        .bind(now.0)
        .bind(i64::from(id.get()))
        .execute(connection)
        .await?;
    if change.ends_logins() {
        Statement::new("DELETE FROM sessions_resume WHERE user_id = ?")
            .bind(i64::from(id.get()))
            .execute(connection)
            .await?;
    }
    let sql = format!("SELECT {USER} FROM users WHERE id = ?");
    let changed = Statement::new(sql).bind(i64::from(id.get()));
    changed
        .first(connection)
        .await?
        .as_ref()
        .map(user)
        .transpose()
}

/// Of a name twice in the list, and of one that is taken, nothing is inserted again. Nobody else inserts meanwhile.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    users: &[NewUser],
    now: UnixMillis,
) -> Result<Vec<Inserted>, StoreError> {
    let mut inserted = Vec::with_capacity(users.len());
    let mut rest = users;
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, PIECE_BYTES, size);
        rest = others;
        let before = named(connection, chunk).await?;
        let mut met = HashSet::new();
        let new: Vec<&NewUser> = chunk
            .iter()
            .filter(|user| {
                let name = user.profile.name.as_str();
                !before.contains_key(name) && met.insert(name)
            })
            .collect();
        insert_rows(connection, &new, now).await?;
        let mut created = named(connection, chunk).await?;
        created.retain(|name, _| !before.contains_key(name));
        inserted.extend(chunk.iter().map(|user| {
            // removed, so that a name twice in the list is created once and taken the second time
            let id = created.remove(&user.profile.name);
            id.map_or(Inserted::NameTaken, Inserted::Created)
        }));
    }
    Ok(inserted)
}

/// Those of the names that exist, and others that differ by spaces at the end.
async fn named(
    connection: &mut MySqlConnection,
    users: &[NewUser],
) -> Result<HashMap<String, UserId>, StoreError> {
    let names: Vec<&str> = users
        .iter()
        .map(|user| user.profile.name.as_str())
        .collect();
    let names = padded(&names);
    let sql = format!(
        "SELECT id, name FROM users WHERE name IN ({})",
        list(names.len())
    );
    let found = Statement::new(sql).bind_all(names, |row, name| row.add(name));
    let found = found.fetch(connection).await?;
    let named = |found| Ok((row::text(found, "name")?, row::user_id(found, "id")?));
    found.iter().map(named).collect()
}

async fn insert_rows(
    connection: &mut MySqlConnection,
    users: &[&NewUser],
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut rest = users;
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, PIECE_BYTES, |user| size(user));
        rest = others;
        let sql = format!(
            "INSERT INTO users (name, password, gender, nick_name, real_name, avatar_url, department_id,
             email, tel, domain, status, sign_info, created_at_ms, updated_at_ms) VALUES {}",
            rows(chunk.len(), 14)
        );
        let new = Statement::new(sql).bind_all(chunk, |row, user| {
            let profile = &user.profile;
            row.add(&profile.name);
            row.add(&user.password);
            row.add(i64::from(profile.gender));
            row.add(&profile.nick_name);
            row.add(&profile.real_name);
            row.add(&profile.avatar_url);
            row.add(i64::from(profile.department_id));
            row.add(&profile.email);
            row.add(&profile.tel);
            row.add(&profile.domain);
            row.add(i64::from(profile.status.0));
            row.add(&profile.sign_info);
            row.add(now.0);
            row.add(now.0);
        });
        new.execute(connection).await?;
    }
    Ok(())
}

fn size(user: &NewUser) -> usize {
    let profile = &user.profile;
    let texts = [
        &profile.name,
        &profile.nick_name,
        &profile.real_name,
        &profile.avatar_url,
        &profile.email,
        &profile.tel,
        &profile.domain,
        &profile.sign_info,
        &user.password,
    ];
    texts.into_iter().map(String::len).sum()
}

/// Which of these users exist. With `lock` "FOR UPDATE" nobody else changes what they are part of meanwhile.
pub(super) async fn existing(
    connection: &mut MySqlConnection,
    ids: &[UserId],
    lock: &'static str,
) -> Result<HashSet<UserId>, StoreError> {
    let mut users = HashSet::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        collect(&wanted(chunk, lock).fetch(connection).await?, &mut users)?;
    }
    Ok(users)
}

fn wanted(ids: &[UserId], lock: &'static str) -> Statement {
    let ids = padded(ids);
    let sql = format!(
        "SELECT id FROM users FORCE INDEX (PRIMARY) WHERE id IN ({}) ORDER BY id {lock}",
        list(ids.len())
    );
    Statement::new(sql).bind_all(ids, add_id)
}

fn collect(found: &[MySqlRow], users: &mut HashSet<UserId>) -> Result<(), StoreError> {
    for found in found {
        users.insert(row::user_id(found, "id")?);
    }
    Ok(())
}

pub(super) fn add_id(row: &mut Statement, id: UserId) {
    row.add(i64::from(id.get()));
}

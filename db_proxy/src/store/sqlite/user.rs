use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Arguments, AssertSqlSafe};

use super::SqliteStore;
use super::row::{self, USER, user};
use super::values::{CHUNK, Values};
use crate::store::user::by_name;
use crate::store::{
    Account, Inserted, NewUser, ProfileChange, StoreError, UnixMillis, User, UserCursor, UserStore,
};

#[async_trait]
impl UserStore for SqliteStore {
    async fn accounts(&self, names: &[&str]) -> Result<Vec<Option<Account>>, StoreError> {
        let mut accounts = Vec::with_capacity(names.len());
        for chunk in names.chunks(CHUNK) {
            let found = Values::new(chunk, 1, |row, name| row.add(*name))?
                .query(|values| {
                    format!("SELECT {USER}, password FROM users WHERE name IN ({values})")
                })
                .fetch_all(&self.readers)
                .await?;
            for found in &found {
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
            let found = wanted(chunk)?
                .query(|values| format!("SELECT {USER} FROM users WHERE id IN ({values})"))
                .fetch_all(&self.readers)
                .await?;
            for found in &found {
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
        let sql = format!(
            "SELECT {USER} FROM users WHERE (updated_at_ms, id) > (?, ?)
             ORDER BY updated_at_ms, id LIMIT ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(at)
            .bind(id)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(user).collect()
    }

    async fn existing_users(&self, ids: &[UserId]) -> Result<HashSet<UserId>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        existing(&mut connection, ids).await
    }

    async fn insert_users(&self, users: &[NewUser]) -> Result<Vec<Inserted>, StoreError> {
        let mut inserted = Vec::with_capacity(users.len());
        let mut transaction = self.begin().await?;
        // one stamp for all: their ids ascend, so a page that ends among them is continued
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        for chunk in users.chunks(CHUNK) {
            let mut created = insert(&mut transaction, chunk, now).await?;
            inserted.extend(chunk.iter().map(|user| {
                // removed, so that a name twice in the list is created once and taken the second time
                let id = created.remove(&user.profile.name);
                id.map_or(Inserted::NameTaken, Inserted::Created)
            }));
        }
        transaction.commit().await?;
        Ok(inserted)
    }

    async fn set_password(
        &self,
        user: UserId,
        expected: Option<&str>,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let set = sqlx::query(
            "UPDATE users SET password = ?1 WHERE id = ?2 AND (?3 IS NULL OR password = ?3)",
        )
        .bind(hash)
        .bind(i64::from(user.get()))
        .bind(expected)
        .execute(&self.writer)
        .await?;
        Ok(set.rows_affected() > 0)
    }

    async fn change_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        sqlx::query(
            "UPDATE users SET gender = coalesce(?, gender), nick_name = coalesce(?, nick_name),
             avatar_url = coalesce(?, avatar_url), department_id = coalesce(?, department_id),
             email = coalesce(?, email), tel = coalesce(?, tel), status = coalesce(?, status),
             sign_info = coalesce(?, sign_info), updated_at_ms = ? WHERE id = ?",
        )
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
        .execute(&mut *transaction)
        .await?;
        if change.ends_logins() {
            sqlx::query("DELETE FROM sessions_resume WHERE user_id = ?")
                .bind(i64::from(id.get()))
                .execute(&mut *transaction)
                .await?;
        }
        let sql = format!("SELECT {USER} FROM users WHERE id = ?");
        let changed = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(id.get()))
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.commit().await?;
        changed.as_ref().map(user).transpose()
    }

    async fn list_users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users WHERE id > ? ORDER BY id LIMIT ?");
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(after.map_or(0, |id| i64::from(id.get())))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(user).collect()
    }

    async fn count_users(&self) -> Result<u64, StoreError> {
        let found = sqlx::query("SELECT count(*) AS users FROM users")
            .fetch_one(&self.readers)
            .await?;
        row::int(&found, "users")
    }
}

/// On any connection, so that a write transaction can ask too.
pub(super) async fn existing(
    connection: &mut SqliteConnection,
    ids: &[UserId],
) -> Result<HashSet<UserId>, StoreError> {
    let mut users = HashSet::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let found = wanted(chunk)?
            .query(|values| format!("SELECT id FROM users WHERE id IN ({values})"))
            .fetch_all(&mut *connection)
            .await?;
        for found in &found {
            users.insert(row::user_id(found, "id")?);
        }
    }
    Ok(users)
}

/// The latest change of all: asked of the table, since another process may have made it.
pub(super) async fn latest(connection: &mut SqliteConnection) -> Result<UnixMillis, StoreError> {
    let latest = sqlx::query("SELECT max(updated_at_ms) AS latest FROM users")
        .fetch_one(connection)
        .await?;
    row::time(&latest, "latest")
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    users: &[NewUser],
    now: UnixMillis,
) -> Result<HashMap<String, UserId>, StoreError> {
    let new = Values::new(users, 14, |row, user| {
        let profile = &user.profile;
        row.add(&profile.name)?;
        row.add(&user.password)?;
        row.add(i64::from(profile.gender))?;
        row.add(&profile.nick_name)?;
        row.add(&profile.real_name)?;
        row.add(&profile.avatar_url)?;
        row.add(i64::from(profile.department_id))?;
        row.add(&profile.email)?;
        row.add(&profile.tel)?;
        row.add(&profile.domain)?;
        row.add(i64::from(profile.status.0))?;
        row.add(&profile.sign_info)?;
        row.add(now.0)?;
        row.add(now.0)
    })?;
    let created = new
        .query(|values| {
            format!(
                "WITH new(name, password, gender, nick_name, real_name, avatar_url, department_id, email, tel,
                 domain, status, sign_info, created_at_ms, updated_at_ms) AS ({values})
                 INSERT INTO users (name, password, gender, nick_name, real_name, avatar_url, department_id,
                 email, tel, domain, status, sign_info, created_at_ms, updated_at_ms)
                 SELECT * FROM new WHERE name IS NOT NULL
                 ON CONFLICT (name) DO NOTHING RETURNING id, name"
            )
        })
        .fetch_all(&mut *connection)
        .await?;
    created
        .iter()
        .map(|created| Ok((row::text(created, "name")?, row::user_id(created, "id")?)))
        .collect()
}

/// A clause that names users.
pub(super) fn wanted(ids: &[UserId]) -> Result<Values, StoreError> {
    Values::new(ids, 1, |row, id| row.add(i64::from(id.get())))
}

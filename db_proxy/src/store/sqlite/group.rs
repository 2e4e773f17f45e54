use std::collections::HashSet;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::group_step::{forget_requests_of, inherit};
use super::membership::{
    forget_former, insert_conversation, join, leave, membership, place, somebody_is_full,
};
use super::row::{self, GROUP};
use super::user::{existing, wanted};
use super::values::{CHUNK, Values};
use super::{SqliteStore, request};
use crate::store::each::Each;
use crate::store::request::CarriedOut;
use crate::store::{
    Direction, Group, GroupChange, GroupKind, GroupMembers, GroupOutcome, GroupRefusal, GroupStore,
    GroupVersion, MemberChange, NewGroup, RequestKey, StoreError, UnixMillis,
};

/// Groups of a user that are looked at for his fellow members: those he joined last.
const FELLOWSHIPS: i64 = 100;

#[async_trait]
impl GroupStore for SqliteStore {
    async fn create_group(&self, new: &NewGroup) -> Result<GroupOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(done) = answered(&mut transaction, new.request.as_ref()).await? {
            return Ok(Ok(done));
        }
        if existing(&mut transaction, &new.members).await?.len() < new.members.len() {
            return Ok(Err(GroupRefusal::NoSuchUser));
        }
        if new.kind == GroupKind::Temporary && new.creator.is_some() {
            let (users, most) = (&new.members, new.groups_per_user);
            if somebody_is_full(&mut transaction, users, most).await? {
                return Ok(Err(GroupRefusal::TooManyGroups));
            }
        }
        let now = self.clock.stamp();
        let group_id = insert_group(&mut transaction, new, now).await?;
        let place = insert_conversation(&mut transaction, group_id, now).await?;
        join(&mut transaction, &place, &new.members, now).await?;
        let created = GroupChange {
            group_id,
            version: 1,
            changed: new.members.clone(),
            members: new.members.clone(),
            inherited: None,
        };
        let done = CarriedOut::creation(&created);
        request::remember(&mut transaction, new.request.as_ref(), &done, now).await?;
        transaction.commit().await?;
        Ok(Ok(created))
    }

    async fn change_members(&self, change: &MemberChange) -> Result<GroupOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(done) = answered(&mut transaction, change.request.as_ref()).await? {
            return Ok(Ok(done));
        }
        let Some(membership) = membership(&mut transaction, change.group_id).await? else {
            return Ok(Err(GroupRefusal::NoSuchGroup));
        };
        let mut changed = match membership.after(change) {
            Ok(changed) => changed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let now = self.clock.stamp();
        let place = place(&mut transaction, change.group_id).await?;
        match change.direction {
            Direction::Join => {
                let known = existing(&mut transaction, &changed.changed).await?;
                if known.len() < changed.changed.len() {
                    return Ok(Err(GroupRefusal::NoSuchUser));
                }
                if membership.kind == GroupKind::Temporary && change.actor.is_some() {
                    let (users, most) = (&changed.changed, change.groups_per_user);
                    if somebody_is_full(&mut transaction, users, most).await? {
                        return Ok(Err(GroupRefusal::TooManyGroups));
                    }
                }
                join(&mut transaction, &place, &changed.changed, now).await?;
                forget_former(&mut transaction, &place, &changed.changed).await?;
                let group = change.group_id;
                forget_requests_of(&mut transaction, group, &changed.changed).await?;
            }
            Direction::Leave => leave(&mut transaction, &place, &changed.changed, now).await?,
        }
        sqlx::query(
            "UPDATE chat_groups SET version = ?, updated_at_ms = max(updated_at_ms + 1, ?) WHERE id = ?",
        )
        .bind(i64::from(changed.version))
        .bind(now.0)
        .bind(i64::from(change.group_id.get()))
        .execute(&mut *transaction)
        .await?;
        if membership.loses_owner(&changed) {
            changed.inherited = inherit(&mut transaction, change.group_id).await?;
        }
        let done = CarriedOut::change(&changed);
        request::remember(&mut transaction, change.request.as_ref(), &done, now).await?;
        transaction.commit().await?;
        Ok(Ok(changed))
    }

    async fn mute_group(
        &self,
        user: UserId,
        group: GroupId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let set = sqlx::query(
            "UPDATE group_members SET muted = ?1, changed_at_ms = ?4 WHERE group_id = ?2 AND user_id = ?3
             AND EXISTS (SELECT 1 FROM chat_groups WHERE id = ?2 AND status = 0)",
        )
        .bind(i64::from(muted))
        .bind(i64::from(group.get()))
        .bind(i64::from(user.get()))
        .bind(self.clock.stamp().0)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(set.rows_affected() > 0)
    }

    async fn groups_of(
        &self,
        user: UserId,
        kind: Option<GroupKind>,
        limit: usize,
    ) -> Result<Vec<GroupVersion>, StoreError> {
        let found = sqlx::query(
            "SELECT g.id, g.version FROM group_members AS m CROSS JOIN chat_groups AS g ON g.id = m.group_id
             WHERE m.user_id = ?1 AND g.status = 0 AND (?2 IS NULL OR g.kind = ?2)
             ORDER BY g.updated_at_ms DESC, g.id DESC LIMIT ?3",
        )
        .bind(i64::from(user.get()))
        .bind(kind.map(GroupKind::number))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        found.iter().map(row::group_version).collect()
    }

    async fn groups_of_each(
        &self,
        users: &[UserId],
        limit: usize,
    ) -> Result<Vec<Vec<GroupVersion>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let rows = wanted(chunk)?
                .query(|users| {
                    format!(
                        "WITH wanted(user_id) AS ({users})
                         SELECT m.user_id, g.id, g.version FROM wanted
                         CROSS JOIN group_members AS m ON m.user_id = wanted.user_id
                         CROSS JOIN chat_groups AS g ON g.id = m.group_id
                         WHERE g.status = 0 ORDER BY g.updated_at_ms DESC, g.id DESC"
                    )
                })
                .fetch_all(&self.readers)
                .await?;
            for row in &rows {
                found.add(row::user_id(row, "user_id")?, row::group_version(row)?);
            }
        }
        Ok(found.in_order())
    }

    async fn groups(
        &self,
        reader: Option<UserId>,
        ids: &[GroupId],
    ) -> Result<Vec<Group>, StoreError> {
        let mut groups = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let wanted = Values::new(chunk, 1, |row, id| row.add(i64::from(id.get())))?;
            let found = wanted
                .query(|values| {
                    format!(
                        "WITH wanted(id) AS ({values}), reader(id) AS (SELECT ?)
                         SELECT {GROUP}
                         FROM reader CROSS JOIN chat_groups AS g
                         LEFT JOIN group_members AS m ON m.group_id = g.id AND m.user_id = reader.id
                         WHERE g.id IN (SELECT id FROM wanted) AND g.status = 0
                         AND (reader.id = 0 OR m.user_id IS NOT NULL)"
                    )
                })
                .bind(reader.map_or(0, |reader| i64::from(reader.get())))
                .fetch_all(&self.readers)
                .await?;
            for found in &found {
                groups.push(row::group(found)?);
            }
        }
        Ok(groups)
    }

    async fn group_members(&self, group: GroupId) -> Result<Option<GroupMembers>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        members(&mut connection, group).await
    }

    async fn fellow_members(&self, user: UserId, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // counting no further than makes a difference
        let groups = sqlx::query(
            "WITH latest AS MATERIALIZED (
                 SELECT m.group_id FROM group_members AS m CROSS JOIN chat_groups AS g ON g.id = m.group_id
                 WHERE m.user_id = ?1 AND g.status = 0
                 ORDER BY m.joined_at_ms DESC, m.group_id DESC LIMIT ?3)
             SELECT group_id, (
                 SELECT count(*) FROM (
                     SELECT 1 FROM group_members AS f WHERE f.group_id = latest.group_id LIMIT ?2)) AS size
             FROM latest ORDER BY size, group_id",
        )
        .bind(i64::from(user.get()))
        .bind(limit.saturating_add(1))
        .bind(FELLOWSHIPS)
        .fetch_all(&self.readers)
        .await?;
        let mut fellows = Vec::new();
        let mut met = HashSet::from([user]);
        for group in &groups {
            let members = sqlx::query(
                "SELECT user_id FROM group_members WHERE group_id = ? ORDER BY user_id LIMIT ?",
            )
            .bind(row::int::<i64>(group, "group_id")?)
            .bind(limit.saturating_add(1))
            .fetch_all(&self.readers)
            .await?;
            for member in &members {
                let member = row::user_id(member, "user_id")?;
                if met.insert(member) {
                    fellows.push(member);
                }
                if fellows.len() as i64 >= limit {
                    return Ok(fellows);
                }
            }
        }
        Ok(fellows)
    }
}

/// On any connection, so that a write transaction can ask too.
async fn members(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Option<GroupMembers>, StoreError> {
    // one statement, so that version and members are of one moment
    let found = sqlx::query(
        "SELECT g.version, m.user_id FROM chat_groups AS g
         LEFT JOIN group_members AS m ON m.group_id = g.id
         WHERE g.id = ? AND g.status = 0 ORDER BY m.user_id",
    )
    .bind(i64::from(group.get()))
    .fetch_all(connection)
    .await?;
    let Some(first) = found.first() else {
        return Ok(None);
    };
    let mut members = Vec::with_capacity(found.len());
    for found in &found {
        members.extend(row::somebody(found, "user_id")?);
    }
    Ok(Some(GroupMembers {
        version: row::int(first, "version")?,
        members,
    }))
}

/// What is answered to a request that was carried out before.
async fn answered(
    connection: &mut SqliteConnection,
    key: Option<&RequestKey>,
) -> Result<Option<GroupChange>, StoreError> {
    let Some(done) = request::carried_out(connection, key).await? else {
        return Ok(None);
    };
    let now = members(connection, done.group_id).await?;
    Ok(Some(done.again(now)))
}

async fn insert_group(
    connection: &mut SqliteConnection,
    new: &NewGroup,
    now: UnixMillis,
) -> Result<GroupId, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO chat_groups (kind, name, avatar_url, creator_id, created_at_ms, updated_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING id",
    )
    .bind(new.kind.number())
    .bind(&new.name)
    .bind(&new.avatar_url)
    .bind(new.creator.map_or(0, |creator| i64::from(creator.get())))
    .bind(now.0)
    .fetch_one(connection)
    .await?;
    row::group_id(&inserted, "id")
}

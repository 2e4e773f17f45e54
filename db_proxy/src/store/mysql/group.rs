use std::collections::HashSet;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::attempt::{Repeat, attempts};
use super::group_step::{forget_requests_of, inherit};
use super::membership::{
    forget_former, insert_conversation, join, leave, lock, membership, somebody_is_full,
};
use super::meta::{NOW, now};
use super::statement::{CHUNK, Statement, list, padded};
use super::user::{add_id, existing};
use super::{MySqlStore, request};
use crate::store::each::Each;
use crate::store::request::CarriedOut;
use crate::store::row::{self, GROUP};
use crate::store::time::ChangeClock;
use crate::store::{
    Direction, Group, GroupChange, GroupKind, GroupMembers, GroupOutcome, GroupRefusal, GroupStore,
    GroupVersion, MemberChange, NewGroup, RequestKey, StoreError, UnixMillis,
};

/// Groups of a user that are looked at for his fellow members: those he joined last.
const FELLOWSHIPS: i64 = 100;

/// A group and its members, in one statement, so that version and members are of one moment.
const MEMBERS: &str = "SELECT g.version, m.user_id FROM chat_groups AS g
    LEFT JOIN group_members AS m ON m.group_id = g.id
    WHERE g.id = ? AND g.status = 0 ORDER BY m.user_id";

#[async_trait]
impl GroupStore for MySqlStore {
    async fn create_group(&self, new: &NewGroup) -> Result<GroupOutcome, StoreError> {
        let created = attempts(repeat(new.request.as_ref()), || async {
            let mut transaction = self.begin().await?;
            let created = create(&mut transaction, new, &self.messages).await;
            transaction.end(created, Result::is_ok).await
        });
        let created = created.await?;
        self.forget_requests(new.request.as_ref()).await;
        Ok(created)
    }

    async fn change_members(&self, wanted: &MemberChange) -> Result<GroupOutcome, StoreError> {
        let changed = attempts(repeat(wanted.request.as_ref()), || async {
            let mut transaction = self.begin().await?;
            let changed = change(&mut transaction, wanted, &self.messages).await;
            transaction.end(changed, Result::is_ok).await
        });
        let changed = changed.await?;
        self.forget_requests(wanted.request.as_ref()).await;
        if wanted.direction == Direction::Leave {
            self.forget_long_gone().await;
        }
        Ok(changed)
    }

    async fn mute_group(
        &self,
        user: UserId,
        group: GroupId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE group_members SET muted = ?, changed_at_ms = {NOW} WHERE group_id = ? AND user_id = ?
             AND EXISTS (SELECT 1 FROM chat_groups WHERE id = ? AND status = 0)"
        );
        let set = Statement::new(sql)
            .bind(i64::from(muted))
            .bind(i64::from(group.get()))
            .bind(i64::from(user.get()))
            .bind(i64::from(group.get()));
        Ok(self.execute(set).await? > 0)
    }

    async fn groups_of(
        &self,
        user: UserId,
        kind: Option<GroupKind>,
        limit: usize,
    ) -> Result<Vec<GroupVersion>, StoreError> {
        let kind = kind.map(GroupKind::number);
        let sql = "SELECT g.id, g.version FROM group_members AS m
                   STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
                   WHERE m.user_id = ? AND g.status = 0 AND (? IS NULL OR g.kind = ?)
                   ORDER BY g.updated_at_ms DESC, g.id DESC LIMIT ?";
        let found = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(kind)
            .bind(kind)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(found)
            .await?
            .iter()
            .map(row::group_version)
            .collect()
    }

    async fn groups_of_each(
        &self,
        users: &[UserId],
        limit: usize,
    ) -> Result<Vec<Vec<GroupVersion>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let chunk = padded(chunk);
            let places = list(chunk.len());
            let sql = format!(
                "SELECT m.user_id, g.id, g.version FROM group_members AS m
                 STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
                 WHERE m.user_id IN ({places}) AND g.status = 0 ORDER BY g.updated_at_ms DESC, g.id DESC"
            );
            let rows = Statement::new(sql).bind_all(chunk, add_id);
            for row in &self.rows(rows).await? {
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
        let reader = reader.map_or(0, |reader| i64::from(reader.get()));
        let mut groups = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let ids = padded(chunk);
            let sql = format!(
                "SELECT {GROUP} FROM chat_groups AS g
                 LEFT JOIN group_members AS m ON m.group_id = g.id AND m.user_id = ?
                 WHERE g.id IN ({}) AND g.status = 0 AND (? = 0 OR m.user_id IS NOT NULL)",
                list(ids.len())
            );
            let found = Statement::new(sql)
                .bind(reader)
                .bind_all(ids, |row, id| row.add(i64::from(id.get())))
                .bind(reader);
            for found in &self.rows(found).await? {
                groups.push(row::group(found)?);
            }
        }
        Ok(groups)
    }

    async fn group_members(&self, group: GroupId) -> Result<Option<GroupMembers>, StoreError> {
        let found = Statement::new(MEMBERS).bind(i64::from(group.get()));
        members(&self.rows(found).await?)
    }

    async fn fellow_members(&self, user: UserId, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut fellows = Vec::new();
        let mut met = HashSet::from([user]);
        for (group, _) in self.fellowships(user, limit.saturating_add(1)).await? {
            let sql =
                "SELECT user_id FROM group_members WHERE group_id = ? ORDER BY user_id LIMIT ?";
            let found = Statement::new(sql)
                .bind(group)
                .bind(limit.saturating_add(1));
            for member in &self.rows(found).await? {
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

impl MySqlStore {
    /// The groups the user joined last, with their size counted up to `most`, small ones first.
    async fn fellowships(&self, user: UserId, most: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = "SELECT m.group_id FROM group_members AS m
                   STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
                   WHERE m.user_id = ? AND g.status = 0
                   ORDER BY m.joined_at_ms DESC, m.group_id DESC LIMIT ?";
        let latest = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(FELLOWSHIPS);
        let latest = self.rows(latest).await?;
        let mut groups = Vec::with_capacity(latest.len());
        for found in &latest {
            let group: i64 = row::int(found, "group_id")?;
            // counting no further than makes a difference
            let sql = "SELECT count(*) AS size FROM (
                           SELECT 1 FROM group_members WHERE group_id = ? LIMIT ?) AS counted";
            let size = self.row(Statement::new(sql).bind(group).bind(most)).await?;
            let size = size.map_or(Ok(0), |size| row::int(&size, "size"))?;
            groups.push((group, size));
        }
        groups.sort_unstable_by_key(|(group, size)| (*size, *group));
        Ok(groups)
    }
}

/// With a key, what was done is answered again.
fn repeat(request: Option<&RequestKey>) -> Repeat {
    match request {
        Some(_) => Repeat::Harmless,
        None => Repeat::Undone,
    }
}

async fn create(
    connection: &mut MySqlConnection,
    new: &NewGroup,
    clock: &ChangeClock,
) -> Result<GroupOutcome, StoreError> {
    let now = clock.stamp_of(now(connection).await?);
    if let Some(done) = answered(connection, new.request.as_ref(), now).await? {
        return Ok(Ok(done));
    }
    if existing(connection, &new.members, "FOR UPDATE")
        .await?
        .len()
        < new.members.len()
    {
        return Ok(Err(GroupRefusal::NoSuchUser));
    }
    if new.kind == GroupKind::Temporary
        && new.creator.is_some()
        && somebody_is_full(connection, &new.members, new.groups_per_user).await?
    {
        return Ok(Err(GroupRefusal::TooManyGroups));
    }
    let group_id = insert_group(connection, new, now).await?;
    let place = insert_conversation(connection, group_id, now).await?;
    join(connection, &place, &new.members, now).await?;
    let created = GroupChange {
        group_id,
        version: 1,
        changed: new.members.clone(),
        members: new.members.clone(),
        inherited: None,
    };
    let done = CarriedOut::creation(&created);
    request::remember(connection, new.request.as_ref(), &done).await?;
    Ok(Ok(created))
}

async fn change(
    connection: &mut MySqlConnection,
    change: &MemberChange,
    clock: &ChangeClock,
) -> Result<GroupOutcome, StoreError> {
    let now = clock.stamp_of(now(connection).await?);
    if let Some(done) = answered(connection, change.request.as_ref(), now).await? {
        return Ok(Ok(done));
    }
    let Some(place) = lock(connection, change.group_id).await? else {
        return Ok(Err(GroupRefusal::NoSuchGroup));
    };
    let Some(membership) = membership(connection, change.group_id).await? else {
        return Ok(Err(GroupRefusal::NoSuchGroup));
    };
    let mut changed = match membership.after(change) {
        Ok(changed) => changed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    match change.direction {
        Direction::Join => {
            let known = existing(connection, &changed.changed, "FOR UPDATE").await?;
            if known.len() < changed.changed.len() {
                return Ok(Err(GroupRefusal::NoSuchUser));
            }
            if membership.kind == GroupKind::Temporary
                && change.actor.is_some()
                && somebody_is_full(connection, &changed.changed, change.groups_per_user).await?
            {
                return Ok(Err(GroupRefusal::TooManyGroups));
            }
            join(connection, &place, &changed.changed, now).await?;
            forget_former(connection, &place, &changed.changed).await?;
            forget_requests_of(connection, change.group_id, &changed.changed).await?;
        }
        Direction::Leave => leave(connection, &place, &changed.changed, now).await?,
    }
    let sql = "UPDATE chat_groups SET version = ?, updated_at_ms = greatest(updated_at_ms + 1, ?) WHERE id = ?";
    Statement::new(sql)
        .bind(i64::from(changed.version))
        .bind(now.0)
        .bind(i64::from(change.group_id.get()))
        .execute(connection)
        .await?;
    if membership.loses_owner(&changed) {
        changed.inherited = inherit(connection, change.group_id).await?;
    }
    let done = CarriedOut::change(&changed);
    request::remember(connection, change.request.as_ref(), &done).await?;
    Ok(Ok(changed))
}

/// What is answered to a request that was carried out before.
async fn answered(
    connection: &mut MySqlConnection,
    key: Option<&RequestKey>,
    now: UnixMillis,
) -> Result<Option<GroupChange>, StoreError> {
    let Some(done) = request::carried_out(connection, key, now).await? else {
        return Ok(None);
    };
    let found = Statement::new(MEMBERS).bind(i64::from(done.group_id.get()));
    let now = members(&found.fetch(connection).await?)?;
    Ok(Some(done.again(now)))
}

fn members(found: &[MySqlRow]) -> Result<Option<GroupMembers>, StoreError> {
    let Some(first) = found.first() else {
        return Ok(None);
    };
    let mut members = Vec::with_capacity(found.len());
    for found in found {
        members.extend(row::somebody(found, "user_id")?);
    }
    Ok(Some(GroupMembers {
        version: row::int(first, "version")?,
        members,
    }))
}

async fn insert_group(
    connection: &mut MySqlConnection,
    new: &NewGroup,
    now: UnixMillis,
) -> Result<GroupId, StoreError> {
    let sql =
        "INSERT INTO chat_groups (kind, name, avatar_url, creator_id, created_at_ms, updated_at_ms)
         VALUES (?, ?, ?, ?, ?, ?)";
    let id = Statement::new(sql)
        .bind(new.kind.number())
        .bind(&new.name)
        .bind(&new.avatar_url)
        .bind(new.creator.map_or(0, |creator| i64::from(creator.get())))
        .bind(now.0)
        .bind(now.0)
        .insert(connection)
        .await?;
    let id = row::fitting("id", id)?;
    GroupId::new(id).ok_or_else(|| row::out_of_range("id", 0))
}

mod find;
mod write;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use self::find::{admins, details, find, ids, members, requests};
use self::write::write;
use super::membership::members_of;
use super::row::{self, GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST};
use super::{SqliteStore, request};
use crate::store::group_rule::judge;
use crate::store::request::CarriedOut;
use crate::store::{
    GroupComings, GroupMember, GroupRequest, GroupRole, GroupStepOutcome, GroupStepRefusal,
    GroupStepStore, GroupStepped, GroupView, GroupWish, Inherited, StoreError, UnixMillis,
};

#[async_trait]
impl GroupStepStore for SqliteStore {
    async fn take_group_step(&self, wish: &GroupWish) -> Result<GroupStepOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(done) = request::carried_out(&mut transaction, wish.request.as_ref()).await? {
            return again(&mut transaction, wish, done).await;
        }
        let now = self.clock.stamp();
        let Some(found) = find(&mut transaction, wish, now).await? else {
            return Ok(Err(GroupStepRefusal::NoSuchGroup));
        };
        let effects = match judge(&found, wish) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(version) = found.version_after(&effects) else {
            return Ok(Err(GroupStepRefusal::VersionsUsedUp));
        };
        let after = write(&mut transaction, wish, &found, &effects, version).await?;
        let stepped = after.told(&found, wish, &effects);
        let moved = stepped.comings.as_ref().map(|moved| moved.users.clone());
        let done = CarriedOut::step(wish.group, version, moved.unwrap_or_default());
        request::remember(&mut transaction, wish.request.as_ref(), &done, now).await?;
        transaction.commit().await?;
        Ok(Ok(stepped))
    }

    async fn group_view(
        &self,
        reader: UserId,
        group: GroupId,
        requests_since: UnixMillis,
    ) -> Result<Option<GroupView>, StoreError> {
        let sql = format!(
            "SELECT {GROUP_DETAILS},
             EXISTS (SELECT 1 FROM group_members WHERE group_id = ?1 AND user_id = ?2) AS member,
             EXISTS (SELECT 1 FROM group_requests WHERE group_id = ?1 AND user_id = ?2 AND kind = 1 AND state = 1
                     AND changed_at_ms >= ?3) AS invited
             FROM chat_groups AS g WHERE g.id = ?1 AND g.status = 0"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(group.get()))
            .bind(i64::from(reader.get()))
            .bind(requests_since.0)
            .fetch_optional(&self.readers)
            .await?;
        found.as_ref().map(row::group_view).transpose()
    }

    async fn group_roll(
        &self,
        group: GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<GroupMember>, StoreError> {
        let sql = format!(
            "SELECT {GROUP_MEMBER} FROM chat_groups AS g CROSS JOIN group_members AS m ON m.group_id = g.id
             WHERE g.id = ? AND g.status = 0 AND m.user_id > ? ORDER BY m.user_id LIMIT ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(group.get()))
            .bind(after.map_or(0, |after| i64::from(after.get())))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(row::group_member).collect()
    }

    async fn group_requests(
        &self,
        user: UserId,
        since: UnixMillis,
        after: Option<(GroupId, UserId)>,
        limit: usize,
    ) -> Result<Vec<GroupRequest>, StoreError> {
        let sql = format!(
            "SELECT {GROUP_REQUEST} FROM group_requests AS r CROSS JOIN chat_groups AS g ON g.id = r.group_id
             WHERE r.user_id = ?1 AND r.state = 1 AND r.changed_at_ms >= ?2 AND g.status = 0
             AND (r.group_id > ?3 OR (r.group_id = ?3 AND r.user_id > ?4))
             AND NOT EXISTS (SELECT 1 FROM contacts AS c WHERE c.user_id = ?1 AND c.other_id = r.by_user_id
                             AND c.blocked <> 0)
             UNION ALL
             SELECT {GROUP_REQUEST} FROM group_members AS m CROSS JOIN chat_groups AS g ON g.id = m.group_id
             CROSS JOIN group_requests AS r ON r.group_id = g.id
             WHERE m.user_id = ?1 AND (m.role > 0 OR g.creator_id = ?1) AND g.status = 0 AND r.kind = 2
             AND r.state = 1 AND r.changed_at_ms >= ?2
             AND (r.group_id > ?3 OR (r.group_id = ?3 AND r.user_id > ?4))
             ORDER BY 1, 2 LIMIT ?5"
        );
        let (group, behind) = after.map_or((0, 0), |(group, user)| (group.get(), user.get()));
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(user.get()))
            .bind(since.0)
            .bind(i64::from(group))
            .bind(i64::from(behind))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(row::group_request).collect()
    }
}

/// Makes the member who is to be it the owner of a group whose owner has just left: the admin who has been in it for longest,
/// or else the member. `None`: nobody is in it.
pub(super) async fn inherit(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Option<Inherited>, StoreError> {
    let id = i64::from(group.get());
    let sql = format!(
        "SELECT {GROUP_MEMBER} FROM group_members AS m CROSS JOIN chat_groups AS g ON g.id = m.group_id
         WHERE m.group_id = ? ORDER BY m.role DESC, m.joined_at_ms, m.user_id LIMIT 1"
    );
    let heir = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(heir) = heir else { return Ok(None) };
    let heir = row::group_member(&heir)?;
    for sql in [
        "UPDATE chat_groups SET creator_id = ?2 WHERE id = ?1",
        "UPDATE group_members SET role = 0 WHERE group_id = ?1 AND user_id = ?2",
    ] {
        sqlx::query(sql)
            .bind(id)
            .bind(i64::from(heir.user.get()))
            .execute(&mut *connection)
            .await?;
    }
    let (details, _) = details(connection, group)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let owner = GroupMember {
        role: GroupRole::Owner,
        ..heir
    };
    Ok(Some(Inherited { details, owner }))
}

/// Ends a group that nobody is in.
pub(super) async fn disband(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<(), StoreError> {
    for sql in [
        "UPDATE chat_groups SET status = 1 WHERE id = ?",
        "DELETE FROM group_requests WHERE group_id = ?",
    ] {
        sqlx::query(sql)
            .bind(i64::from(group.get()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Whoever is in a group has nothing to ask any more.
pub(super) async fn forget_requests_of(
    connection: &mut SqliteConnection,
    group: GroupId,
    users: &[UserId],
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM group_requests WHERE group_id = ? AND user_id IN (SELECT value FROM json_each(?))",
    )
    .bind(i64::from(group.get()))
    .bind(ids(users))
    .execute(connection)
    .await?;
    Ok(())
}

/// What is answered to a step that was taken before.
async fn again(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
    done: CarriedOut,
) -> Result<GroupStepOutcome, StoreError> {
    let Some((details, is_disbanded)) = details(connection, wish.group).await? else {
        return Ok(Err(GroupStepRefusal::NoSuchGroup));
    };
    let mut users = wish.step.named();
    users.push(wish.user);
    let named = members(connection, wish.group, &users).await?;
    let touched = wish.step.requesting(wish.user);
    let requests = requests(connection, wish.group, &touched, UnixMillis(0)).await?;
    let admins = admins(connection, wish.group).await?;
    let moved = done.into_changed();
    let comings = match moved.is_empty() {
        true => None,
        false => Some(GroupComings {
            by: wish.user,
            direction: wish.step.direction(),
            users: moved,
            members: members_of(connection, wish.group).await?,
        }),
    };
    let told = |request: GroupRequest| (request.clone(), request.audience(&admins));
    Ok(Ok(GroupStepped {
        is_member: named.iter().any(|member| member.user == wish.user),
        changed: (!is_disbanded).then_some(named),
        comings,
        requests: requests.into_iter().map(told).collect(),
        details,
    }))
}

//! A group as far as a step concerns it, inside the transaction that takes it.

use proto::ids::{GroupId, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::store::group_rule::{Counts, Found, Subject};
use crate::store::row::{self, GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST};
use crate::store::{
    GroupDetails, GroupMember, GroupRequest, GroupStep, GroupWish, StoreError, UnixMillis,
    UserStatus,
};

/// The group, and whether it is disbanded.
pub(super) async fn details(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Option<(GroupDetails, bool)>, StoreError> {
    let sql = format!("SELECT {GROUP_DETAILS} FROM chat_groups AS g WHERE g.id = ?");
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(i64::from(group.get()))
        .fetch_optional(connection)
        .await?;
    let read = |found: SqliteRow| Ok((row::group_details(&found)?, row::flag(&found, "status")?));
    found.map(read).transpose()
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
    now: UnixMillis,
) -> Result<Option<Found>, StoreError> {
    let Some((details, is_disbanded)) = details(connection, wish.group).await? else {
        return Ok(None);
    };
    let mut users = wish.step.named();
    users.push(wish.user);
    let since = now.before(wish.bounds.waiting);
    Ok(Some(Found {
        details,
        is_disbanded,
        members: members(connection, wish.group, &users).await?,
        requests: requests(connection, wish.group, &users, since).await?,
        subjects: subjects(connection, wish, since).await?,
        counts: counts(connection, wish.group, since).await?,
        was_member: was_member(connection, wish).await?,
        now,
    }))
}

pub(super) async fn members(
    connection: &mut SqliteConnection,
    group: GroupId,
    users: &[UserId],
) -> Result<Vec<GroupMember>, StoreError> {
    let sql = format!(
        "SELECT {GROUP_MEMBER} FROM json_each(?2) AS wanted
         CROSS JOIN group_members AS m ON m.group_id = ?1 AND m.user_id = wanted.value
         CROSS JOIN chat_groups AS g ON g.id = m.group_id"
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(i64::from(group.get()))
        .bind(ids(users))
        .fetch_all(connection)
        .await?;
    found.iter().map(row::group_member).collect()
}

pub(super) async fn requests(
    connection: &mut SqliteConnection,
    group: GroupId,
    users: &[UserId],
    since: UnixMillis,
) -> Result<Vec<GroupRequest>, StoreError> {
    let sql = format!(
        "SELECT {GROUP_REQUEST} FROM json_each(?2) AS wanted
         CROSS JOIN group_requests AS r ON r.group_id = ?1 AND r.user_id = wanted.value
         CROSS JOIN chat_groups AS g ON g.id = r.group_id WHERE r.changed_at_ms >= ?3"
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(i64::from(group.get()))
        .bind(ids(users))
        .bind(since.0)
        .fetch_all(connection)
        .await?;
    found.iter().map(row::group_request).collect()
}

async fn subjects(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
    since: UnixMillis,
) -> Result<Vec<Subject>, StoreError> {
    let users = wish.step.subjects(wish.user);
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let found = sqlx::query(
        "SELECT u.id, (SELECT count(*) FROM group_members WHERE user_id = u.id) AS memberships,
         (SELECT count(*) FROM group_requests AS r WHERE r.user_id = u.id AND r.kind = 1 AND r.state = 1
          AND r.changed_at_ms >= ?3) AS invitations,
         (SELECT count(*) FROM group_requests AS r WHERE r.user_id = u.id AND r.kind = 2 AND r.state = 1
          AND r.changed_at_ms >= ?3) AS applications,
         EXISTS (SELECT 1 FROM contacts AS c WHERE c.user_id = u.id AND c.other_id = ?1 AND c.blocked <> 0) AS blocks
         FROM json_each(?2) AS wanted CROSS JOIN users AS u ON u.id = wanted.value WHERE u.status <> ?4",
    )
    .bind(i64::from(wish.user.get()))
    .bind(ids(&users))
    .bind(since.0)
    .bind(i64::from(UserStatus::LEFT.0))
    .fetch_all(connection)
    .await?;
    found.iter().map(row::subject).collect()
}

async fn counts(
    connection: &mut SqliteConnection,
    group: GroupId,
    since: UnixMillis,
) -> Result<Counts, StoreError> {
    let found = sqlx::query(
        "SELECT (SELECT count(*) FROM group_members WHERE group_id = ?1 AND role > 0) AS admins,
         (SELECT count(*) FROM group_requests WHERE group_id = ?1 AND kind = 2 AND state = 1
          AND changed_at_ms >= ?2) AS applications,
         (SELECT count(*) FROM group_requests WHERE group_id = ?1 AND kind = 1 AND state = 1
          AND changed_at_ms >= ?2) AS invitations",
    )
    .bind(i64::from(group.get()))
    .bind(since.0)
    .fetch_one(connection)
    .await?;
    row::counts(&found)
}

async fn was_member(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
) -> Result<bool, StoreError> {
    if wish.step != GroupStep::Leave {
        return Ok(false);
    }
    let found = sqlx::query("SELECT 1 FROM former_members WHERE user_id = ? AND group_id = ?")
        .bind(i64::from(wish.user.get()))
        .bind(i64::from(wish.group.get()))
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

pub(super) async fn admins(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Vec<UserId>, StoreError> {
    let found = sqlx::query(
        "SELECT m.user_id FROM chat_groups AS g CROSS JOIN group_members AS m ON m.group_id = g.id
         WHERE g.id = ? AND (m.role > 0 OR m.user_id = g.creator_id) ORDER BY m.user_id",
    )
    .bind(i64::from(group.get()))
    .fetch_all(connection)
    .await?;
    let admins = found.iter().map(|found| row::user_id(found, "user_id"));
    admins.collect()
}

/// As an array of JSON, which a statement takes apart again.
pub(super) fn ids(users: &[UserId]) -> String {
    let ids: Vec<String> = users.iter().map(|user| user.get().to_string()).collect();
    format!("[{}]", ids.join(","))
}

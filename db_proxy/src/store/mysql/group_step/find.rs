//! A group as far as a step concerns it, inside the transaction that takes it.

use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::super::statement::{CHUNK, Statement, list, padded};
use super::super::user::{add_id, existing};
use crate::store::group_rule::{Counts, Found, Subject};
use crate::store::row::{self, GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST};
use crate::store::{
    GroupDetails, GroupMember, GroupRequest, GroupStep, GroupWish, StoreError, UnixMillis,
    UserStatus,
};

/// The group, and whether it is disbanded.
pub(super) async fn details(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Option<(GroupDetails, bool)>, StoreError> {
    let sql = format!("SELECT {GROUP_DETAILS} FROM chat_groups AS g WHERE g.id = ?");
    let found = Statement::new(sql)
        .bind(i64::from(group.get()))
        .first(connection)
        .await?;
    let read = |found: MySqlRow| Ok((row::group_details(&found)?, row::flag(&found, "status")?));
    found.map(read).transpose()
}

pub(super) async fn find(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
    now: UnixMillis,
) -> Result<Option<Found>, StoreError> {
    let since = now.before(wish.bounds.waiting);
    // first, since it locks them
    let subjects = subjects(connection, wish, since).await?;
    let Some((details, is_disbanded)) = details(connection, wish.group).await? else {
        return Ok(None);
    };
    let mut users = wish.step.named();
    users.push(wish.user);
    Ok(Some(Found {
        details,
        is_disbanded,
        members: members(connection, wish.group, &users).await?,
        requests: requests(connection, wish.group, &users, since).await?,
        subjects,
        counts: counts(connection, wish.group, since).await?,
        was_member: was_member(connection, wish).await?,
        now,
    }))
}

pub(super) async fn members(
    connection: &mut MySqlConnection,
    group: GroupId,
    users: &[UserId],
) -> Result<Vec<GroupMember>, StoreError> {
    let mut members = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "SELECT {GROUP_MEMBER} FROM group_members AS m STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
             WHERE m.group_id = ? AND m.user_id IN ({})",
            list(users.len())
        );
        let found = Statement::new(sql)
            .bind(i64::from(group.get()))
            .bind_all(users, add_id);
        for found in &found.fetch(connection).await? {
            members.push(row::group_member(found)?);
        }
    }
    Ok(members)
}

pub(super) async fn requests(
    connection: &mut MySqlConnection,
    group: GroupId,
    users: &[UserId],
    since: UnixMillis,
) -> Result<Vec<GroupRequest>, StoreError> {
    let mut requests = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "SELECT {GROUP_REQUEST} FROM group_requests AS r STRAIGHT_JOIN chat_groups AS g ON g.id = r.group_id
             WHERE r.changed_at_ms >= ? AND r.group_id = ? AND r.user_id IN ({})",
            list(users.len())
        );
        let found = Statement::new(sql)
            .bind(since.0)
            .bind(i64::from(group.get()))
            .bind_all(users, add_id);
        for found in &found.fetch(connection).await? {
            requests.push(row::group_request(found)?);
        }
    }
    Ok(requests)
}

/// Locked, so that nobody else brings them in or asks them meanwhile.
async fn subjects(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
    since: UnixMillis,
) -> Result<Vec<Subject>, StoreError> {
    let users = wish.step.subjects(wish.user);
    existing(connection, &users, "FOR UPDATE").await?;
    let mut subjects = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "SELECT u.id, (SELECT count(*) FROM group_members AS m WHERE m.user_id = u.id) AS memberships,
             (SELECT count(*) FROM group_requests AS r WHERE r.user_id = u.id AND r.kind = 1 AND r.state = 1
              AND r.changed_at_ms >= ?) AS invitations,
             (SELECT count(*) FROM group_requests AS r WHERE r.user_id = u.id AND r.kind = 2 AND r.state = 1
              AND r.changed_at_ms >= ?) AS applications,
             EXISTS (SELECT 1 FROM contacts AS c WHERE c.user_id = u.id AND c.other_id = ? AND c.blocked <> 0) AS blocks
             FROM users AS u WHERE u.status <> ? AND u.id IN ({})",
            list(users.len())
        );
        let found = Statement::new(sql)
            .bind(since.0)
            .bind(since.0)
            .bind(i64::from(wish.user.get()))
            .bind(i64::from(UserStatus::LEFT.0))
            .bind_all(users, add_id);
        for found in &found.fetch(connection).await? {
            subjects.push(row::subject(found)?);
        }
    }
    Ok(subjects)
}

async fn counts(
    connection: &mut MySqlConnection,
    group: GroupId,
    since: UnixMillis,
) -> Result<Counts, StoreError> {
    let sql =
        "SELECT (SELECT count(*) FROM group_members WHERE group_id = ? AND role > 0) AS admins,
               (SELECT count(*) FROM group_requests WHERE group_id = ? AND kind = 2 AND state = 1
                AND changed_at_ms >= ?) AS applications,
               (SELECT count(*) FROM group_requests WHERE group_id = ? AND kind = 1 AND state = 1
                AND changed_at_ms >= ?) AS invitations";
    let group = i64::from(group.get());
    let found = Statement::new(sql)
        .bind(group)
        .bind(group)
        .bind(since.0)
        .bind(group)
        .bind(since.0);
    let found = found.first(connection).await?;
    found.map_or_else(|| Ok(Counts::default()), |found| row::counts(&found))
}

async fn was_member(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
) -> Result<bool, StoreError> {
    if wish.step != GroupStep::Leave {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM former_members WHERE user_id = ? AND group_id = ?";
    let found = Statement::new(sql)
        .bind(i64::from(wish.user.get()))
        .bind(i64::from(wish.group.get()));
    Ok(found.first(connection).await?.is_some())
}

pub(super) async fn admins(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT m.user_id FROM chat_groups AS g STRAIGHT_JOIN group_members AS m ON m.group_id = g.id
               WHERE g.id = ? AND (m.role > 0 OR m.user_id = g.creator_id) ORDER BY m.user_id";
    let found = Statement::new(sql).bind(i64::from(group.get()));
    let found = found.fetch(connection).await?;
    let admins = found.iter().map(|found| row::user_id(found, "user_id"));
    admins.collect()
}

//! What a step does, inside the transaction that takes it.

use proto::ids::GroupId;
use sqlx::MySqlConnection;

use super::super::membership::{Place, forget_former, join, leave, members_of};
use super::super::statement::Statement;
use super::find::{admins, details};
use super::forget_requests_of;
use crate::store::group_rule::{After, Effects, Found, Leaves};
use crate::store::row::{self, GROUP_REQUEST};
use crate::store::{
    GroupMember, GroupRequest, GroupRequestState, GroupRole, GroupWish, StoreError, UnixMillis,
};

pub(super) async fn write(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
    (found, effects): (&Found, &Effects),
    place: &Place,
    version: u32,
) -> Result<After, StoreError> {
    let now = found.now;
    let mut after = After::of(effects);
    if effects.requests.iter().any(GroupRequest::is_application) {
        after.admins = admins(connection, wish.group).await?;
    }
    if effects.is_change(found) {
        update(connection, effects, version, now).await?;
    }
    if !effects.joins.is_empty() {
        join(connection, place, &effects.joins, now).await?;
        forget_former(connection, place, &effects.joins).await?;
        forget_requests_of(connection, wish.group, &effects.joins).await?;
    }
    match effects.leaves {
        Leaves::Nobody => {}
        Leaves::One(user) => after.gone = vec![user],
        Leaves::Everybody => {
            after.gone = members_of(connection, wish.group).await?;
            after.ended = end_requests(connection, wish, now).await?;
        }
    }
    leave(connection, place, &after.gone, now).await?;
    for member in &effects.members {
        update_member(connection, wish.group, member).await?;
    }
    for request in &effects.requests {
        keep_request(connection, request, now).await?;
    }
    if !effects.joins.is_empty() || !after.gone.is_empty() {
        after.members = members_of(connection, wish.group).await?;
    }
    if let Some((details, _)) = details(connection, wish.group).await? {
        after.details = details;
    }
    Ok(after)
}

async fn update(
    connection: &mut MySqlConnection,
    effects: &Effects,
    version: u32,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let group = &effects.details;
    let told = group.announcement.as_ref();
    let told_by = told.and_then(|told| told.by);
    Statement::new(
        "UPDATE chat_groups SET name = ?, avatar_url = ?, creator_id = ?, announcement = ?, announced_by = ?,
         announced_at_ms = ?, joining = ?, inviting = ?, member_limit = ?, muted_until_ms = ?, status = ?,
         version = ?, updated_at_ms = greatest(updated_at_ms + 1, ?) WHERE id = ?",
    )
    .bind(group.name.as_str())
    .bind(group.avatar_url.as_str())
    .bind(group.creator.map_or(0, |user| i64::from(user.get())))
    .bind(told.map_or("", |told| told.text.as_str()))
    .bind(told_by.map_or(0, |user| i64::from(user.get())))
    .bind(told.map_or(0, |told| told.at.0))
    .bind(group.joining.number())
    .bind(group.inviting.number())
    .bind(i64::from(group.member_limit))
    .bind(group.muted_until.map_or(0, |until| until.0))
    .bind(i64::from(effects.leaves == Leaves::Everybody))
    .bind(i64::from(version))
    .bind(now.0)
    .bind(i64::from(group.id.get()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_member(
    connection: &mut MySqlConnection,
    group: GroupId,
    member: &GroupMember,
) -> Result<(), StoreError> {
    Statement::new(
        "UPDATE group_members SET role = ?, nickname = ?, muted_until_ms = ? WHERE group_id = ? AND user_id = ?",
    )
    .bind(i64::from(member.role == GroupRole::Admin))
    .bind(member.nickname.as_str())
    .bind(member.muted_until.map_or(0, |until| until.0))
    .bind(i64::from(group.get()))
    .bind(i64::from(member.user.get()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_request(
    connection: &mut MySqlConnection,
    request: &GroupRequest,
    now: UnixMillis,
) -> Result<(), StoreError> {
    if request.state == GroupRequestState::Accepted {
        return Ok(());
    }
    Statement::new(
        "INSERT INTO group_requests
         (group_id, user_id, by_user_id, kind, state, greeting, created_at_ms, changed_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE by_user_id = VALUES(by_user_id), kind = VALUES(kind), state = VALUES(state),
         greeting = VALUES(greeting), created_at_ms = VALUES(created_at_ms), changed_at_ms = VALUES(changed_at_ms)",
    )
    .bind(i64::from(request.group.get()))
    .bind(i64::from(request.user.get()))
    .bind(i64::from(request.by.get()))
    .bind(request.kind.number())
    .bind(request.state.number())
    .bind(request.greeting.as_str())
    .bind(request.created_at.0)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes all requests of a group away; those that waited are to hear of it.
async fn end_requests(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
    now: UnixMillis,
) -> Result<Vec<GroupRequest>, StoreError> {
    let group = i64::from(wish.group.get());
    let sql = format!(
        "SELECT {GROUP_REQUEST} FROM group_requests AS r STRAIGHT_JOIN chat_groups AS g ON g.id = r.group_id
         WHERE r.group_id = ? AND r.state = 1 AND r.changed_at_ms >= ?"
    );
    let found = Statement::new(sql)
        .bind(group)
        .bind(now.before(wish.bounds.waiting).0)
        .fetch(connection)
        .await?;
    Statement::new("DELETE FROM group_requests WHERE group_id = ?")
        .bind(group)
        .execute(connection)
        .await?;
    let ended = found
        .iter()
        .map(|found| Ok(row::group_request(found)?.ended()));
    ended.collect()
}

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::membership::{forget_former, join, leave, members_of, place};
use super::row::{self, GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST};
use super::{SqliteStore, request};
use crate::store::group_rule::{After, Counts, Effects, Found, Leaves, Subject, judge};
use crate::store::request::CarriedOut;
use crate::store::{
    GroupComings, GroupDetails, GroupMember, GroupRequest, GroupRequestState, GroupRole, GroupStep,
    GroupStepOutcome, GroupStepRefusal, GroupStepStore, GroupStepped, GroupView, GroupWish,
    Inherited, StoreError, UnixMillis, UserStatus,
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

/// The group, and whether it is disbanded.
async fn details(
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

async fn find(
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

async fn members(
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

async fn requests(
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

async fn admins(
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

async fn write(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
    found: &Found,
    effects: &Effects,
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
    let place = place(connection, wish.group).await?;
    if !effects.joins.is_empty() {
        join(connection, &place, &effects.joins, now).await?;
        forget_former(connection, &place, &effects.joins).await?;
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
    leave(connection, &place, &after.gone, now).await?;
    for member in &effects.members {
        update_member(connection, wish.group, member).await?;
    }
    for request in &effects.requests {
        keep_request(connection, request, now).await?;
    }
    sqlx::query("DELETE FROM group_requests WHERE changed_at_ms < ?")
        .bind(now.before(wish.bounds.waiting).0)
        .execute(&mut *connection)
        .await?;
    if !effects.joins.is_empty() || !after.gone.is_empty() {
        after.members = members_of(connection, wish.group).await?;
    }
    if let Some((details, _)) = details(connection, wish.group).await? {
        after.details = details;
    }
    Ok(after)
}

async fn update(
    connection: &mut SqliteConnection,
    effects: &Effects,
    version: u32,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let group = &effects.details;
    let told = group.announcement.as_ref();
    sqlx::query(
        "UPDATE chat_groups SET name = ?, avatar_url = ?, creator_id = ?, announcement = ?, announced_by = ?,
         announced_at_ms = ?, joining = ?, inviting = ?, member_limit = ?, muted_until_ms = ?, status = ?,
         version = ?, updated_at_ms = max(updated_at_ms + 1, ?) WHERE id = ?",
    )
    .bind(&group.name)
    .bind(&group.avatar_url)
    .bind(group.creator.map_or(0, |user| i64::from(user.get())))
    .bind(told.map_or("", |told| &told.text))
    .bind(told.and_then(|told| told.by).map_or(0, |user| i64::from(user.get())))
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
    connection: &mut SqliteConnection,
    group: GroupId,
    member: &GroupMember,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE group_members SET role = ?, nickname = ?, muted_until_ms = ? WHERE group_id = ? AND user_id = ?",
    )
    .bind(i64::from(member.role == GroupRole::Admin))
    .bind(&member.nickname)
    .bind(member.muted_until.map_or(0, |until| until.0))
    .bind(i64::from(group.get()))
    .bind(i64::from(member.user.get()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_request(
    connection: &mut SqliteConnection,
    request: &GroupRequest,
    now: UnixMillis,
) -> Result<(), StoreError> {
    if request.state == GroupRequestState::Accepted {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO group_requests
         (group_id, user_id, by_user_id, kind, state, greeting, created_at_ms, changed_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (group_id, user_id) DO UPDATE SET by_user_id = excluded.by_user_id, kind = excluded.kind,
         state = excluded.state, greeting = excluded.greeting, created_at_ms = excluded.created_at_ms,
         changed_at_ms = excluded.changed_at_ms",
    )
    .bind(i64::from(request.group.get()))
    .bind(i64::from(request.user.get()))
    .bind(i64::from(request.by.get()))
    .bind(request.kind.number())
    .bind(request.state.number())
    .bind(&request.greeting)
    .bind(request.created_at.0)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes all requests of a group away; those that waited are to hear of it.
async fn end_requests(
    connection: &mut SqliteConnection,
    wish: &GroupWish,
    now: UnixMillis,
) -> Result<Vec<GroupRequest>, StoreError> {
    let group = i64::from(wish.group.get());
    let sql = format!(
        "SELECT {GROUP_REQUEST} FROM group_requests AS r CROSS JOIN chat_groups AS g ON g.id = r.group_id
         WHERE r.group_id = ? AND r.state = 1 AND r.changed_at_ms >= ?"
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(group)
        .bind(now.before(wish.bounds.waiting).0)
        .fetch_all(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM group_requests WHERE group_id = ?")
        .bind(group)
        .execute(connection)
        .await?;
    let ended = found
        .iter()
        .map(|found| Ok(row::group_request(found)?.ended()));
    ended.collect()
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

/// As an array of JSON, which a statement takes apart again.
fn ids(users: &[UserId]) -> String {
    let ids: Vec<String> = users.iter().map(|user| user.get().to_string()).collect();
    format!("[{}]", ids.join(","))
}

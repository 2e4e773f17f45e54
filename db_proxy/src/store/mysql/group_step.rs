mod find;
mod write;

use async_trait::async_trait;
use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;
use tokio::time::timeout;
use tracing::debug;

use self::find::{admins, details, find, members, requests};
use self::write::write;
use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::membership::{lock, members_of};
use super::meta::now;
use super::request::{self, FORGET};
use super::session::Session;
use super::statement::{CHUNK, Statement, list, padded};
use super::user::add_id;
use crate::store::group_rule::judge;
use crate::store::request::CarriedOut;
use crate::store::row::{self, GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST};
use crate::store::time::ChangeClock;
use crate::store::{
    GroupComings, GroupMember, GroupRequest, GroupRole, GroupStepOutcome, GroupStepRefusal,
    GroupStepStore, GroupStepped, GroupView, GroupWish, Inherited, StoreError, UnixMillis,
};

#[async_trait]
impl GroupStepStore for MySqlStore {
    async fn take_group_step(&self, wish: &GroupWish) -> Result<GroupStepOutcome, StoreError> {
        let repeat = match wish.request {
            Some(_) => Repeat::Harmless,
            None => Repeat::Undone,
        };
        let taken = attempts(repeat, || async {
            let mut transaction = self.begin().await?;
            let taken = take(&mut transaction, wish, &self.messages).await;
            transaction.end(taken, Result::is_ok).await
        });
        let taken = taken.await?;
        self.forget_requests(wish.request.as_ref()).await;
        self.forget_group_requests(wish).await;
        if let Ok(stepped) = &taken
            && stepped.comings.is_some()
            && !stepped.is_member
        {
            self.forget_long_gone().await;
        }
        Ok(taken)
    }

    async fn group_view(
        &self,
        reader: UserId,
        group: GroupId,
        requests_since: UnixMillis,
    ) -> Result<Option<GroupView>, StoreError> {
        let sql = format!(
            "SELECT {GROUP_DETAILS},
             EXISTS (SELECT 1 FROM group_members AS m WHERE m.group_id = g.id AND m.user_id = ?) AS member,
             EXISTS (SELECT 1 FROM group_requests AS r WHERE r.group_id = g.id AND r.user_id = ? AND r.kind = 1
                     AND r.state = 1 AND r.changed_at_ms >= ?) AS invited
             FROM chat_groups AS g WHERE g.id = ? AND g.status = 0"
        );
        let found = Statement::new(sql)
            .bind(i64::from(reader.get()))
            .bind(i64::from(reader.get()))
            .bind(requests_since.0)
            .bind(i64::from(group.get()));
        let found = self.row(found).await?;
        found.as_ref().map(row::group_view).transpose()
    }

    async fn group_roll(
        &self,
        group: GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<GroupMember>, StoreError> {
        let sql = format!(
            "SELECT {GROUP_MEMBER} FROM chat_groups AS g STRAIGHT_JOIN group_members AS m ON m.group_id = g.id
             WHERE g.id = ? AND g.status = 0 AND m.user_id > ? ORDER BY m.user_id LIMIT ?"
        );
        let found = Statement::new(sql)
            .bind(i64::from(group.get()))
            .bind(after.map_or(0, |after| i64::from(after.get())))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.rows(found).await?;
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
            "SELECT {GROUP_REQUEST} FROM group_requests AS r STRAIGHT_JOIN chat_groups AS g ON g.id = r.group_id
             WHERE r.user_id = ? AND r.state = 1 AND r.changed_at_ms >= ? AND g.status = 0
             AND (r.group_id > ? OR (r.group_id = ? AND r.user_id > ?))
             AND NOT EXISTS (SELECT 1 FROM contacts AS c WHERE c.user_id = r.user_id AND c.other_id = r.by_user_id
                             AND c.blocked <> 0)
             UNION ALL
             SELECT {GROUP_REQUEST} FROM group_members AS m STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
             STRAIGHT_JOIN group_requests AS r ON r.group_id = g.id
             WHERE m.user_id = ? AND r.state = 1 AND r.changed_at_ms >= ? AND g.status = 0
             AND (r.group_id > ? OR (r.group_id = ? AND r.user_id > ?))
             AND (m.role > 0 OR g.creator_id = m.user_id) AND r.kind = 2
             ORDER BY group_id, user_id LIMIT ?"
        );
        let (group, behind) = after.map_or((0, 0), |(group, user)| (group.get(), user.get()));
        let mut found = Statement::new(sql);
        for _part in 0..2 {
            found.add(i64::from(user.get()));
            found.add(since.0);
            found.add(i64::from(group));
            found.add(i64::from(group));
            found.add(i64::from(behind));
        }
        let found = found.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.rows(found).await?;
        found.iter().map(row::group_request).collect()
    }
}

impl MySqlStore {
    /// Forgets some of what nobody waits for any more, apart from the transactions that ask.
    async fn forget_group_requests(&self, wish: &GroupWish) {
        let before = UnixMillis::now().before(wish.bounds.waiting);
        let old = Statement::new("DELETE FROM group_requests WHERE changed_at_ms < ? LIMIT 100");
        let forget = async {
            let mut session = Session::of(&self.writers).await?;
            old.bind(before.0).execute(&mut session).await?;
            session.release();
            Ok::<_, StoreError>(())
        };
        let forgotten = timeout(FORGET, forget).await;
        if !matches!(forgotten, Ok(Ok(()))) {
            debug!("old requests of groups are kept for now");
        }
    }
}

async fn take(
    connection: &mut MySqlConnection,
    wish: &GroupWish,
    clock: &ChangeClock,
) -> Result<GroupStepOutcome, StoreError> {
    let now = clock.stamp_of(now(connection).await?);
    if let Some(done) = request::carried_out(connection, wish.request.as_ref(), now).await? {
        return again(connection, wish, done).await;
    }
    let Some(place) = lock(connection, wish.group).await? else {
        return Ok(Err(GroupStepRefusal::NoSuchGroup));
    };
    let Some(found) = find(connection, wish, now).await? else {
        return Ok(Err(GroupStepRefusal::NoSuchGroup));
    };
    let effects = match judge(&found, wish) {
        Ok(effects) => effects,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(version) = found.version_after(&effects) else {
        return Ok(Err(GroupStepRefusal::VersionsUsedUp));
    };
    let after = write(connection, wish, (&found, &effects), &place, version).await?;
    let stepped = after.told(&found, wish, &effects);
    let moved = stepped.comings.as_ref().map(|moved| moved.users.clone());
    let done = CarriedOut::step(wish.group, version, moved.unwrap_or_default());
    request::remember(connection, wish.request.as_ref(), &done).await?;
    Ok(Ok(stepped))
}

/// Makes the member who is to be it the owner of a group whose owner has just left: the admin who has been in it for longest,
/// or else the member. `None`: nobody is in it.
pub(super) async fn inherit(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Option<Inherited>, StoreError> {
    let id = i64::from(group.get());
    let sql = format!(
        "SELECT {GROUP_MEMBER} FROM group_members AS m STRAIGHT_JOIN chat_groups AS g ON g.id = m.group_id
         WHERE m.group_id = ? ORDER BY m.role DESC, m.joined_at_ms, m.user_id LIMIT 1"
    );
    let heir = Statement::new(sql).bind(id).first(connection).await?;
    let Some(heir) = heir else { return Ok(None) };
    let heir = row::group_member(&heir)?;
    for sql in [
        "UPDATE chat_groups SET creator_id = ? WHERE id = ?",
        "UPDATE group_members SET role = 0 WHERE user_id = ? AND group_id = ?",
    ] {
        Statement::new(sql)
            .bind(i64::from(heir.user.get()))
            .bind(id)
            .execute(connection)
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
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<(), StoreError> {
    for sql in [
        "UPDATE chat_groups SET status = 1 WHERE id = ?",
        "DELETE FROM group_requests WHERE group_id = ?",
    ] {
        Statement::new(sql)
            .bind(i64::from(group.get()))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Whoever is in a group has nothing to ask any more.
pub(super) async fn forget_requests_of(
    connection: &mut MySqlConnection,
    group: GroupId,
    users: &[UserId],
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "DELETE FROM group_requests WHERE group_id = ? AND user_id IN ({})",
            list(users.len())
        );
        Statement::new(sql)
            .bind(i64::from(group.get()))
            .bind_all(users, add_id)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// What is answered to a step that was taken before.
async fn again(
    connection: &mut MySqlConnection,
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

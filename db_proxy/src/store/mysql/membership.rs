//! Who is in a group and takes part in its conversation, inside the transaction of a creation or a change.

use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;

use super::key::key;
use super::statement::{CHUNK, Statement, list, padded, rows};
use super::user::add_id;
use crate::store::membership::Membership;
use crate::store::{Conversation, StoreError, UnixMillis, row};

/// A group and its conversation, with the last message as the transaction found it.
pub(super) struct Place {
    group: i64,
    conversation: i64,
    last: i64,
}

pub(super) async fn insert_conversation(
    connection: &mut MySqlConnection,
    group: GroupId,
    now: UnixMillis,
) -> Result<Place, StoreError> {
    let conversation = key(Conversation::Group(group));
    Statement::new("INSERT INTO conversations (id, created_at_ms) VALUES (?, ?)")
        .bind(conversation)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(Place {
        group: group.get().into(),
        conversation,
        last: 0,
    })
}

/// Locks the group's conversation: nobody writes to it or changes its members until the transaction ends. `None`: there
/// is no such group.
pub(super) async fn lock(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Option<Place>, StoreError> {
    let conversation = key(Conversation::Group(group));
    let sql = "SELECT last_message_id FROM conversations WHERE id = ? FOR UPDATE";
    let found = Statement::new(sql)
        .bind(conversation)
        .first(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    Ok(Some(Place {
        group: group.get().into(),
        conversation,
        last: row::int(&found, "last_message_id")?,
    }))
}

pub(super) async fn membership(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Option<Membership>, StoreError> {
    let sql = "SELECT kind, creator_id, version, inviting, member_limit FROM chat_groups
               WHERE id = ? AND status = 0";
    let group = i64::from(group.get());
    let found = Statement::new(sql).bind(group).first(connection).await?;
    let Some(found) = found else { return Ok(None) };
    let sql = "SELECT user_id, role FROM group_members WHERE group_id = ? ORDER BY user_id";
    let members = Statement::new(sql).bind(group).fetch(connection).await?;
    row::membership(&found, &members).map(Some)
}

/// Everybody in a group, ascending.
pub(super) async fn members_of(
    connection: &mut MySqlConnection,
    group: GroupId,
) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT user_id FROM group_members WHERE group_id = ? ORDER BY user_id";
    let members = Statement::new(sql).bind(i64::from(group.get()));
    let members = members.fetch(connection).await?;
    let members = members.iter().map(|row| row::user_id(row, "user_id"));
    members.collect()
}

/// Whether one of these users, whose rows are locked, is in that many groups already.
pub(super) async fn somebody_is_full(
    connection: &mut MySqlConnection,
    users: &[UserId],
    most: usize,
) -> Result<bool, StoreError> {
    for chunk in users.chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "SELECT user_id FROM group_members WHERE user_id IN ({})
             GROUP BY user_id HAVING count(*) >= ? LIMIT 1",
            list(users.len())
        );
        let full = Statement::new(sql)
            .bind_all(users, add_id)
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        if most == 0 || full.first(connection).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes members of users who are none: with nothing unread, off the list until the next message, and seeing only what
/// is written from now on.
pub(super) async fn join(
    connection: &mut MySqlConnection,
    place: &Place,
    users: &[UserId],
    now: UnixMillis,
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        let joining = padded(chunk);
        let sql = format!(
            "INSERT INTO group_members (group_id, user_id, joined_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)",
            rows(joining.len(), 3)
        );
        let members = Statement::new(sql).bind_all(&joining, |row, user| {
            row.add(place.group);
            row.add(i64::from(user.get()));
            row.add(now.0);
        });
        members.execute(connection).await?;
        let sql = format!(
            "INSERT INTO participants (user_id, conversation_id, last_read_id, hidden_through_id,
             visible_after_id, updated_at_ms) VALUES {} ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)",
            rows(joining.len(), 6)
        );
        let participants = Statement::new(sql).bind_all(&joining, |row, user| {
            row.add(i64::from(user.get()));
            row.add(place.conversation);
            row.add(place.last);
            row.add(place.last);
            row.add(place.last);
            row.add(now.0);
        });
        participants.execute(connection).await?;
    }
    Ok(())
}

/// Who has come back has not left.
pub(super) async fn forget_former(
    connection: &mut MySqlConnection,
    place: &Place,
    users: &[UserId],
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        let back = padded(chunk);
        let sql = format!(
            "DELETE FROM former_members WHERE (user_id, group_id) IN ({})",
            rows(back.len(), 2)
        );
        let back = Statement::new(sql).bind_all(&back, |row, user| {
            row.add(i64::from(user.get()));
            row.add(place.group);
        });
        back.execute(connection).await?;
    }
    Ok(())
}

pub(super) async fn leave(
    connection: &mut MySqlConnection,
    place: &Place,
    users: &[UserId],
    now: UnixMillis,
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        let leaving = padded(chunk);
        let sql = format!(
            "DELETE FROM group_members WHERE (group_id, user_id) IN ({})",
            rows(leaving.len(), 2)
        );
        let members = Statement::new(sql).bind_all(&leaving, |row, user| {
            row.add(place.group);
            row.add(i64::from(user.get()));
        });
        members.execute(connection).await?;
        let sql = format!(
            "DELETE FROM participants WHERE (user_id, conversation_id) IN ({})",
            rows(leaving.len(), 2)
        );
        let participants = Statement::new(sql).bind_all(&leaving, |row, user| {
            row.add(i64::from(user.get()));
            row.add(place.conversation);
        });
        participants.execute(connection).await?;
        let sql = format!(
            "INSERT INTO former_members (user_id, group_id, left_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE left_at_ms = VALUES(left_at_ms)",
            rows(leaving.len(), 3)
        );
        let former = Statement::new(sql).bind_all(&leaving, |row, user| {
            row.add(i64::from(user.get()));
            row.add(place.group);
            row.add(now.0);
        });
        former.execute(connection).await?;
    }
    Ok(())
}

//! Who is in a group and takes part in its conversation, inside the transaction of a creation or a change.

use proto::ids::{GroupId, UserId};
use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::row;
use super::user::wanted;
use super::values::{CHUNK, Values};
use crate::store::membership::Membership;
use crate::store::sync::FORMER_KEPT;
use crate::store::{Conversation, StoreError, UnixMillis};

/// A group's row and its conversation's, with the last message as the transaction found it.
pub(super) struct Place {
    group: i64,
    conversation: i64,
    last: i64,
}

pub(super) async fn insert_conversation(
    connection: &mut SqliteConnection,
    group: GroupId,
    now: UnixMillis,
) -> Result<Place, StoreError> {
    let (kind, low, high) = Conversation::Group(group).parties();
    let inserted = sqlx::query(
        "INSERT INTO conversations (kind, party_low, party_high, created_at_ms)
         VALUES (?, ?, ?, ?) RETURNING id",
    )
    .bind(kind)
    .bind(low)
    .bind(high)
    .bind(now.0)
    .fetch_one(connection)
    .await?;
    Ok(Place {
        group: group.get().into(),
        conversation: row::int(&inserted, "id")?,
        last: 0,
    })
}

pub(super) async fn place(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Place, StoreError> {
    let (kind, low, high) = Conversation::Group(group).parties();
    let found = sqlx::query(
        "SELECT id, last_message_id FROM conversations
         WHERE kind = ? AND party_low = ? AND party_high = ?",
    )
    .bind(kind)
    .bind(low)
    .bind(high)
    .fetch_one(connection)
    .await?;
    Ok(Place {
        group: group.get().into(),
        conversation: row::int(&found, "id")?,
        last: row::int(&found, "last_message_id")?,
    })
}

pub(super) async fn membership(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Option<Membership>, StoreError> {
    let found = sqlx::query(
        "SELECT kind, creator_id, version, inviting, member_limit FROM chat_groups
         WHERE id = ? AND status = 0",
    )
    .bind(i64::from(group.get()))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let members =
        sqlx::query("SELECT user_id, role FROM group_members WHERE group_id = ? ORDER BY user_id")
            .bind(i64::from(group.get()))
            .fetch_all(connection)
            .await?;
    row::membership(&found, &members).map(Some)
}

/// Everybody in a group, ascending.
pub(super) async fn members_of(
    connection: &mut SqliteConnection,
    group: GroupId,
) -> Result<Vec<UserId>, StoreError> {
    let members =
        sqlx::query("SELECT user_id FROM group_members WHERE group_id = ? ORDER BY user_id")
            .bind(i64::from(group.get()))
            .fetch_all(connection)
            .await?;
    let members = members.iter().map(|row| row::user_id(row, "user_id"));
    members.collect()
}

/// Whether one of these users is in that many groups already. One statement, which counts in an index and no further than
/// makes a difference.
pub(super) async fn somebody_is_full(
    connection: &mut SqliteConnection,
    users: &[UserId],
    most: usize,
) -> Result<bool, StoreError> {
    let Some(others) = most.checked_sub(1) else {
        return Ok(true);
    };
    let ids: Vec<String> = users.iter().map(|user| user.get().to_string()).collect();
    let full = sqlx::query(
        "SELECT 1 FROM json_each(?) AS joining WHERE (
             SELECT 1 FROM group_members WHERE user_id = joining.value LIMIT 1 OFFSET ?) IS NOT NULL
         LIMIT 1",
    )
    .bind(format!("[{}]", ids.join(",")))
    .bind(i64::try_from(others).unwrap_or(i64::MAX))
    .fetch_optional(connection)
    .await?;
    Ok(full.is_some())
}

/// Makes members of users who are none: with nothing unread, off the list until the next message, and seeing only what
/// is written from now on.
pub(super) async fn join(
    connection: &mut SqliteConnection,
    place: &Place,
    users: &[UserId],
    now: UnixMillis,
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        let joining = Values::new(chunk, 3, |row, user| {
            row.add(i64::from(user.get()))?;
            row.add(place.group)?;
            row.add(now.0)
        })?;
        joining
            .query(|values| {
                format!(
                    "WITH joining(user_id, group_id, at) AS ({values})
                     INSERT INTO group_members (user_id, group_id, joined_at_ms)
                     SELECT user_id, group_id, at FROM joining WHERE user_id IS NOT NULL"
                )
            })
            .execute(&mut *connection)
            .await?;
        let joining = Values::new(chunk, 4, |row, user| {
            row.add(i64::from(user.get()))?;
            row.add(place.conversation)?;
            row.add(place.last)?;
            row.add(now.0)
        })?;
        joining
            .query(|values| {
                format!(
                    "WITH joining(user_id, conversation, last, at) AS ({values})
                     INSERT INTO participants (user_id, conversation_id, last_read_id, hidden_through_id,
                     visible_after_id, updated_at_ms)
                     SELECT user_id, conversation, last, last, last, at FROM joining
                     WHERE user_id IS NOT NULL"
                )
            })
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Who has come back has not left.
pub(super) async fn forget_former(
    connection: &mut SqliteConnection,
    place: &Place,
    users: &[UserId],
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        wanted(chunk)?
            .query(|values| {
                format!("DELETE FROM former_members WHERE user_id IN ({values}) AND group_id = ?")
            })
            .bind(place.group)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn leave(
    connection: &mut SqliteConnection,
    place: &Place,
    users: &[UserId],
    now: UnixMillis,
) -> Result<(), StoreError> {
    for chunk in users.chunks(CHUNK) {
        wanted(chunk)?
            .query(|values| {
                format!("DELETE FROM group_members WHERE user_id IN ({values}) AND group_id = ?")
            })
            .bind(place.group)
            .execute(&mut *connection)
            .await?;
        wanted(chunk)?
            .query(|values| {
                format!(
                    "DELETE FROM participants WHERE user_id IN ({values}) AND conversation_id = ?"
                )
            })
            .bind(place.conversation)
            .execute(&mut *connection)
            .await?;
        let former = Values::new(chunk, 3, |row, user| {
            row.add(i64::from(user.get()))?;
            row.add(place.group)?;
            row.add(now.0)
        })?;
        former
            .query(|values| {
                format!(
                    "WITH former(user_id, group_id, at) AS ({values})
                     INSERT INTO former_members (user_id, group_id, left_at_ms)
                     SELECT user_id, group_id, at FROM former WHERE user_id IS NOT NULL
                     ON CONFLICT (user_id, group_id) DO UPDATE SET left_at_ms = excluded.left_at_ms"
                )
            })
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM former_members WHERE left_at_ms < ?")
        .bind(now.before(FORMER_KEPT).0)
        .execute(connection)
        .await?;
    Ok(())
}

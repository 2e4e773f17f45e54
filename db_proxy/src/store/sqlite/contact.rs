use std::collections::HashMap;

use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::user::wanted;
use super::values::{CHUNK, Values};
use super::{SqliteStore, row};
use crate::store::contact::NOTHING_KEPT;
use crate::store::each::Each;
use crate::store::relation::{Flags, Relation, Room, Side, is_room, needs_other};
use crate::store::{
    Contact, ContactChanges, ContactOutcome, ContactRefusal, ContactStore, ContactWish,
    Conversation, StoreError, UnixMillis, UserStatus,
};

#[async_trait]
impl ContactStore for SqliteStore {
    async fn take_step(&self, wish: &ContactWish) -> Result<ContactOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if !are_there(&mut transaction, wish).await? {
            return Ok(Err(ContactRefusal::NoSuchUser));
        }
        let before = Relation::new(
            side(&mut transaction, wish.user, wish.other).await?,
            side(&mut transaction, wish.other, wish.user).await?,
        );
        let (after, room) = match before.after(&wish.step) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = find_room(&mut transaction, wish, room).await? {
            return Ok(Err(refusal));
        }
        let now = self.clock.stamp();
        let after = after.stamped(&before, now);
        if after != before {
            write(&mut transaction, wish, &before, &after).await?;
            forget(&mut transaction, wish, now).await?;
            transaction.commit().await?;
        }
        Ok(Ok(after.told(&before, wish, now)))
    }

    async fn changed_contacts(
        &self,
        user: UserId,
        wanted: &ContactChanges,
    ) -> Result<Vec<Contact>, StoreError> {
        // ids start at 1, so (since, 0) is just before the first one of that moment
        let start = (wanted.since.0, 0);
        let (at, other) = wanted.after.map_or(start, |after| {
            start.max((after.at.0, i64::from(after.other.get())))
        });
        let found = sqlx::query(
            "SELECT other_id, state, blocked, greeting, changed_at_ms FROM contacts
             WHERE user_id = ? AND (changed_at_ms, other_id) > (?, ?)
             ORDER BY changed_at_ms, other_id LIMIT ?",
        )
        .bind(i64::from(user.get()))
        .bind(at)
        .bind(other)
        .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        found.iter().map(row::contact).collect()
    }

    async fn friends(
        &self,
        users: &[UserId],
        limit: usize,
    ) -> Result<Vec<Vec<UserId>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let rows = wanted(chunk)?
                .query(|users| {
                    format!(
                        "SELECT user_id, other_id FROM contacts WHERE user_id IN ({users}) AND state = 3
                         ORDER BY changed_at_ms DESC, other_id"
                    )
                })
                .fetch_all(&self.readers)
                .await?;
            for row in &rows {
                found.add(
                    row::user_id(row, "user_id")?,
                    row::user_id(row, "other_id")?,
                );
            }
        }
        Ok(found.in_order())
    }
}

/// Whether those whom the step needs exist: the one who takes it, and mostly the other, who must not have left.
async fn are_there(
    connection: &mut SqliteConnection,
    wish: &ContactWish,
) -> Result<bool, StoreError> {
    let status = async |connection: &mut SqliteConnection, user: UserId| {
        let found: Option<i64> = sqlx::query_scalar("SELECT status FROM users WHERE id = ?")
            .bind(i64::from(user.get()))
            .fetch_optional(connection)
            .await?;
        Ok::<_, StoreError>(found)
    };
    if status(&mut *connection, wish.user).await?.is_none() {
        return Ok(false);
    }
    let other = status(&mut *connection, wish.other).await?;
    let has_left = other == Some(UserStatus::LEFT.0.into());
    Ok(other.is_some() && !(has_left && needs_other(&wish.step)))
}

async fn side(
    connection: &mut SqliteConnection,
    user: UserId,
    other: UserId,
) -> Result<Side, StoreError> {
    let found = sqlx::query(
        "SELECT state, blocked, greeting, changed_at_ms FROM contacts WHERE user_id = ? AND other_id = ?",
    )
    .bind(i64::from(user.get()))
    .bind(i64::from(other.get()))
    .fetch_optional(connection)
    .await?;
    found.map_or_else(|| Ok(Side::default()), |found| row::side(&found))
}

/// Counts only what the step asks room for.
async fn find_room(
    connection: &mut SqliteConnection,
    wish: &ContactWish,
    room: Room,
) -> Result<Result<(), ContactRefusal>, StoreError> {
    let (mut kept, mut asking) = (0i64, 0i64);
    if room.kept {
        kept = sqlx::query_scalar(
            "SELECT count(*) FROM contacts WHERE user_id = ? AND other_id <> ?
             AND (state IN (1, 3) OR blocked <> 0)",
        )
        .bind(i64::from(wish.user.get()))
        .bind(i64::from(wish.other.get()))
        .fetch_one(&mut *connection)
        .await?;
    }
    if room.asking {
        asking = sqlx::query_scalar(
            "SELECT count(*) FROM contacts WHERE user_id = ? AND other_id <> ? AND state = 2",
        )
        .bind(i64::from(wish.other.get()))
        .bind(i64::from(wish.user.get()))
        .fetch_one(&mut *connection)
        .await?;
    }
    Ok(is_room(
        room,
        kept.unsigned_abs(),
        asking.unsigned_abs(),
        wish.most,
    ))
}

/// The rows that changed, and what the conversation of the two knows of them.
async fn write(
    connection: &mut SqliteConnection,
    wish: &ContactWish,
    before: &Relation,
    after: &Relation,
) -> Result<(), StoreError> {
    let places = [(wish.user, wish.other), (wish.other, wish.user)];
    let sides = before.sides().into_iter().zip(after.sides());
    for ((user, other), (before, after)) in places.into_iter().zip(sides) {
        if before == after {
            continue;
        }
        sqlx::query(
            "INSERT INTO contacts (user_id, other_id, state, blocked, greeting, changed_at_ms)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (user_id, other_id) DO UPDATE SET state = excluded.state,
             blocked = excluded.blocked, greeting = excluded.greeting, changed_at_ms = excluded.changed_at_ms",
        )
        .bind(i64::from(user.get()))
        .bind(i64::from(other.get()))
        .bind(i64::from(after.state.number()))
        .bind(i64::from(after.blocked))
        .bind(&after.greeting)
        .bind(after.changed_at.map_or(0, |at| at.0))
        .execute(&mut *connection)
        .await?;
    }
    let flags = after.flags(wish);
    if let Some(conversation) = Conversation::between(wish.user, wish.other)
        && flags != before.flags(wish)
    {
        let (kind, low, high) = conversation.parties();
        sqlx::query(
            "UPDATE conversations SET contact_flags = contact_flags & ~? | ? WHERE kind = ? AND party_low = ? AND party_high = ?",
        )
        .bind(Flags::OF_CONTACTS)
        .bind(flags.0)
        .bind(kind)
        .bind(low)
        .bind(high)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Of the two, what has been nothing for so long that every client has heard of it.
async fn forget(
    connection: &mut SqliteConnection,
    wish: &ContactWish,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for user in [wish.user, wish.other] {
        sqlx::query(
            "DELETE FROM contacts WHERE user_id = ? AND changed_at_ms < ? AND state = 0 AND blocked = 0",
        )
        .bind(i64::from(user.get()))
        .bind(now.before(NOTHING_KEPT).0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What the two of each conversation are to each other; conversations of which there is nothing to say are left out.
pub(super) async fn flags(
    connection: &mut SqliteConnection,
    conversations: &[Conversation],
) -> Result<HashMap<Conversation, Flags>, StoreError> {
    let mut flags: HashMap<Conversation, Flags> = HashMap::new();
    for chunk in conversations.chunks(CHUNK) {
        let wanted = Values::new(chunk, 2, |row, conversation| {
            let (_, low, high) = conversation.parties();
            row.add(low)?;
            row.add(high)
        })?;
        let found = wanted
            .query(|values| {
                format!(
                    "WITH wanted(low, high) AS ({values})
                     SELECT low, high, x.user_id, x.state, x.blocked, x.greeting, x.changed_at_ms
                     FROM wanted CROSS JOIN contacts AS x ON x.user_id = low AND x.other_id = high
                     UNION ALL
                     SELECT low, high, x.user_id, x.state, x.blocked, x.greeting, x.changed_at_ms
                     FROM wanted CROSS JOIN contacts AS x ON x.user_id = high AND x.other_id = low"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &found {
            let (low, high) = (row::int(found, "low")?, row::int(found, "high")?);
            let is_low = row::int::<i64>(found, "user_id")? == low;
            let said = Flags::of(&row::side(found)?, is_low);
            if let Some(conversation) = Conversation::from_halves(low, high) {
                let known = flags.entry(conversation).or_default();
                *known = known.and(said);
            }
        }
    }
    Ok(flags)
}

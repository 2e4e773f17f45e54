use std::collections::HashMap;

use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::key::key;
use super::meta::now;
use super::statement::{CHUNK, Statement, list, padded, rows};

use super::user::add_id;
use crate::store::contact::NOTHING_KEPT;
use crate::store::each::Each;
use crate::store::relation::{Flags, Relation, Room, Side, is_room, needs_other};
use crate::store::time::ChangeClock;
use crate::store::{
    Contact, ContactChanges, ContactOutcome, ContactRefusal, ContactStore, ContactWish,
    Conversation, StoreError, UnixMillis, UserStatus, row,
};

#[async_trait]
impl ContactStore for MySqlStore {
    async fn take_step(&self, wish: &ContactWish) -> Result<ContactOutcome, StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let taken = take(&mut transaction, wish, &self.messages).await;
            transaction.end(taken, Result::is_ok).await
        })
        .await
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
        // a comparison of rows would not be looked up in the index
        let sql = "SELECT other_id, state, blocked, greeting, changed_at_ms FROM contacts
                   WHERE user_id = ? AND changed_at_ms >= ? AND (changed_at_ms > ? OR other_id > ?)
                   ORDER BY changed_at_ms, other_id LIMIT ?";
        let found = Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(at)
            .bind(at)
            .bind(other)
            .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
        self.rows(found).await?.iter().map(row::contact).collect()
    }

    async fn friends(
        &self,
        users: &[UserId],
        limit: usize,
    ) -> Result<Vec<Vec<UserId>>, StoreError> {
        let mut found = Each::of(users, limit);
        for chunk in found.users().chunks(CHUNK) {
            let chunk = padded(chunk);
            let places = list(chunk.len());
            let sql = format!(
                "SELECT user_id, other_id FROM contacts WHERE user_id IN ({places}) AND state = 3
                 ORDER BY changed_at_ms DESC, other_id"
            );
            let rows = Statement::new(sql).bind_all(chunk, add_id);
            for row in &self.rows(rows).await? {
                found.add(
                    row::user_id(row, "user_id")?,
                    row::user_id(row, "other_id")?,
                );
            }
        }
        Ok(found.in_order())
    }
}

/// The conversation of the two is locked first, if there is one, then the two: so nobody else changes what they are to each
/// other, stores a message of theirs or begins their conversation meanwhile.
async fn take(
    connection: &mut MySqlConnection,
    wish: &ContactWish,
    clock: &ChangeClock,
) -> Result<ContactOutcome, StoreError> {
    let Some(conversation) = Conversation::between(wish.user, wish.other) else {
        return Ok(Err(ContactRefusal::NoSuchUser));
    };
    Statement::new("SELECT id FROM conversations WHERE id = ? FOR UPDATE")
        .bind(key(conversation))
        .fetch(connection)
        .await?;
    if !are_there(connection, wish).await? {
        return Ok(Err(ContactRefusal::NoSuchUser));
    }
    let before = Relation::new(
        side(connection, wish.user, wish.other).await?,
        side(connection, wish.other, wish.user).await?,
    );
    let (after, room) = match before.after(&wish.step) {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Err(refusal) = find_room(connection, wish, room).await? {
        return Ok(Err(refusal));
    }
    let now = clock.stamp_of(now(connection).await?);
    let after = after.stamped(&before, now);
    if after != before {
        write(connection, wish, &before, &after).await?;
        if after.flags(wish) != before.flags(wish) {
            let sql =
                "UPDATE conversations SET contact_flags = CAST(contact_flags & ~? | ? AS SIGNED)
                       WHERE id = ?";
            Statement::new(sql)
                .bind(Flags::OF_CONTACTS)
                .bind(after.flags(wish).0)
                .bind(key(conversation))
                .execute(connection)
                .await?;
        }
        forget(connection, wish, now).await?;
    }
    Ok(Ok(after.told(&before, wish, now)))
}

/// Locks the two. Whether those whom the step needs exist: the one who takes it, and mostly the other, who must not have
/// left.
async fn are_there(
    connection: &mut MySqlConnection,
    wish: &ContactWish,
) -> Result<bool, StoreError> {
    let sql = "SELECT id, status FROM users FORCE INDEX (PRIMARY) WHERE id IN (?, ?) ORDER BY id FOR UPDATE";
    let found = Statement::new(sql)
        .bind(i64::from(wish.user.get()))
        .bind(i64::from(wish.other.get()))
        .fetch(connection)
        .await?;
    let mut has_left = false;
    for found in &found {
        let left = row::int::<u32>(found, "status")? == UserStatus::LEFT.0;
        has_left |= left && row::user_id(found, "id")? == wish.other;
    }
    Ok(found.len() == 2 && !(has_left && needs_other(&wish.step)))
}

async fn side(
    connection: &mut MySqlConnection,
    user: UserId,
    other: UserId,
) -> Result<Side, StoreError> {
    let sql = "SELECT state, blocked, greeting, changed_at_ms FROM contacts
               WHERE user_id = ? AND other_id = ?";
    let found = Statement::new(sql)
        .bind(i64::from(user.get()))
        .bind(i64::from(other.get()))
        .first(connection)
        .await?;
    found.map_or_else(|| Ok(Side::default()), |found| row::side(&found))
}

/// Counts only what the step asks room for.
async fn find_room(
    connection: &mut MySqlConnection,
    wish: &ContactWish,
    room: Room,
) -> Result<Result<(), ContactRefusal>, StoreError> {
    let (mut kept, mut asking) = (0, 0);
    if room.kept {
        let which = "(state IN (1, 3) OR blocked <> 0)";
        kept = count(connection, wish.user, wish.other, which).await?;
    }
    if room.asking {
        asking = count(connection, wish.other, wish.user, "state = 2").await?;
    }
    Ok(is_room(room, kept, asking, wish.most))
}

async fn count(
    connection: &mut MySqlConnection,
    user: UserId,
    except: UserId,
    which: &'static str,
) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT count(*) AS contacts FROM contacts WHERE user_id = ? AND other_id <> ? AND {which}"
    );
    let found = Statement::new(sql)
        .bind(i64::from(user.get()))
        .bind(i64::from(except.get()))
        .first(connection)
        .await?;
    found.map_or(Ok(0), |found| row::int(&found, "contacts"))
}

/// The rows that changed.
async fn write(
    connection: &mut MySqlConnection,
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
        let sql =
            "INSERT INTO contacts (user_id, other_id, state, blocked, greeting, changed_at_ms)
             VALUES (?, ?, ?, ?, ?, ?)
             ON DUPLICATE KEY UPDATE state = VALUES(state), blocked = VALUES(blocked),
             greeting = VALUES(greeting), changed_at_ms = VALUES(changed_at_ms)";
        Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(i64::from(other.get()))
            .bind(i64::from(after.state.number()))
            .bind(i64::from(after.blocked))
            .bind(after.greeting.as_str())
            .bind(after.changed_at.map_or(0, |at| at.0))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Of the two, what has been nothing for so long that every client has heard of it.
async fn forget(
    connection: &mut MySqlConnection,
    wish: &ContactWish,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for user in [wish.user, wish.other] {
        let sql = "DELETE FROM contacts WHERE user_id = ? AND changed_at_ms < ?
                   AND state = 0 AND blocked = 0";
        Statement::new(sql)
            .bind(i64::from(user.get()))
            .bind(now.before(NOTHING_KEPT).0)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// What the two of each conversation are to each other; conversations of which there is nothing to say are left out.
pub(super) async fn flags(
    connection: &mut MySqlConnection,
    conversations: &[Conversation],
) -> Result<HashMap<Conversation, Flags>, StoreError> {
    let both: Vec<[UserId; 2]> = conversations
        .iter()
        .filter_map(|conversation| conversation.founders())
        .flat_map(|[low, high]| [[low, high], [high, low]])
        .collect();
    let mut flags: HashMap<Conversation, Flags> = HashMap::new();
    for chunk in both.chunks(CHUNK) {
        let wanted = padded(chunk);
        let sql = format!(
            "SELECT user_id, other_id, state, blocked, greeting, changed_at_ms
             FROM contacts FORCE INDEX (PRIMARY) WHERE (user_id, other_id) IN ({})",
            rows(wanted.len(), 2)
        );
        let found = Statement::new(sql).bind_all(wanted, |row, [user, other]| {
            row.add(i64::from(user.get()));
            row.add(i64::from(other.get()));
        });
        for found in &found.fetch(connection).await? {
            let user = row::user_id(found, "user_id")?;
            let other = row::user_id(found, "other_id")?;
            let said = Flags::of(&row::side(found)?, user < other);
            if let Some(conversation) = Conversation::between(user, other) {
                let known = flags.entry(conversation).or_default();
                *known = known.and(said);
            }
        }
    }
    Ok(flags)
}

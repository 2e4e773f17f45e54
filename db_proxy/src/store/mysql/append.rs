//! The hot path: one transaction for a batch of messages, in as few statements as its shape allows. A batch in
//! conversations that exist takes three; three more when some are for groups.
//!
//! The rows of its conversations are locked first and until the commit. Whatever else depends on a conversation's last
//! message, or on who is in a group, locks them too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::key::{self, key};
use super::meta::NOW;
use super::statement::{CHUNK, Statement, list, padded, piece, rows};
use super::user::{add_id, existing};
use super::{contact, reference};
use crate::store::admission::{of_colleagues, to_begin};
use crate::store::plan::{Head, Heads, Keys, Plan, Standing, Standings, StoredKey, Writer};
use crate::store::relation::Flags;
use crate::store::revision::is_admin;
use crate::store::row::MESSAGE;
use crate::store::shown::ShownEnd;
use crate::store::time::ChangeClock;
use crate::store::{
    AppendOutcome, ClientKey, Conversation, NewMessage, StoreError, UnixMillis, row,
};

/// Runs inside a transaction; the caller commits. `bytes` bounds the bodies of one statement.
pub(super) async fn append(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
    keys: Keys,
    clock: &ChangeClock,
    bytes: usize,
) -> Result<Vec<AppendOutcome>, StoreError> {
    let conversations: BTreeSet<i64> = batch.iter().map(|m| key(m.conversation)).collect();
    let conversations = Vec::from_iter(conversations);
    let mut heads = Heads::with_capacity(conversations.len());
    let mut now = lock(connection, &conversations, &mut heads).await?;
    if heads.len() < conversations.len() {
        find_missing(connection, batch, &mut heads).await?;
    }
    find_colleagues(connection, &of_colleagues(batch, &heads), &mut heads).await?;
    let begun = begin(connection, &to_begin(batch, &heads)).await?;
    if !begun.is_empty() {
        now = now.max(lock(connection, &begun, &mut heads).await?);
    }
    let standings = standings(connection, batch).await?;
    let grounds = reference::grounds(connection, batch).await?;
    let mut stored = Vec::new();
    let mut plan = Plan::new(batch, &heads, &standings, &grounds, &[]);
    // what is refused may be stored already, by somebody who could still write then
    if keys == Keys::LookedUp || plan.outcomes.iter().any(Result::is_err) {
        stored = stored_keys(connection, batch, &heads).await?;
    }
    if !stored.is_empty() {
        plan = Plan::new(batch, &heads, &standings, &grounds, &stored);
    }
    write(connection, &plan, clock.stamp_of(now), bytes).await?;
    Ok(plan.outcomes)
}

/// Locks those of the conversations that exist, ascending as they are named. The time of the server, or the beginning
/// of all time when there is none.
async fn lock(
    connection: &mut MySqlConnection,
    conversations: &[i64],
    heads: &mut Heads,
) -> Result<UnixMillis, StoreError> {
    let mut now = UnixMillis(0);
    for chunk in conversations.chunks(CHUNK) {
        let wanted = padded(chunk);
        let sql = format!(
            "SELECT id, last_message_id, contact_flags, {NOW} AS now_ms
             FROM conversations FORCE INDEX (PRIMARY) WHERE id IN ({}) ORDER BY id FOR UPDATE",
            list(wanted.len())
        );
        let locked = Statement::new(sql).bind_all(wanted, Statement::add);
        for found in &locked.fetch(connection).await? {
            let id = row::int(found, "id")?;
            let head = Head {
                row: id,
                last: row::int(found, "last_message_id")?,
                flags: Flags(row::int(found, "contact_flags")?),
                colleagues: false,
            };
            now = row::time(found, "now_ms")?;
            if let Some(conversation) = key::conversation(id) {
                let known = heads.entry(conversation).or_insert(head);
                *known = known.begun(head);
            }
        }
    }
    Ok(now)
}

/// Adds those that don't exist but may: both users do. What the two are to each other does not change until the
/// transaction ends: whoever changes it locks the two.
async fn find_missing(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
    heads: &mut Heads,
) -> Result<(), StoreError> {
    let missing = batch.iter().map(|message| message.conversation);
    let mut missing: BTreeMap<Conversation, [UserId; 2]> = missing
        .filter(|conversation| !heads.contains_key(conversation))
        .filter_map(|conversation| Some((conversation, conversation.founders()?)))
        .collect();
    let users: BTreeSet<UserId> = missing.values().copied().flatten().collect();
    let users = existing(connection, &Vec::from_iter(users), "LOCK IN SHARE MODE").await?;
    missing.retain(|_, founders| founders.iter().all(|user| users.contains(user)));
    let missing = Vec::from_iter(missing.into_keys());
    let flags = contact::flags(connection, &missing).await?;
    for conversation in missing {
        let flags = flags.get(&conversation).copied().unwrap_or_default();
        heads.insert(conversation, Head::not_begun(flags));
    }
    Ok(())
}

/// Notes which of these are between users of one department. Whoever is in none is nobody's colleague.
async fn find_colleagues(
    connection: &mut MySqlConnection,
    conversations: &[Conversation],
    heads: &mut Heads,
) -> Result<(), StoreError> {
    let founders = conversations.iter().filter_map(|of| of.founders());
    let users: BTreeSet<UserId> = founders.flatten().collect();
    let mut departments: HashMap<UserId, i64> = HashMap::new();
    for chunk in Vec::from_iter(users).chunks(CHUNK) {
        let users = padded(chunk);
        let sql = format!(
            "SELECT id, department_id FROM users WHERE id IN ({}) AND department_id > 0",
            list(users.len())
        );
        let found = Statement::new(sql).bind_all(users, add_id);
        for found in &found.fetch(connection).await? {
            departments.insert(
                row::user_id(found, "id")?,
                row::int(found, "department_id")?,
            );
        }
    }
    for conversation in conversations {
        if let (Some([low, high]), Some(head)) =
            (conversation.founders(), heads.get_mut(conversation))
        {
            let department = departments.get(&low);
            head.colleagues = department.is_some() && department == departments.get(&high);
        }
    }
    Ok(())
}

/// Creates conversations, with a participant's row for each user. If another writer creates one in this moment it is waited
/// for, and is as good.
async fn begin(
    connection: &mut MySqlConnection,
    new: &[(Conversation, i64, Flags)],
) -> Result<Vec<i64>, StoreError> {
    let mut missing: Vec<(i64, [UserId; 2], i64, Flags)> = new
        .iter()
        .filter_map(|(conversation, created_at, flags)| {
            let founders = conversation.founders()?;
            Some((key(*conversation), founders, *created_at, *flags))
        })
        .collect();
    missing.sort_unstable_by_key(|(id, ..)| *id);
    for chunk in missing.chunks(CHUNK / 2) {
        let new = padded(chunk);
        let sql = format!(
            "INSERT INTO conversations (id, created_at_ms, contact_flags) VALUES {} ON DUPLICATE KEY UPDATE id = id",
            rows(new.len(), 3)
        );
        let new = Statement::new(sql).bind_all(new, |row, (id, _, created_at, flags)| {
            row.add(id);
            row.add(created_at);
            row.add(flags.0);
        });
        new.execute(connection).await?;
    }
    let mut participants: Vec<(UserId, i64, i64)> = missing
        .iter()
        .flat_map(|(id, founders, created_at, _)| founders.map(|user| (user, *id, *created_at)))
        .collect();
    participants.sort_unstable();
    for chunk in participants.chunks(CHUNK) {
        let new = padded(chunk);
        let sql = format!(
            "INSERT INTO participants (user_id, conversation_id, updated_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE user_id = user_id",
            rows(new.len(), 3)
        );
        let new = Statement::new(sql).bind_all(new, |row, (user, conversation, created_at)| {
            row.add(i64::from(user.get()));
            row.add(conversation);
            row.add(created_at);
        });
        new.execute(connection).await?;
    }
    Ok(missing.into_iter().map(|(id, ..)| id).collect())
}

/// How senders stand to the groups they write to; no statement without a message to a group. Whoever changes members
/// has the conversation locked.
async fn standings(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
) -> Result<Standings, StoreError> {
    let wanted: BTreeSet<(GroupId, UserId)> = batch
        .iter()
        .filter_map(|message| match message.conversation {
            Conversation::Group(group) => Some((group, message.sender)),
            Conversation::Single(_) => None,
        })
        .collect();
    let wanted = Vec::from_iter(wanted);
    let mut standings = Standings::with_capacity(wanted.len());
    for chunk in wanted.chunks(CHUNK) {
        let groups = groups(connection, chunk).await?;
        let members = members(connection, chunk).await?;
        for place in chunk {
            let Some(group) = groups.get(&place.0) else {
                continue;
            };
            let writer = |(role, muted_until): &(i64, UnixMillis)| Writer {
                is_admin: is_admin(group.creator, place.1, *role),
                group_muted_until: group.muted_until,
                muted_until: *muted_until,
            };
            let standing = Standing {
                version: group.version,
                member: members.get(place).map(writer),
            };
            standings.insert(*place, standing);
        }
    }
    Ok(standings)
}

/// A group that somebody writes to.
struct Place {
    version: u32,
    creator: Option<UserId>,
    muted_until: UnixMillis,
}

async fn groups(
    connection: &mut MySqlConnection,
    wanted: &[(GroupId, UserId)],
) -> Result<HashMap<GroupId, Place>, StoreError> {
    let groups: BTreeSet<GroupId> = wanted.iter().map(|(group, _)| *group).collect();
    let groups = padded(&Vec::from_iter(groups));
    let sql = format!(
        "SELECT id, version, creator_id, muted_until_ms FROM chat_groups WHERE id IN ({}) AND status = 0",
        list(groups.len())
    );
    let found = Statement::new(sql).bind_all(groups, |row, group| row.add(i64::from(group.get())));
    let place = |found: &MySqlRow| {
        let place = Place {
            version: row::int(found, "version")?,
            creator: row::somebody(found, "creator_id")?,
            muted_until: row::time(found, "muted_until_ms")?,
        };
        Ok((row::group_id(found, "id")?, place))
    };
    found.fetch(connection).await?.iter().map(place).collect()
}

/// Role and silence of those who are members.
async fn members(
    connection: &mut MySqlConnection,
    wanted: &[(GroupId, UserId)],
) -> Result<HashMap<(GroupId, UserId), (i64, UnixMillis)>, StoreError> {
    let wanted = padded(wanted);
    let sql = format!(
        "SELECT group_id, user_id, role, muted_until_ms FROM group_members FORCE INDEX (PRIMARY) WHERE (group_id, user_id) IN ({})",
        rows(wanted.len(), 2)
    );
    let found = Statement::new(sql).bind_all(wanted, |row, (group, user)| {
        row.add(i64::from(group.get()));
        row.add(i64::from(user.get()));
    });
    let place = |found: &MySqlRow| {
        let place = (
            row::group_id(found, "group_id")?,
            row::user_id(found, "user_id")?,
        );
        Ok((
            place,
            (
                row::int(found, "role")?,
                row::time(found, "muted_until_ms")?,
            ),
        ))
    };
    found.fetch(connection).await?.iter().map(place).collect()
}

/// The stored messages that carry a key of the batch.
async fn stored_keys(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
    heads: &Heads,
) -> Result<Vec<StoredKey>, StoreError> {
    let mut wanted: Vec<(i64, UserId, &ClientKey)> = Vec::new();
    for message in batch {
        let head = heads.get(&message.conversation).filter(|h| h.last > 0);
        if let (Some(head), Some(key)) = (head, &message.client_key) {
            wanted.push((head.row, message.sender, key));
        }
    }
    let mut stored = Vec::new();
    for chunk in wanted.chunks(CHUNK) {
        let keys = padded(chunk);
        let sql =
            format!(
            "SELECT m.conversation_id, m.client_key, {MESSAGE} FROM messages AS m FORCE INDEX (messages_by_client_key)
             WHERE (m.conversation_id, m.sender_id, m.client_key) IN ({})",
            rows(keys.len(), 3)
        );
        let found = Statement::new(sql).bind_all(keys, |row, (conversation, sender, key)| {
            row.add(conversation);
            row.add(i64::from(sender.get()));
            row.add(key.as_bytes());
        });
        for found in &found.fetch(connection).await? {
            stored.push(StoredKey {
                row: row::int(found, "conversation_id")?,
                sender: row::user_id(found, "sender_id")?,
                key: row::blob(found, "client_key")?,
                message_id: row::message_id(found, "message_id")?,
                created_at: row::time(found, "created_at_ms")?,
                kind: row::message_kind(found)?.0,
                body: row::blob(found, "body")?,
                withheld: row::flag(found, "withheld_from")?,
                references: row::references(found)?,
            });
        }
    }
    Ok(stored)
}

async fn write(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
    bytes: usize,
) -> Result<(), StoreError> {
    for (conversation, message_id) in &plan.expired {
        let sql =
            "UPDATE messages SET client_key = NULL WHERE conversation_id = ? AND message_id = ?";
        Statement::new(sql)
            .bind(*conversation)
            .bind(i64::from(message_id.get()))
            .execute(connection)
            .await?;
    }
    let mut rest = &plan.inserts[..];
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, bytes, |insert| insert.message.body.len());
        rest = others;
        let sql = format!(
            "INSERT INTO messages
             (conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms) VALUES {}",
            rows(chunk.len(), 8)
        );
        let new = Statement::new(sql).bind_all(chunk, |row, insert| {
            row.add(insert.row);
            row.add(i64::from(insert.id.get()));
            row.add(i64::from(insert.message.sender.get()));
            row.add(insert.message.kind_column());
            row.add(&insert.message.body[..]);
            row.add(insert.message.created_at.0);
            row.add(insert.key);
            row.add(now.0);
        });
        new.execute(connection).await?;
    }
    reference::insert(connection, &plan.inserts, bytes).await?;
    withhold(connection, plan, now).await?;
    move_heads(connection, plan, now).await?;
    move_senders(connection, plan).await
}

/// An insert that meets its row updates it: of all statements that change many rows, each to its own value, the cheapest.
async fn move_heads(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut heads = plan.heads.clone();
    heads.sort_unstable();
    for chunk in heads.chunks(CHUNK) {
        let mut heads = padded(chunk);
        for repeated in &mut heads[chunk.len()..] {
            repeated.by_low = 0;
        }
        let sql = format!(
            "INSERT INTO conversations
             (id, last_message_id, low_messages, last_message_at_ms, created_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE last_message_id = VALUES(last_message_id),
             low_messages = low_messages + VALUES(low_messages),
             last_message_at_ms = greatest(last_message_at_ms, VALUES(last_message_at_ms))",
            rows(heads.len(), 5)
        );
        let moved = Statement::new(sql).bind_all(heads, |row, moved| {
            row.add(moved.row);
            row.add(i64::from(moved.last.get()));
            row.add(i64::from(moved.by_low));
            row.add(now.0);
            row.add(now.0);
        });
        moved.execute(connection).await?;
    }
    Ok(())
}

/// Whoever writes to a group has read everything up to there. In a conversation of two, nobody's row is touched.
async fn move_senders(connection: &mut MySqlConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let mut read = plan.read.clone();
    read.sort_unstable();
    for chunk in read.chunks(CHUNK) {
        let read = padded(chunk);
        let sql = format!(
            "INSERT INTO participants (user_id, conversation_id, last_read_id, updated_at_ms) VALUES {}
             ON DUPLICATE KEY UPDATE last_read_id = VALUES(last_read_id)",
            rows(read.len(), 4)
        );
        let moved = Statement::new(sql).bind_all(read, |row, (sender, conversation, newest)| {
            row.add(i64::from(sender.get()));
            row.add(conversation);
            row.add(i64::from(newest.get()));
            row.add(0);
        });
        moved.execute(connection).await?;
    }
    Ok(())
}

/// What somebody is not to see; nothing, mostly. Before the heads move, which tell what there was to see.
async fn withhold(
    connection: &mut MySqlConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for insert in &plan.inserts {
        let Some(from) = insert.withheld_from else {
            continue;
        };
        let sql =
            "UPDATE messages SET withheld_from = ? WHERE conversation_id = ? AND message_id = ?";
        Statement::new(sql)
            .bind(i64::from(from.get()))
            .bind(insert.row)
            .bind(i64::from(insert.id.get()))
            .execute(connection)
            .await?;
    }
    for shown in &plan.shown {
        let place = (i64::from(shown.user.get()), shown.row);
        let update = match shown.end {
            ShownEnd::Newest => Statement::new(
                "UPDATE participants SET shown_last_id = NULL, shown_last_at_ms = NULL,
                     own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            ),
            ShownEnd::Message(id) => Statement::new(
                "UPDATE participants SET shown_last_id = ?, shown_last_at_ms = ?,
                 own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(i64::from(id.get()))
            .bind(now.0),
            ShownEnd::NewestBefore => Statement::new(
                "UPDATE participants SET
                 shown_last_id = (SELECT last_message_id FROM conversations WHERE id = ?),
                 shown_last_at_ms = (SELECT last_message_at_ms FROM conversations WHERE id = ?),
                 own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(shown.row)
            .bind(shown.row),
            ShownEnd::AsBefore => Statement::new(
                "UPDATE participants SET own_read = own_read - ? WHERE user_id = ? AND conversation_id = ?",
            ),
        };
        let update = update.bind(i64::from(shown.withheld));
        update
            .bind(place.0)
            .bind(place.1)
            .execute(connection)
            .await?;
    }
    for moved in &plan.heads {
        if let Some(flags) = moved.flags {
            Statement::new("UPDATE conversations SET contact_flags = ? WHERE id = ?")
                .bind(flags.0)
                .bind(moved.row)
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

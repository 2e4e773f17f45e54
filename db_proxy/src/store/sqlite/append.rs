//! The hot path: one transaction for a batch of messages, in as few statements as its shape allows. A batch in
//! conversations that exist takes three; two more when some are for groups.
//!
//! `OR FAIL`: a statement that fails leaves what it has done so far, which the transaction undoes all the same. Without it
//! SQLite copies each page before it changes it, to undo the statement alone.

use std::collections::HashSet;

use proto::ids::{GroupId, UserId};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Arguments, AssertSqlSafe};

use super::user::existing;
use super::values::{CHUNK, Values};
use super::{contact, reference, row};
use crate::store::admission::{of_colleagues, to_begin};
use crate::store::plan::{Head, Heads, Keys, Plan, Standing, Standings, StoredKey, Writer};
use crate::store::relation::Flags;
use crate::store::revision::is_admin;
use crate::store::row::MESSAGE;
use crate::store::shown::ShownEnd;
use crate::store::{AppendOutcome, ClientKey, Conversation, NewMessage, StoreError, UnixMillis};

/// Runs inside a write transaction; the caller commits. The conversations changed at `now`.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
    keys: Keys,
    now: UnixMillis,
) -> Result<Vec<AppendOutcome>, StoreError> {
    let conversations: HashSet<Conversation> = batch.iter().map(|m| m.conversation).collect();
    let conversations = Vec::from_iter(conversations);
    let mut heads = find(connection, &conversations).await?;
    if heads.len() < conversations.len() {
        find_missing(connection, &conversations, &mut heads).await?;
    }
    find_colleagues(connection, &of_colleagues(batch, &heads), &mut heads).await?;
    begin(connection, &to_begin(batch, &heads), &mut heads).await?;
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
    write(connection, &plan, now).await?;
    Ok(plan.outcomes)
}

async fn find(
    connection: &mut SqliteConnection,
    conversations: &[Conversation],
) -> Result<Heads, StoreError> {
    let mut heads = Heads::with_capacity(conversations.len());
    for chunk in conversations.chunks(CHUNK) {
        let wanted = Values::new(chunk, 3, |row, conversation| {
            let (kind, low, high) = conversation.parties();
            row.add(kind)?;
            row.add(low)?;
            row.add(high)
        })?;
        let rows = wanted
            .query(|values| {
                format!(
                    "WITH wanted(kind, low, high) AS ({values})
                     SELECT c.id, c.kind, c.party_low, c.party_high, c.last_message_id, c.contact_flags
                     FROM wanted CROSS JOIN conversations AS c
                     ON c.kind = wanted.kind AND c.party_low = wanted.low AND c.party_high = wanted.high"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        collect_heads(&rows, &mut heads)?;
    }
    Ok(heads)
}

fn collect_heads(rows: &[sqlx::sqlite::SqliteRow], heads: &mut Heads) -> Result<(), StoreError> {
    for found in rows {
        let conversation = Conversation::from_parties(
            row::int(found, "kind")?,
            row::int(found, "party_low")?,
            row::int(found, "party_high")?,
        );
        if let Some(conversation) = conversation {
            let head = Head {
                row: row::int(found, "id")?,
                last: row::int(found, "last_message_id")?,
                flags: Flags(row::int(found, "contact_flags")?),
                colleagues: false,
            };
            heads.insert(conversation, head);
        }
    }
    Ok(())
}

/// Adds those that don't exist but may: both users do.
async fn find_missing(
    connection: &mut SqliteConnection,
    conversations: &[Conversation],
    heads: &mut Heads,
) -> Result<(), StoreError> {
    let mut missing: Vec<Conversation> = conversations
        .iter()
        .copied()
        .filter(|conversation| conversation.founders().is_some())
        .filter(|conversation| !heads.contains_key(conversation))
        .collect();
    let users: HashSet<UserId> = founders(&missing).collect();
    let users = existing(connection, &Vec::from_iter(users)).await?;
    missing.retain(|conversation| founders([conversation]).all(|user| users.contains(&user)));
    let flags = contact::flags(connection, &missing).await?;
    for conversation in missing {
        let flags = flags.get(&conversation).copied().unwrap_or_default();
        heads.insert(conversation, Head::not_begun(flags));
    }
    Ok(())
}

/// Notes which of these are between users of one department. Whoever is in none is nobody's colleague.
async fn find_colleagues(
    connection: &mut SqliteConnection,
    conversations: &[Conversation],
    heads: &mut Heads,
) -> Result<(), StoreError> {
    for chunk in conversations.chunks(CHUNK) {
        let wanted = Values::new(chunk, 2, |row, conversation| {
            let (_, low, high) = conversation.parties();
            row.add(low)?;
            row.add(high)
        })?;
        let rows = wanted
            .query(|values| {
                format!(
                    "WITH wanted(low, high) AS ({values})
                     SELECT wanted.low AS party_low, wanted.high AS party_high
                     FROM wanted CROSS JOIN users AS l ON l.id = wanted.low
                     CROSS JOIN users AS h ON h.id = wanted.high
                     WHERE l.department_id = h.department_id AND l.department_id > 0"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &rows {
            let (low, high) = (
                row::int(found, "party_low")?,
                row::int(found, "party_high")?,
            );
            let head = Conversation::from_halves(low, high).and_then(|of| heads.get_mut(&of));
            head.into_iter().for_each(|head| head.colleagues = true);
        }
    }
    Ok(())
}

/// Creates conversations, with a participant's row for each user.
async fn begin(
    connection: &mut SqliteConnection,
    new: &[(Conversation, i64, Flags)],
    heads: &mut Heads,
) -> Result<(), StoreError> {
    for chunk in new.chunks(CHUNK) {
        let new = Values::new(chunk, 5, |row, (conversation, created_at, flags)| {
            let (kind, low, high) = conversation.parties();
            row.add(kind)?;
            row.add(low)?;
            row.add(high)?;
            row.add(*created_at)?;
            row.add(flags.0)
        })?;
        let rows = new
            .query(|values| {
                format!(
                    "WITH new(kind, low, high, created, flags) AS ({values})
                     INSERT INTO conversations (kind, party_low, party_high, created_at_ms, contact_flags)
                     SELECT kind, low, high, created, flags FROM new WHERE kind IS NOT NULL
                     RETURNING id, kind, party_low, party_high, last_message_id, contact_flags"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        let mut begun = Heads::new();
        collect_heads(&rows, &mut begun)?;
        add_participants(connection, &begun, chunk).await?;
        for (conversation, found) in begun {
            let head = heads.entry(conversation).or_insert(found);
            *head = head.begun(found);
        }
    }
    Ok(())
}

fn founders<'a>(
    conversations: impl IntoIterator<Item = &'a Conversation>,
) -> impl Iterator<Item = UserId> {
    let founders = conversations.into_iter().filter_map(|c| c.founders());
    founders.flatten()
}

async fn add_participants(
    connection: &mut SqliteConnection,
    heads: &Heads,
    begun: &[(Conversation, i64, Flags)],
) -> Result<(), StoreError> {
    let mut participants: Vec<(UserId, i64, i64)> = Vec::with_capacity(begun.len() * 2);
    for (conversation, created_at, _) in begun {
        if let Some(head) = heads.get(conversation) {
            let founders = founders([conversation]);
            participants.extend(founders.map(|user| (user, head.row, *created_at)));
        }
    }
    for chunk in participants.chunks(CHUNK) {
        let new = Values::new(chunk, 3, |row, (user, conversation, created_at)| {
            row.add(i64::from(user.get()))?;
            row.add(*conversation)?;
            row.add(*created_at)
        })?;
        new.query(|values| {
            format!(
                "WITH new(user_id, conversation, at) AS ({values})
                 INSERT INTO participants (user_id, conversation_id, updated_at_ms)
                 SELECT user_id, conversation, at FROM new WHERE user_id IS NOT NULL"
            )
        })
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// How senders stand to the groups they write to; no statement without a message to a group.
async fn standings(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
) -> Result<Standings, StoreError> {
    let wanted: HashSet<(GroupId, UserId)> = batch
        .iter()
        .filter_map(|message| match message.conversation {
            Conversation::Group(group) => Some((group, message.sender)),
            Conversation::Single(_) => None,
        })
        .collect();
    let wanted = Vec::from_iter(wanted);
    let mut standings = Standings::with_capacity(wanted.len());
    for chunk in wanted.chunks(CHUNK) {
        let wanted = Values::new(chunk, 2, |row, (group, sender)| {
            row.add(i64::from(group.get()))?;
            row.add(i64::from(sender.get()))
        })?;
        let rows = wanted
            .query(|values| {
                format!(
                    "WITH wanted(group_id, sender) AS ({values})
                     SELECT g.id, g.version, g.creator_id, g.muted_until_ms AS group_muted_until_ms, wanted.sender,
                     m.user_id IS NOT NULL AS member, m.role, m.muted_until_ms
                     FROM wanted CROSS JOIN chat_groups AS g ON g.id = wanted.group_id AND g.status = 0
                     LEFT JOIN group_members AS m ON m.group_id = g.id AND m.user_id = wanted.sender"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &rows {
            let (group, sender) = (row::group_id(found, "id")?, row::user_id(found, "sender")?);
            let writer = Writer {
                is_admin: is_admin(
                    row::somebody(found, "creator_id")?,
                    sender,
                    row::int(found, "role")?,
                ),
                group_muted_until: row::time(found, "group_muted_until_ms")?,
                muted_until: row::time(found, "muted_until_ms")?,
            };
            let standing = Standing {
                version: row::int(found, "version")?,
                member: row::flag(found, "member")?.then_some(writer),
            };
            standings.insert((group, sender), standing);
        }
    }
    Ok(standings)
}

/// The stored messages that carry a key of the batch.
async fn stored_keys(
    connection: &mut SqliteConnection,
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
        let keys = Values::new(chunk, 3, |row, (conversation, sender, key)| {
            row.add(*conversation)?;
            row.add(i64::from(sender.get()))?;
            row.add(key.as_bytes())
        })?;
        let rows = keys
            .query(|values| {
                format!(
                    "WITH wanted(conversation, sender, key) AS ({values})
                     SELECT m.conversation_id, m.client_key, {MESSAGE}
                     FROM wanted CROSS JOIN messages AS m INDEXED BY messages_by_client_key
                     ON m.conversation_id = wanted.conversation AND m.sender_id = wanted.sender
                     AND m.client_key = wanted.key"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &rows {
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
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for (conversation, message_id) in &plan.expired {
        sqlx::query(
            "UPDATE messages SET client_key = NULL WHERE conversation_id = ? AND message_id = ?",
        )
        .bind(conversation)
        .bind(i64::from(message_id.get()))
        .execute(&mut *connection)
        .await?;
    }
    for chunk in plan.inserts.chunks(CHUNK) {
        let new = Values::new(chunk, 8, |row, insert| {
            row.add(insert.row)?;
            row.add(i64::from(insert.id.get()))?;
            row.add(i64::from(insert.message.sender.get()))?;
            row.add(insert.message.kind_column())?;
            row.add(&insert.message.body[..])?;
            row.add(insert.message.created_at.0)?;
            row.add(insert.key)?;
            row.add(now.0)
        })?;
        new.query(|values| {
            format!(
                "WITH new(conversation, id, sender, kind, body, at, key, stored) AS ({values})
                 INSERT OR FAIL INTO messages
                 (conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms)
                 SELECT * FROM new WHERE conversation IS NOT NULL"
            )
        })
        .execute(&mut *connection)
        .await?;
    }
    reference::insert(connection, &plan.inserts).await?;
    withhold(connection, plan, now).await?;
    for chunk in plan.heads.chunks(CHUNK) {
        let heads = Values::new(chunk, 4, |row, moved| {
            row.add(moved.row)?;
            row.add(i64::from(moved.last.get()))?;
            row.add(i64::from(moved.by_low))?;
            row.add(now.0)
        })?;
        heads
            .query(|values| {
                format!(
                    "WITH head(conversation, last, by_low, at) AS ({values})
                     UPDATE OR FAIL conversations SET last_message_id = head.last,
                     low_messages = low_messages + head.by_low,
                     last_message_at_ms = max(last_message_at_ms, head.at)
                     FROM head WHERE conversations.id = head.conversation"
                )
            })
            .execute(&mut *connection)
            .await?;
    }
    for chunk in plan.read.chunks(CHUNK) {
        let read = Values::new(chunk, 3, |row, (sender, conversation, newest)| {
            row.add(i64::from(sender.get()))?;
            row.add(*conversation)?;
            row.add(i64::from(newest.get()))
        })?;
        read.query(|values| {
            format!(
                "WITH read(sender, conversation, newest) AS ({values})
                 UPDATE OR FAIL participants SET last_read_id = read.newest FROM read
                 WHERE participants.user_id = read.sender
                 AND participants.conversation_id = read.conversation"
            )
        })
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What somebody is not to see; nothing, mostly. Before the heads move, which tell what there was to see.
async fn withhold(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for insert in &plan.inserts {
        let Some(from) = insert.withheld_from else {
            continue;
        };
        sqlx::query(
            "UPDATE messages SET withheld_from = ? WHERE conversation_id = ? AND message_id = ?",
        )
        .bind(i64::from(from.get()))
        .bind(insert.row)
        .bind(i64::from(insert.id.get()))
        .execute(&mut *connection)
        .await?;
    }
    for shown in &plan.shown {
        let (end, at) = match shown.end {
            ShownEnd::Newest => ("NULL", "NULL"),
            ShownEnd::Message(_) => ("?3", "?4"),
            ShownEnd::NewestBefore => (
                "(SELECT last_message_id FROM conversations WHERE id = ?2)",
                "(SELECT last_message_at_ms FROM conversations WHERE id = ?2)",
            ),
            ShownEnd::AsBefore => ("shown_last_id", "shown_last_at_ms"),
        };
        let sql = format!(
            "UPDATE participants SET shown_last_id = {end}, shown_last_at_ms = {at}, own_read = own_read - ?5
             WHERE user_id = ?1 AND conversation_id = ?2"
        );
        let last = match shown.end {
            ShownEnd::Message(id) => Some(i64::from(id.get())),
            ShownEnd::Newest | ShownEnd::NewestBefore | ShownEnd::AsBefore => None,
        };
        sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(shown.user.get()))
            .bind(shown.row)
            .bind(last)
            .bind(now.0)
            .bind(i64::from(shown.withheld))
            .execute(&mut *connection)
            .await?;
    }
    for moved in &plan.heads {
        if let Some(flags) = moved.flags {
            sqlx::query("UPDATE conversations SET contact_flags = ? WHERE id = ?")
                .bind(flags.0)
                .bind(moved.row)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

//! The conversations of a batch: those that are there, those that may begin and those that do.

use std::collections::HashSet;

use proto::ids::UserId;
use sqlx::Arguments;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::super::user::existing;
use super::super::values::{CHUNK, Values};
use super::super::{contact, row};
use crate::store::plan::{Head, Heads};
use crate::store::relation::Flags;
use crate::store::{Conversation, StoreError};

/// Begins a write transaction, and finds those that exist. There must be one at least.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    conversations: &[Conversation],
) -> Result<Heads, StoreError> {
    let mut heads = Heads::with_capacity(conversations.len());
    for (n, chunk) in conversations.chunks(CHUNK).enumerate() {
        let wanted = Values::new(chunk, 3, |row, conversation| {
            let (kind, low, high) = conversation.parties();
            row.add(kind)?;
            row.add(low)?;
            row.add(high)
        })?;
        let rows = wanted
            .query(|values| {
                let begin = if n == 0 { "BEGIN IMMEDIATE;" } else { "" };
                format!(
                    "{begin} WITH wanted(kind, low, high) AS ({values})
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

fn collect_heads(rows: &[SqliteRow], heads: &mut Heads) -> Result<(), StoreError> {
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
pub(super) async fn find_missing(
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
pub(super) async fn find_colleagues(
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
pub(super) async fn begin(
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

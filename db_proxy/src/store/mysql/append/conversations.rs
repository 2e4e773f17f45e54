//! The conversations of a batch: those that are there, those that may begin and those that do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::super::contact;
use super::super::key::{self, key};
use super::super::meta::NOW;
use super::super::statement::{CHUNK, Statement, list, padded, rows};
use super::super::user::{add_id, existing};
use crate::store::plan::{Head, Heads};
use crate::store::relation::Flags;
use crate::store::{Conversation, NewMessage, StoreError, UnixMillis, row};

/// Locks those of the conversations that exist, ascending as they are named. The time of the server, or the beginning
/// of all time when there is none.
pub(super) async fn lock(
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
pub(super) async fn find_missing(
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
pub(super) async fn find_colleagues(
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
pub(super) async fn begin(
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

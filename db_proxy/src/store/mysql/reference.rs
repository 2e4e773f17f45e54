//! What messages refer to. No statement for messages that refer to nothing.

use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;

use super::key::key;
use super::statement::{CHUNK, Statement, padded, piece, rows};
use crate::store::plan::Insert;
use crate::store::reference::{Grounds, Wanted};
use crate::store::{NewMessage, StoreError, row};

/// Looks up what decides whether messages may refer to what they do. Their conversations are locked, which whoever changes
/// members locks too.
pub(super) async fn grounds(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
) -> Result<Grounds, StoreError> {
    let wanted = Wanted::of(batch);
    let mut grounds = Grounds::default();
    for chunk in Vec::from_iter(wanted.members).chunks(CHUNK) {
        let wanted = padded(chunk);
        let sql = format!(
            "SELECT group_id, user_id FROM group_members FORCE INDEX (PRIMARY) WHERE (group_id, user_id) IN ({})",
            rows(wanted.len(), 2)
        );
        let found = Statement::new(sql).bind_all(wanted, add_pair);
        for found in &found.fetch(connection).await? {
            let user = row::user_id(found, "user_id")?;
            grounds
                .members
                .insert((row::group_id(found, "group_id")?, user));
        }
    }
    // one after the other: few messages of a batch answer others
    for (conversation, user, id) in wanted.seen {
        let found = Statement::new(
            "SELECT m.message_id FROM participants AS p
             STRAIGHT_JOIN messages AS m FORCE INDEX (PRIMARY) ON m.conversation_id = p.conversation_id
             WHERE p.user_id = ? AND p.conversation_id = ? AND m.message_id = ?
             AND m.message_id > p.visible_after_id AND m.withheld_from <> p.user_id",
        )
        .bind(i64::from(user.get()))
        .bind(key(conversation))
        .bind(i64::from(id.get()));
        if found.first(connection).await?.is_some() {
            grounds.seen.insert((conversation, user, id));
        }
    }
    Ok(grounds)
}

fn add_pair(row: &mut Statement, (group, user): (GroupId, UserId)) {
    row.add(i64::from(group.get()));
    row.add(i64::from(user.get()));
}

/// Stores what the new messages refer to. `bytes` bounds one statement.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    inserts: &[Insert<'_>],
    bytes: usize,
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for insert in inserts {
        if let Some(references) = &insert.message.references {
            new.push((insert.row, insert.id, references.to_bytes()));
        }
    }
    let mut rest = &new[..];
    while !rest.is_empty() {
        let (chunk, others) = piece(rest, bytes, |(_, _, refs)| refs.len());
        rest = others;
        let sql = format!(
            "INSERT INTO message_references (conversation_id, message_id, refs) VALUES {}",
            rows(chunk.len(), 3)
        );
        let new = Statement::new(sql).bind_all(chunk, |row, (conversation, id, refs)| {
            row.add(*conversation);
            row.add(i64::from(id.get()));
            row.add(&refs[..]);
        });
        new.execute(connection).await?;
    }
    Ok(())
}

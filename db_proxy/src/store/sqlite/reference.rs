//! What messages refer to. No statement for messages that refer to nothing.

use proto::ids::{GroupId, UserId};
use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::row;
use super::values::{CHUNK, Values};
use crate::store::plan::Insert;
use crate::store::reference::{Grounds, Wanted};
use crate::store::{NewMessage, StoreError};

/// Looks up what decides whether messages may refer to what they do.
pub(super) async fn grounds(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
) -> Result<Grounds, StoreError> {
    let wanted = Wanted::of(batch);
    let mut grounds = Grounds::default();
    for chunk in Vec::from_iter(wanted.members).chunks(CHUNK) {
        let found = pairs(chunk)?
            .query(|values| {
                format!(
                    "WITH wanted(group_id, user_id) AS ({values})
                     SELECT m.group_id, m.user_id FROM wanted CROSS JOIN group_members AS m
                     ON m.group_id = wanted.group_id AND m.user_id = wanted.user_id"
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &found {
            let user = row::user_id(found, "user_id")?;
            grounds
                .members
                .insert((row::group_id(found, "group_id")?, user));
        }
    }
    for chunk in Vec::from_iter(wanted.seen).chunks(CHUNK) {
        let places = Values::new(chunk, 5, |row, (conversation, user, id)| {
            let (kind, low, high) = conversation.parties();
            row.add(kind)?;
            row.add(low)?;
            row.add(high)?;
            row.add(i64::from(user.get()))?;
            row.add(i64::from(id.get()))
        })?;
        let found = places
            .query(|values| {
                format!(
                    "WITH wanted(kind, low, high, user_id, message_id) AS ({values})
                     SELECT {}, p.user_id, m.message_id FROM wanted CROSS JOIN conversations AS c
                     ON c.kind = wanted.kind AND c.party_low = wanted.low AND c.party_high = wanted.high
                     CROSS JOIN participants AS p ON p.user_id = wanted.user_id AND p.conversation_id = c.id
                     CROSS JOIN messages AS m ON m.conversation_id = c.id AND m.message_id = wanted.message_id
                     WHERE m.message_id > p.visible_after_id AND m.withheld_from <> p.user_id",
                    row::CONVERSATION
                )
            })
            .fetch_all(&mut *connection)
            .await?;
        for found in &found {
            let user = row::user_id(found, "user_id")?;
            let id = row::message_id(found, "message_id")?;
            grounds.seen.insert((row::conversation(found)?, user, id));
        }
    }
    Ok(grounds)
}

fn pairs(wanted: &[(GroupId, UserId)]) -> Result<Values, StoreError> {
    Values::new(wanted, 2, |row, (group, user)| {
        row.add(i64::from(group.get()))?;
        row.add(i64::from(user.get()))
    })
}

/// Stores what the new messages refer to.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    inserts: &[Insert<'_>],
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for insert in inserts {
        if let Some(references) = &insert.message.references {
            new.push((insert.row, insert.id, references.to_bytes()));
        }
    }
    for chunk in new.chunks(CHUNK) {
        let new = Values::new(chunk, 3, |row, (conversation, id, refs)| {
            row.add(*conversation)?;
            row.add(i64::from(id.get()))?;
            row.add(refs.clone())
        })?;
        new.query(|values| {
            format!(
                "WITH new(conversation, id, refs) AS ({values})
                 INSERT OR FAIL INTO message_references (conversation_id, message_id, refs)
                 SELECT * FROM new WHERE conversation IS NOT NULL"
            )
        })
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

//! Who may write in the groups of a batch.

use sqlx::Arguments;
use sqlx::sqlite::SqliteConnection;

use super::super::row;
use super::super::values::{CHUNK, Values};
use crate::store::plan::{Standing, Standings, Writer, writers_of_groups};
use crate::store::revision::is_admin;
use crate::store::{NewMessage, StoreError};

/// How senders stand to the groups they write to; no statement without a message to a group.
pub(super) async fn standings(
    connection: &mut SqliteConnection,
    batch: &[NewMessage],
) -> Result<Standings, StoreError> {
    let wanted = writers_of_groups(batch);
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

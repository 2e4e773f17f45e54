//! Who may write in the groups of a batch.

use std::collections::{BTreeSet, HashMap};

use proto::ids::{GroupId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::super::statement::{CHUNK, Statement, list, padded, rows};
use crate::store::plan::{Standing, Standings, Writer, writers_of_groups};
use crate::store::revision::is_admin;
use crate::store::{NewMessage, StoreError, UnixMillis, row};

/// How senders stand to the groups they write to; no statement without a message to a group. Whoever changes members
/// has the conversation locked.
pub(super) async fn standings(
    connection: &mut MySqlConnection,
    batch: &[NewMessage],
) -> Result<Standings, StoreError> {
    let wanted = writers_of_groups(batch);
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

use std::collections::{BTreeMap, HashMap};

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySqlConnection, Row};

use super::{Choices, TeamTalkError};
use crate::store::next_id;

/// Tables that messages of each kind are spread over, unless somebody changed that.
const SHARDS: u16 = 8;

/// Which tables and columns there are. Names are compared without case: a database that was moved to Windows and back
/// has other ones.
pub(super) struct Schema {
    pub(super) database: String,
    pub(super) users: Table,
    pub(super) departments: Table,
    pub(super) groups: Table,
    pub(super) members: Table,
    pub(super) relations: Table,
    pub(super) sessions: Table,
    /// Voice clips; some dialects have none.
    pub(super) audio: Option<Table>,
    pub(super) messages: Vec<Table>,
    pub(super) group_messages: Vec<Table>,
}

/// A table with what it has.
pub(super) struct Table {
    name: String,
    columns: HashMap<String, Column>,
}

#[derive(Clone, Copy)]
struct Column {
    nullable: bool,
    /// It has a character set: its bytes are not those that were written.
    text: bool,
}

type Found = BTreeMap<String, Table>;

impl Schema {
    pub(super) async fn read(
        connection: &mut MySqlConnection,
        database: &str,
        choices: Choices,
    ) -> Result<Self, TeamTalkError> {
        let rows = sqlx::query(
            "SELECT CAST(table_name AS BINARY), CAST(column_name AS BINARY), CAST(is_nullable AS BINARY),
             CAST(character_set_name AS BINARY) FROM information_schema.columns WHERE table_schema = DATABASE()",
        )
        .fetch_all(connection)
        .await?;
        let mut found = Found::new();
        for row in &rows {
            let (name, column) = (text(row, 0)?, text(row, 1)?);
            let table = found.entry(name.to_lowercase()).or_insert_with(|| Table {
                name,
                columns: HashMap::new(),
            });
            let about = Column {
                nullable: text(row, 2)?.eq_ignore_ascii_case("yes"),
                text: !matches!(text(row, 3)?.as_str(), "" | "binary"),
            };
            table.columns.insert(column.to_lowercase(), about);
        }
        Self::of(found, database, choices)
    }

    fn of(mut found: Found, database: &str, choices: Choices) -> Result<Self, TeamTalkError> {
        let mut table = |name: &str, columns: &[&str]| {
            let missing = || TeamTalkError::NoTable {
                database: database.to_owned(),
                table: name.to_owned(),
            };
            let table = found.remove(&name.to_lowercase()).ok_or_else(missing)?;
            let lacks = columns.iter().find(|column| !table.has(column));
            match lacks {
                None => Ok(table),
                Some(column) => Err(TeamTalkError::NoColumn {
                    database: database.to_owned(),
                    table: table.name,
                    column: (*column).to_owned(),
                }),
            }
        };
        let users = table("IMUser", &["id", "name", "password", "salt"])?;
        let departments = table("IMDepart", &["id", "departName", "parentId"])?;
        let groups = table("IMGroup", &["id", "name", "creator", "status"])?;
        let members = table("IMGroupMember", &["groupId", "userId", "status"])?;
        let relations = table("IMRelationShip", &["id", "smallId", "bigId"])?;
        let sessions = table("IMRecentSession", &["userId", "peerId", "type", "status"])?;
        let single = [
            "id", "relateId", "fromId", "msgId", "content", "type", "created",
        ];
        let group = [
            "id", "groupId", "userId", "msgId", "content", "type", "created",
        ];
        let audio = table("IMAudio", &["id", "path"]).ok();
        let mut shards = |prefix: &str, columns: &[&str]| {
            let count = choices.shards.unwrap_or(SHARDS);
            let shard = |number| {
                let name = format!("{prefix}{number}");
                table(&name, columns).map_err(|error| match error {
                    TeamTalkError::NoTable { database, table } => TeamTalkError::NoShard {
                        database,
                        table,
                        shards: count,
                    },
                    other => other,
                })
            };
            (0..count).map(shard).collect::<Result<Vec<_>, _>>()
        };
        let messages = shards("IMMessage_", &single)?;
        let group_messages = shards("IMGroupMessage_", &group)?;
        let unread = found.iter().filter(|(name, _)| {
            name.starts_with("immessage_") || name.starts_with("imgroupmessage_")
        });
        let unread = Vec::from_iter(unread.map(|(_, table)| table.name.clone()));
        if !unread.is_empty() && !choices.leave_tables {
            return Err(TeamTalkError::UnreadTables {
                database: database.to_owned(),
                tables: unread.join(", "),
            });
        }
        Ok(Self {
            database: database.to_owned(),
            users,
            departments,
            groups,
            members,
            relations,
            sessions,
            audio,
            messages,
            group_messages,
        })
    }

    /// The shards of conversations of two, or of groups.
    pub(super) fn shards(&self, groups: bool) -> &[Table] {
        if groups {
            &self.group_messages
        } else {
            &self.messages
        }
    }
}

impl Table {
    fn has(&self, column: &str) -> bool {
        self.columns.contains_key(&column.to_lowercase())
    }

    /// The name, to be written into a statement.
    pub(super) fn sql(&self) -> String {
        format!("`{}`", self.name.replace('`', "``"))
    }

    /// A number of any width; NULL where the dialect has no such column.
    pub(super) fn int(&self, column: &str) -> String {
        if self.has(column) {
            format!("CAST(`{column}` AS SIGNED)")
        } else {
            "CAST(NULL AS SIGNED)".to_owned()
        }
    }

    /// A text of any character set, as UTF-8; NULL where the dialect has no such column.
    pub(super) fn text(&self, column: &str) -> String {
        if self.has(column) {
            format!("CAST(CONVERT(`{column}` USING utf8mb4) AS BINARY)")
        } else {
            "CAST(NULL AS BINARY)".to_owned()
        }
    }

    /// A status: NULL is -1, since it is none of those that TeamTalk asks for; 0 where the dialect has none.
    pub(super) fn status(&self) -> &'static str {
        if self.has("status") {
            "CAST(COALESCE(`status`, -1) AS SIGNED)"
        } else {
            "CAST(0 AS SIGNED)"
        }
    }

    /// A column to order by or to compare, NULL as 0. As it is where it can be, for the sake of indexes.
    pub(super) fn order(&self, column: &str) -> String {
        let found = self.columns.get(&column.to_lowercase());
        if found.is_some_and(|found| found.nullable) {
            format!("COALESCE(`{column}`, 0)")
        } else {
            format!("`{column}`")
        }
    }

    /// Bytes as they were written: of a text in whatever character set, as UTF-8.
    pub(super) fn bytes(&self, column: &str) -> String {
        let found = self.columns.get(&column.to_lowercase());
        if found.is_some_and(|found| found.text) {
            self.text(column)
        } else {
            format!("CAST(`{column}` AS BINARY)")
        }
    }

    /// `column = 0`, where it exists: TeamTalk passes over other rows.
    pub(super) fn live(&self) -> &'static str {
        if self.has("status") {
            "status = 0"
        } else {
            "1 = 1"
        }
    }

    /// The largest id that a row was given, of those up to `most`. Rows may have been deleted.
    pub(super) async fn last_id(
        &self,
        connection: &mut MySqlConnection,
        most: i64,
    ) -> Result<i64, TeamTalkError> {
        let made = once(connection, format!("SHOW CREATE TABLE {}", self.sql())).await?;
        let made: Vec<u8> = match made.first() {
            Some(made) => made.try_get_unchecked(1)?,
            None => Vec::new(),
        };
        let next = next_id(&String::from_utf8_lossy(&made)).unwrap_or(0);
        let sql = format!(
            "SELECT CAST(MAX(id) AS SIGNED) FROM {} WHERE id <= {most}",
            self.sql()
        );
        let found = once(connection, sql).await?;
        let last = found.first().map_or(Ok(0), |found| int(found, 0))?;
        Ok(if next - 1 <= most {
            last.max(next - 1)
        } else {
            last
        })
    }

    pub(super) async fn count(
        &self,
        connection: &mut MySqlConnection,
    ) -> Result<u64, TeamTalkError> {
        let sql = format!("SELECT COUNT(*) FROM {}", self.sql());
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(connection)
            .await?;
        Ok(count.unsigned_abs())
    }
}

/// A statement that is not asked again: to prepare it and forget it would cost two trips more. It is made of numbers and
/// names of columns.
pub(super) async fn once(
    connection: &mut MySqlConnection,
    sql: String,
) -> Result<Vec<MySqlRow>, TeamTalkError> {
    Ok(sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?)
}

/// NULL is 0.
pub(super) fn int(row: &MySqlRow, place: usize) -> Result<i64, TeamTalkError> {
    Ok(row.try_get::<Option<i64>, _>(place)?.unwrap_or(0))
}

/// NULL is empty; what is no UTF-8 is replaced.
pub(super) fn text(row: &MySqlRow, place: usize) -> Result<String, TeamTalkError> {
    Ok(String::from_utf8_lossy(&bytes(row, place)?).into_owned())
}

/// NULL is empty.
pub(super) fn bytes(row: &MySqlRow, place: usize) -> Result<Vec<u8>, TeamTalkError> {
    Ok(row
        .try_get::<Option<Vec<u8>>, _>(place)?
        .unwrap_or_default())
}

//! Who talks to whom, and who wrote without being a user any more.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::TeamTalkError;
use super::people::id;
use super::schema::{Schema, int};
use super::survey::{PAGE, Part, Survey, Tallies, Tally};
use crate::store::Table;
use crate::transfer::{Origin, Reason};

impl Survey {
    pub(super) async fn relations(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        mut tallies: Tallies,
    ) -> Result<(), TeamTalkError> {
        let table = &schema.relations;
        let mut pairs: HashSet<(u32, u32)> = HashSet::new();
        let mut after = i64::MIN;
        loop {
            let sql = format!(
                "SELECT {}, {}, {} FROM {} WHERE id > ? ORDER BY id LIMIT {PAGE}",
                table.int("id"),
                table.int("smallId"),
                table.int("bigId"),
                table.sql()
            );
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(after)
                .fetch_all(&mut *connection)
                .await?;
            for row in &rows {
                after = int(row, 0)?;
                let (small, big) = (int(row, 1)?, int(row, 2)?);
                self.saw(Table::Users, small.max(big));
                let source = u32::try_from(after).unwrap_or(0);
                let tallies = tallies.remove(&source).unwrap_or_default();
                let outcome = self.relation(source, small, big, &tallies, &mut pairs);
                if let Err(reason) = outcome {
                    let example = || format!("relation {after} of users {small} and {big}");
                    self.report.find(reason, example);
                }
            }
            if rows.len() < PAGE {
                break;
            }
        }
        self.lost(tallies, false);
        Ok(())
    }

    fn relation(
        &mut self,
        source: u32,
        small: i64,
        big: i64,
        tallies: &[Tally],
        pairs: &mut HashSet<(u32, u32)>,
    ) -> Result<(), Reason> {
        let written: u64 = tallies.iter().map(|tally| u64::from(tally.live)).sum();
        let reason = if small == big {
            Some(Reason::RelationSelf)
        } else if written == 0 {
            let users = [small, big].map(|user| self.known.has_writer(user));
            Some(if users == [true; 2] {
                Reason::RelationSilent
            } else {
                Reason::RelationUser
            })
        } else {
            let users = [small, big].map(|user| self.known.wrote(user));
            (users != [true; 2]).then_some(Reason::RelationUser)
        };
        let deleted = tallies.iter().map(|tally| tally.deleted).sum();
        self.report.find_many(Reason::MessageDeleted, deleted, || {
            format!("relation {source}")
        });
        if let Some(reason) = reason {
            self.report.find_many(Reason::MessageRelation, written, || {
                format!("relation {source} of users {small} and {big}")
            });
            return Err(reason);
        }
        let [low, high] = [small.min(big), small.max(big)].map(|raw| id(raw).unwrap_or(0));
        self.parts.extend(
            tallies
                .iter()
                .filter(|tally| tally.live > 0)
                .map(|tally| Part {
                    low,
                    high,
                    source,
                    shard: tally.shard,
                    rows: tally.live,
                    muddled: tally.muddled,
                }),
        );
        if !pairs.insert((low, high)) {
            return Err(Reason::RelationDouble);
        }
        self.report.carry(Origin::Relations, 1);
        if small > big {
            return Err(Reason::RelationSwapped);
        }
        Ok(())
    }

    /// Who wrote in groups and is no user any more.
    pub(super) async fn writers(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
    ) -> Result<(), TeamTalkError> {
        for table in schema.shards(true) {
            let sql = format!(
                "SELECT DISTINCT {}, {} FROM {} WHERE {}",
                table.int("groupId"),
                table.int("userId"),
                table.sql(),
                table.live()
            );
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let (group, user) = (int(&row, 0)?, int(&row, 1)?);
                if id(group).is_some_and(|group| self.known.groups.contains_key(&group)) {
                    self.known.wrote(user);
                }
            }
        }
        Ok(())
    }
}

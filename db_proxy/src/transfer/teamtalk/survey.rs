//! What there is, found out before anything is carried: who exists, who talks to whom, and how sound the ids of each
//! conversation are.

use std::collections::{BTreeMap, HashMap};

use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest};
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::TeamTalkError;
use super::names::Names;
use super::people::{Known, LAST_ID, department_id, gone_name, group_id, id};
use super::raw::{RawDepartment, RawGroup};
use super::schema::{self, Schema, int, once, text};
use crate::store::Table;
use crate::transfer::{Account, Origin, Reason, Report};

/// Users and relations that are fetched at once.
pub(super) const PAGE: usize = 10_000;

/// What the survey found.
pub(super) struct Survey {
    pub(super) known: Known,
    /// All conversations that are carried, by their parties; several parts of one stand together.
    pub(super) parts: Vec<Part>,
    pub(super) report: Report,
    rows: BTreeMap<Origin, u64>,
    pub(super) last_ids: Vec<(Table, i64)>,
    /// Changes when the source does.
    pub(super) state: u64,
}

/// Messages of one relation or group in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// 0: a group's.
    pub(super) low: u32,
    pub(super) high: u32,
    /// The relation's id, or the group's.
    pub(super) source: u32,
    pub(super) shard: u16,
    /// Messages that are not deleted.
    pub(super) rows: u32,
    /// Ids are zero or there twice.
    pub(super) muddled: bool,
}

/// Messages of one relation or group in one shard, counted.
pub(super) struct Tally {
    pub(super) shard: u16,
    pub(super) live: u32,
    pub(super) deleted: u64,
    pub(super) muddled: bool,
}

pub(super) type Tallies = HashMap<u32, Vec<Tally>>;

impl Survey {
    pub(super) async fn make(
        connection: &mut MySqlConnection,
        schema: &Schema,
        known: Known,
    ) -> Result<Self, TeamTalkError> {
        let mut survey = Self {
            known,
            parts: Vec::new(),
            report: Report::default(),
            rows: BTreeMap::new(),
            last_ids: Vec::new(),
            state: 0,
        };
        let mut state = Blake2b::<U8>::new();
        for (origin, table) in [
            (Origin::Users, &schema.users),
            (Origin::Departments, &schema.departments),
            (Origin::Groups, &schema.groups),
            (Origin::Members, &schema.members),
            (Origin::Relations, &schema.relations),
            (Origin::Sessions, &schema.sessions),
        ] {
            let rows = table.count(connection).await?;
            survey.rows.insert(origin, rows);
            state.update(rows.to_be_bytes());
        }
        for (kind, table) in [
            (Table::Departments, &schema.departments),
            (Table::Users, &schema.users),
            (Table::Groups, &schema.groups),
        ] {
            let last = table.last_id(connection, LAST_ID.into()).await?;
            survey.last_ids.push((kind, last));
        }
        let mut names = survey.people(connection, schema).await?;
        survey.groups(connection, schema).await?;
        survey.members(connection, schema).await?;
        let singles = survey.tallies(connection, schema, false).await?;
        let groups = survey.tallies(connection, schema, true).await?;
        survey.relations(connection, schema, singles).await?;
        survey.writers(connection, schema).await?;
        for id in &survey.known.gone {
            names.add(*id, &gone_name(*id), false);
        }
        survey.known.renamed = names.judge();
        survey.group_parts(groups);
        survey.parts.sort_unstable();
        for part in &survey.parts {
            state.update(part.source.to_be_bytes());
            state.update(part.rows.to_be_bytes());
        }
        survey.state = u64::from_be_bytes(state.finalize().into());
        Ok(survey)
    }

    /// How many rows a table had, all shards together.
    pub(super) fn rows(&self, origin: Origin) -> u64 {
        self.rows.get(&origin).copied().unwrap_or(0)
    }

    pub(super) fn accounts(&self, report: &Report) -> Vec<Account> {
        let account = |origin| report.account(origin, self.rows(origin));
        Origin::ALL.map(account).into()
    }

    /// What was found besides the steps, which led to `steps`: who belongs to nothing that is carried was never met.
    pub(super) fn rest(&self, steps: &Report) -> Report {
        let mut rest = self.report.clone();
        let met = steps.account(Origin::Sessions, self.rows(Origin::Sessions));
        let unmet = met.rows.saturating_sub(met.carried + met.merged + met.left);
        rest.find_many(Reason::SessionNothing, unmet, || {
            "whatever is not carried".to_owned()
        });
        rest
    }

    async fn people(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
    ) -> Result<Names, TeamTalkError> {
        let table = &schema.departments;
        let sql = format!(
            "SELECT {}, {} FROM {}",
            table.int("id"),
            table.int("status"),
            table.sql()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            let raw = RawDepartment {
                id: int(row, 0)?,
                status: int(row, 1)?,
                ..RawDepartment::default()
            };
            self.known.departments.extend(department_id(&raw).ok());
        }
        let table = &schema.users;
        let mut names = Names::default();
        let mut after = -1;
        loop {
            let sql = format!(
                "SELECT {}, {}, {} FROM {} WHERE id > ? ORDER BY id LIMIT {PAGE}",
                table.int("id"),
                table.text("name"),
                table.status(),
                table.sql()
            );
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(after)
                .fetch_all(&mut *connection)
                .await?;
            for row in &rows {
                after = int(row, 0)?;
                if let Some(id) = id(after) {
                    self.known.users.insert(id);
                    names.add(id, &text(row, 1)?, int(row, 2)? == 0);
                }
            }
            if rows.len() < PAGE {
                break;
            }
        }
        Ok(names)
    }

    async fn groups(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
    ) -> Result<(), TeamTalkError> {
        let table = &schema.groups;
        let sql = format!(
            "SELECT {}, {}, {} FROM {}",
            table.int("id"),
            table.status(),
            table.int("created"),
            table.sql()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            let raw = RawGroup {
                id: int(row, 0)?,
                status: int(row, 1)?,
                ..RawGroup::default()
            };
            if let Ok(id) = group_id(&raw) {
                let (created, _) = self.known.time(int(row, 2)?);
                self.known.groups.insert(id, created);
            }
        }
        Ok(())
    }

    /// Members of what is not carried: nobody meets them later.
    async fn members(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
    ) -> Result<(), TeamTalkError> {
        let table = &schema.members;
        let sql = format!(
            "SELECT {}, COUNT(*) FROM {} GROUP BY groupId ORDER BY groupId",
            table.int("groupId"),
            table.sql()
        );
        for row in &once(connection, sql).await? {
            let (group, rows) = (int(row, 0)?, int(row, 1)?);
            self.saw(Table::Groups, group);
            if id(group).is_none_or(|group| !self.known.groups.contains_key(&group)) {
                self.report
                    .find_many(Reason::MemberGroup, rows.unsigned_abs(), || {
                        format!("group {group}")
                    });
            }
        }
        Ok(())
    }

    async fn tallies(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        groups: bool,
    ) -> Result<Tallies, TeamTalkError> {
        let (column, origin) = columns(groups);
        let mut tallies = Tallies::new();
        for (shard, table) in (0..).zip(schema.shards(groups)) {
            for row in &tally(connection, table, column).await? {
                let (rows, live) = (int(row, 1)?, int(row, 2)?);
                *self.rows.entry(origin).or_default() += rows.unsigned_abs();
                let tally = Tally {
                    shard,
                    live: u32::try_from(live).unwrap_or(u32::MAX),
                    deleted: (rows - live).unsigned_abs(),
                    muddled: int(row, 3)? < 1 || int(row, 4)? < live,
                };
                let source = u32::try_from(int(row, 0)?).unwrap_or(0);
                tallies.entry(source).or_default().push(tally);
            }
        }
        self.rows.entry(origin).or_default();
        Ok(tallies)
    }

    /// Every group has a part, whether or not something was written in it.
    fn group_parts(&mut self, mut tallies: Tallies) {
        for group in self.known.groups.keys() {
            let tallies = tallies.remove(group).unwrap_or_default();
            let deleted = tallies.iter().map(|tally| tally.deleted).sum();
            self.report
                .find_many(Reason::GroupMessageDeleted, deleted, || {
                    format!("group {group}")
                });
            let part = |shard, rows, muddled| Part {
                low: 0,
                high: *group,
                source: *group,
                shard,
                rows,
                muddled,
            };
            let before = self.parts.len();
            let written = tallies.iter().filter(|tally| tally.live > 0);
            self.parts
                .extend(written.map(|tally| part(tally.shard, tally.live, tally.muddled)));
            if self.parts.len() == before {
                self.parts.push(part(0, 0, false));
            }
        }
        self.lost(tallies, true);
    }

    /// Somebody speaks of that id: it is not given again.
    pub(super) fn saw(&mut self, table: Table, raw: i64) {
        let Some(id) = id(raw) else { return };
        for (of, last) in &mut self.last_ids {
            if *of == table {
                *last = (*last).max(id.into());
            }
        }
    }

    /// Messages that belong to nothing.
    pub(super) fn lost(&mut self, tallies: Tallies, groups: bool) {
        let (what, lost, deleted) = if groups {
            let reasons = (Reason::GroupMessageGroup, Reason::GroupMessageDeleted);
            ("group", reasons.0, reasons.1)
        } else {
            let reasons = (Reason::MessageRelation, Reason::MessageDeleted);
            ("relation", reasons.0, reasons.1)
        };
        let mut sources = Vec::from_iter(tallies);
        sources.sort_unstable_by_key(|(source, _)| *source);
        for (source, tallies) in sources {
            if groups {
                self.saw(Table::Groups, source.into());
            }
            for tally in tallies {
                let example = || format!("{what} {source}");
                self.report.find_many(lost, tally.live.into(), example);
                self.report.find_many(deleted, tally.deleted, example);
            }
        }
    }
}

/// The column that names a conversation, and whose rows they are.
pub(super) fn columns(groups: bool) -> (&'static str, Origin) {
    if groups {
        ("groupId", Origin::GroupMessages)
    } else {
        ("relateId", Origin::Messages)
    }
}

/// Per conversation: rows, those not deleted, of these the smallest id and how many different ones. Answered from an
/// index.
async fn tally(
    connection: &mut MySqlConnection,
    table: &schema::Table,
    column: &str,
) -> Result<Vec<sqlx::mysql::MySqlRow>, TeamTalkError> {
    let live = table.live();
    let sql = format!(
        "SELECT CAST({column} AS SIGNED), COUNT(*), CAST(SUM({live}) AS SIGNED),
         CAST(MIN(CASE WHEN {live} THEN msgId END) AS SIGNED), COUNT(DISTINCT CASE WHEN {live} THEN msgId END)
         FROM {} GROUP BY {column}",
        table.sql()
    );
    Ok(sqlx::query(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?)
}

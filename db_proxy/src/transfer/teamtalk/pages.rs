//! Departments, users and groups, page by page.

use sqlx::AssertSqlSafe;

use super::raw::{department, group, user};
use super::read::{BEHIND_USERS, Stage};
use super::schema::int;
use super::step::judged;
use super::{TeamTalk, TeamTalkError};
use crate::store::Table;
use crate::transfer::{Report, Step};

/// Users and groups of one step.
const PAGE: usize = 1_000;

impl TeamTalk {
    pub(super) async fn departments(&mut self) -> Result<Step, TeamTalkError> {
        let table = &self.schema.departments;
        let sql = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {} FROM {} ORDER BY id",
            table.int("id"),
            table.text("departName"),
            table.int("priority"),
            table.int("parentId"),
            table.int("status"),
            table.int("created"),
            table.int("updated"),
            table.sql()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut self.connection)
            .await?;
        let raw = rows.iter().map(department).collect::<Result<_, _>>()?;
        let mut report = Report::default();
        let rows = self.survey.known.departments(raw, &mut report);
        self.at.stage = Stage::Users(-1);
        Ok(judged(Table::Departments, rows, 0, report))
    }

    pub(super) async fn users(&mut self, after: i64) -> Result<Option<Step>, TeamTalkError> {
        let table = &self.schema.users;
        let texts = [
            "name",
            "domain",
            "nick",
            "password",
            "salt",
            "phone",
            "email",
            "avatar",
            "sign_info",
        ];
        let ints = [
            "id",
            "sex",
            "departId",
            "status",
            "created",
            "updated",
            "push_shield_status",
        ];
        let columns = ints.map(|column| match column {
            "status" => table.status().to_owned(),
            other => table.int(other),
        });
        let columns = columns.into_iter();
        let columns = columns.chain(texts.map(|column| table.text(column)));
        let sql = format!(
            "SELECT {} FROM {} WHERE id > ? ORDER BY id LIMIT {PAGE}",
            Vec::from_iter(columns).join(", "),
            table.sql()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .fetch_all(&mut self.connection)
            .await?;
        let Some(last) = rows.last() else {
            self.at.stage = Stage::Gone;
            return Ok(None);
        };
        let after = int(last, 0)?;
        let mut report = Report::default();
        let mut users = Vec::with_capacity(rows.len());
        for row in &rows {
            users.extend(self.survey.known.user(user(row)?, &mut report));
        }
        self.at.stage = Stage::Users(after);
        Ok(Some(judged(Table::Users, users, after, report)))
    }

    pub(super) fn gone(&mut self) -> Step {
        let mut report = Report::default();
        let rows = self.survey.known.gone(&mut report);
        self.at.stage = Stage::Groups(i64::MIN);
        judged(Table::Users, rows, BEHIND_USERS, report)
    }

    pub(super) async fn groups(&mut self, after: i64) -> Result<Option<Step>, TeamTalkError> {
        let table = &self.schema.groups;
        let sql = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {}, {}, {} FROM {} WHERE id > ? ORDER BY id LIMIT {PAGE}",
            table.int("id"),
            table.int("creator"),
            table.int("type"),
            table.status(),
            table.int("version"),
            table.int("updated"),
            table.int("created"),
            table.text("name"),
            table.text("avatar"),
            table.sql()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .fetch_all(&mut self.connection)
            .await?;
        let Some(last) = rows.last() else {
            self.at.stage = Stage::Talks(0);
            return Ok(None);
        };
        let after = int(last, 0)?;
        let mut report = Report::default();
        let mut groups = Vec::with_capacity(rows.len());
        for row in &rows {
            groups.extend(self.survey.known.group(group(row)?, &mut report));
        }
        self.at.stage = Stage::Groups(after);
        Ok(Some(judged(Table::Groups, groups, after, report)))
    }
}

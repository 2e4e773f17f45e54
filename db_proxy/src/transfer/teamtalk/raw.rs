//! Rows of users, departments, groups and members as TeamTalk has them, in the order in which `pages` selects their columns.

use sqlx::mysql::MySqlRow;

use super::TeamTalkError;
use super::schema::{int, text};

/// A user as it is stored; NULL is empty or zero, of a status -1.
#[derive(Clone, Debug, Default)]
pub struct RawUser {
    pub id: i64,
    pub sex: i64,
    pub name: String,
    pub domain: String,
    pub nick: String,
    pub password: String,
    pub salt: String,
    pub phone: String,
    pub email: String,
    pub avatar: String,
    pub department: i64,
    pub status: i64,
    pub created: i64,
    pub updated: i64,
    pub push_shield: i64,
    pub sign_info: String,
}

/// A department as it is stored.
#[derive(Clone, Debug, Default)]
pub struct RawDepartment {
    pub id: i64,
    pub name: String,
    pub priority: i64,
    pub parent: i64,
    pub status: i64,
    pub created: i64,
    pub updated: i64,
}

/// A group as it is stored.
#[derive(Clone, Debug, Default)]
pub struct RawGroup {
    pub id: i64,
    pub name: String,
    pub avatar: String,
    pub creator: i64,
    pub kind: i64,
    pub status: i64,
    pub version: i64,
    pub updated: i64,
    pub created: i64,
}

/// A member of a group as it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawMember {
    pub user: i64,
    pub status: i64,
    pub updated: i64,
}

pub(super) fn department(row: &MySqlRow) -> Result<RawDepartment, TeamTalkError> {
    Ok(RawDepartment {
        id: int(row, 0)?,
        name: text(row, 1)?,
        priority: int(row, 2)?,
        parent: int(row, 3)?,
        status: int(row, 4)?,
        created: int(row, 5)?,
        updated: int(row, 6)?,
    })
}

pub(super) fn user(row: &MySqlRow) -> Result<RawUser, TeamTalkError> {
    Ok(RawUser {
        id: int(row, 0)?,
        sex: int(row, 1)?,
        department: int(row, 2)?,
        status: int(row, 3)?,
        created: int(row, 4)?,
        updated: int(row, 5)?,
        push_shield: int(row, 6)?,
        name: text(row, 7)?,
        domain: text(row, 8)?,
        nick: text(row, 9)?,
        password: text(row, 10)?,
        salt: text(row, 11)?,
        phone: text(row, 12)?,
        email: text(row, 13)?,
        avatar: text(row, 14)?,
        sign_info: text(row, 15)?,
    })
}

pub(super) fn group(row: &MySqlRow) -> Result<RawGroup, TeamTalkError> {
    Ok(RawGroup {
        id: int(row, 0)?,
        creator: int(row, 1)?,
        kind: int(row, 2)?,
        status: int(row, 3)?,
        version: int(row, 4)?,
        updated: int(row, 5)?,
        created: int(row, 6)?,
        name: text(row, 7)?,
        avatar: text(row, 8)?,
    })
}

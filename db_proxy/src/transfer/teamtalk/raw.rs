//! Rows of users, departments and groups, in the order in which `read` selects their columns.

use sqlx::mysql::MySqlRow;

use super::TeamTalkError;
use super::people::{RawDepartment, RawGroup, RawUser};
use super::schema::{int, text};

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

//! Profiles, groups, contacts: the wire's records, by their numbers.

use prost::Message as _;
use proto::im::base_define::{DepartInfo, GroupInfo, UserInfo};
use proto::im::ext::buddy::{Contact, ContactState};
use sqlx::SqliteConnection;

use super::{LocalStore, StoreError};
use crate::client::message::Conversation;

impl LocalStore {
    /// Everybody who is known, by number. Those who left keep their names, with status 3.
    pub async fn users(&self) -> Result<Vec<UserInfo>, StoreError> {
        let records: Vec<Vec<u8>> = sqlx::query_scalar("SELECT record FROM users ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        Ok(decoded(&records))
    }

    /// The groups that the user is in, by number, with their members.
    pub async fn groups(&self) -> Result<Vec<GroupInfo>, StoreError> {
        let records: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT record FROM chat_groups ORDER BY id")
                .fetch_all(&self.pool)
                .await?;
        Ok(decoded(&records))
    }

    /// One group, if it is known.
    pub async fn group(&self, group: u32) -> Result<Option<GroupInfo>, StoreError> {
        let record: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT record FROM chat_groups WHERE id = ?")
                .bind(group)
                .fetch_optional(&self.pool)
                .await?;
        Ok(record.and_then(|record| GroupInfo::decode(&record[..]).ok()))
    }

    /// Friends, requests and whom the user blocks, by number.
    pub async fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let records: Vec<Vec<u8>> = sqlx::query_scalar("SELECT record FROM contacts ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        let mut contacts = decoded(&records);
        contacts.retain(is_something);
        Ok(contacts)
    }

    /// Departments, by number; removed ones with status 1.
    pub async fn departments(&self) -> Result<Vec<DepartInfo>, StoreError> {
        let records: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT record FROM departments ORDER BY id")
                .fetch_all(&self.pool)
                .await?;
        Ok(decoded(&records))
    }

    pub(in crate::client::messenger) async fn keep_users(
        &self,
        users: &[UserInfo],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for user in users {
            put_user(&mut transaction, user).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(in crate::client::messenger) async fn keep_groups(
        &self,
        groups: &[GroupInfo],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for group in groups {
            put_group(&mut transaction, group).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Who is in a group from now on. Of a group that is not known nothing is kept. Gives the group as it is then.
    pub(in crate::client::messenger) async fn keep_members(
        &self,
        group: u32,
        members: &[u32],
    ) -> Result<Option<GroupInfo>, StoreError> {
        let Some(mut info) = self.group(group).await? else {
            return Ok(None);
        };
        info.group_member_list = members.to_vec();
        let mut transaction = self.begin().await?;
        put_group(&mut transaction, &info).await?;
        transaction.commit().await?;
        Ok(Some(info))
    }

    /// The user is not in this group any more: it goes, and its conversation with it.
    pub(in crate::client::messenger) async fn leave(&self, group: u32) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        drop_group(&mut transaction, group).await?;
        Ok(transaction.commit().await?)
    }

    /// Unless something newer is known. False then.
    pub(in crate::client::messenger) async fn keep_contact(
        &self,
        contact: &Contact,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let kept = put_contact(&mut transaction, contact).await?;
        transaction.commit().await?;
        Ok(kept)
    }
}

fn decoded<R: prost::Message + Default>(records: &[Vec<u8>]) -> Vec<R> {
    // they were written by this program; one that is broken is as good as none
    let records = records.iter().map(|record| R::decode(&record[..]));
    records.filter_map(Result::ok).collect()
}

pub(super) async fn put_user(
    connection: &mut SqliteConnection,
    user: &UserInfo,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO users (id, record) VALUES (?, ?)")
        .bind(user.user_id)
        .bind(user.encode_to_vec())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn put_group(
    connection: &mut SqliteConnection,
    group: &GroupInfo,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO chat_groups (id, version, record) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, record = excluded.record
         WHERE excluded.version >= version",
    )
    .bind(group.group_id)
    .bind(group.version)
    .bind(group.encode_to_vec())
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn put_department(
    connection: &mut SqliteConnection,
    department: &DepartInfo,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO departments (id, record) VALUES (?, ?)")
        .bind(department.dept_id)
        .bind(department.encode_to_vec())
        .execute(connection)
        .await
        .map(drop)
}

/// True if anything was known of it.
pub(super) async fn drop_group(
    connection: &mut SqliteConnection,
    group: u32,
) -> Result<bool, sqlx::Error> {
    let dropped = sqlx::query("DELETE FROM chat_groups WHERE id = ?")
        .bind(group)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let conversation = Conversation::Group(group);
    Ok(drop_conversation(connection, conversation).await? | (dropped > 0))
}

/// True if anything was known of it.
pub(super) async fn drop_conversation(
    connection: &mut SqliteConnection,
    conversation: Conversation,
) -> Result<bool, sqlx::Error> {
    let mut dropped = 0;
    for sql in [
        "DELETE FROM messages WHERE kind = ? AND peer = ?",
        "DELETE FROM stale WHERE kind = ? AND peer = ?",
        "DELETE FROM conversations WHERE kind = ? AND peer = ?",
    ] {
        let done = sqlx::query(sql)
            .bind(conversation.session_type())
            .bind(conversation.id())
            .execute(&mut *connection)
            .await?;
        dropped += done.rows_affected();
    }
    Ok(dropped > 0)
}

/// A contact with a lower stamp is older than what is here. What is nothing any more keeps its stamp, so that an older
/// notice does not bring it back.
pub(super) async fn put_contact(
    connection: &mut SqliteConnection,
    contact: &Contact,
) -> Result<bool, sqlx::Error> {
    let stamp = i64::try_from(contact.stamp()).unwrap_or(i64::MAX);
    let put = sqlx::query(
        "INSERT INTO contacts (id, stamp, record) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, record = excluded.record
         WHERE excluded.stamp >= stamp",
    )
    .bind(contact.user_id)
    .bind(stamp)
    .bind(contact.encode_to_vec())
    .execute(connection)
    .await?;
    Ok(put.rows_affected() == 1)
}

/// Whether somebody is anything to the user.
pub(super) fn is_something(contact: &Contact) -> bool {
    contact.state != ContactState::ContactNone as i32 || contact.blocked()
}

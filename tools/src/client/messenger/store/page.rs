//! Taking over a page of what changed, with its cursor.

use std::collections::BTreeMap;

use proto::im::base_define::{GroupInfo, UserInfo};
use proto::im::ext::buddy::Contact;
use sqlx::SqliteConnection;

use super::people::{
    drop_conversation, drop_group, put_contact, put_department, put_group, put_user,
};
use super::timeline::Timeline;
use super::{LocalStore, StoreError};
use crate::client::message::Conversation;
use crate::client::sync::{SyncPage, SyncedConversation};

/// Conversations that one question may name.
const MAX_KNOWN: u32 = 2_000;

/// What a page brought that is no message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Everything was dropped before.
    pub reset: bool,
    /// Conversations in which something may have changed.
    pub conversations: Vec<Conversation>,
    /// Groups that are new or changed.
    pub groups: Vec<GroupInfo>,
    /// Groups the user is not in any more, of those that were known: the server names them for a while.
    pub left: Vec<u32>,
    /// Contacts that changed.
    pub contacts: Vec<Contact>,
    /// Users who are new or changed.
    pub users: Vec<UserInfo>,
    /// There is more to be asked for right now.
    pub more: bool,
}

/// Conversations with the message up to which each is here.
pub type Known = BTreeMap<Conversation, u32>;

impl LocalStore {
    /// What the next question to sync may leave out: the conversations that got messages since the cursor.
    pub async fn known(&self) -> Result<Known, StoreError> {
        let rows: Vec<(i32, u32, u32)> = sqlx::query_as(
            "SELECT kind, peer, upto FROM conversations WHERE moved = 1 AND upto > 0
             ORDER BY active_at DESC LIMIT ?",
        )
        .bind(MAX_KNOWN)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(kind, peer, upto)| (Conversation::from_wire(peer, kind), upto))
            .collect())
    }

    /// Takes a page over, all of it and its cursor or nothing. `known` is what was named in the question.
    pub async fn take(&self, page: SyncPage, known: &Known) -> Result<Taken, StoreError> {
        let mut transaction = self.begin().await?;
        let connection: &mut SqliteConnection = &mut transaction;
        let had_cursor: bool = sqlx::query_scalar("SELECT cursor IS NOT NULL FROM account")
            .fetch_one(&mut *connection)
            .await?;
        if page.reset {
            clear(connection).await?;
        }
        let mut left = Vec::new();
        for group in page.left {
            if drop_group(connection, group).await? {
                left.push(group);
            }
        }
        for group in &page.groups {
            put_group(connection, group).await?;
        }
        let none = Known::new();
        let known = if page.reset { &none } else { known };
        for told in &page.conversations {
            conversation(connection, told, known, had_cursor && !page.reset).await?;
        }
        for (conversation, ids) in &page.revised {
            outdated(connection, *conversation, ids).await?;
        }
        for contact in &page.contacts {
            put_contact(connection, contact).await?;
        }
        for department in &page.departments {
            put_department(connection, department).await?;
        }
        for user in &page.users {
            put_user(connection, user).await?;
        }
        sqlx::query("UPDATE account SET cursor = ?")
            .bind(&page.cursor[..])
            .execute(&mut *connection)
            .await?;
        if !page.more {
            sqlx::query("UPDATE conversations SET moved = 0 WHERE moved = 1")
                .execute(&mut *connection)
                .await?;
        }
        transaction.commit().await?;
        let of_page = page.conversations.iter().map(|told| told.conversation);
        Ok(Taken {
            reset: page.reset,
            conversations: of_page.collect(),
            groups: page.groups,
            left,
            contacts: page.contacts,
            users: page.users,
            more: page.more,
        })
    }
}

/// What was written here and is still to be sent stays.
async fn clear(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "DELETE FROM messages; DELETE FROM stale; DELETE FROM conversations; DELETE FROM users;
         DELETE FROM chat_groups; DELETE FROM contacts; DELETE FROM departments;",
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn conversation(
    connection: &mut SqliteConnection,
    told: &SyncedConversation,
    known: &Known,
    goes_on: bool,
) -> Result<(), sqlx::Error> {
    let conversation = told.conversation;
    if told.latest == 0 {
        return drop_conversation(connection, conversation).await.map(drop);
    }
    let (mut timeline, fresh) = match Timeline::load(connection, conversation).await? {
        Some(timeline) => (timeline, false),
        None => (beginning(told, goes_on), true),
    };
    timeline.save(connection, conversation).await?;
    for message in &told.messages {
        timeline.put(connection, message, None).await?;
    }
    let upto = timeline.upto;
    timeline.complete_to(connection, conversation, upto).await?;
    // The list lacks nothing behind what was named: what is not in it does not exist.
    let behind = if fresh {
        Some(timeline.upto)
    } else {
        known.get(&conversation).copied()
    };
    if let (Some(behind), None, Some(last)) = (behind, told.missing_from, told.messages.last())
        && behind <= timeline.upto
    {
        timeline
            .complete_to(connection, conversation, last.id)
            .await?;
    }
    timeline.latest = timeline.latest.max(told.latest);
    timeline.read = timeline.read.max(told.read);
    if fresh {
        // what was read elsewhere is history
        let read = if told.unread == 0 && !goes_on {
            told.latest
        } else {
            told.read
        };
        timeline.told = timeline.told.max(read);
    }
    timeline.save(connection, conversation).await?;
    sqlx::query("UPDATE conversations SET hidden = ? WHERE kind = ? AND peer = ?")
        .bind(told.hidden)
        .bind(conversation.session_type())
        .bind(conversation.id())
        .execute(connection)
        .await
        .map(drop)
}

/// Of a conversation that nobody told of before. A device that goes on from a cursor was told of everything older; a new
/// one takes what it is given, and what was before it is history.
fn beginning(told: &SyncedConversation, goes_on: bool) -> Timeline {
    let first = told.messages.first().map(|first| first.id);
    let missing_from = told.missing_from.filter(|_| goes_on);
    Timeline::from(
        missing_from
            .or(first)
            .unwrap_or(told.latest.saturating_add(1)),
    )
}

/// Messages that changed, as far as they are here, are to be fetched.
async fn outdated(
    connection: &mut SqliteConnection,
    conversation: Conversation,
    ids: &[u32],
) -> Result<(), sqlx::Error> {
    for id in ids {
        sqlx::query(
            "INSERT OR IGNORE INTO stale (kind, peer, id)
             SELECT kind, peer, id FROM messages WHERE kind = ? AND peer = ? AND id = ?",
        )
        .bind(conversation.session_type())
        .bind(conversation.id())
        .bind(id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

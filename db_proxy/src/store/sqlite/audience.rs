use async_trait::async_trait;
use proto::ids::{GroupId, MessageId, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{SqliteStore, row};
use crate::store::audience::ShownPosition;
use crate::store::relation::Flags;
use crate::store::{
    Audience, AudienceStore, Conversation, Counterpart, MessagePolicy, ReadMark, ShownRead,
    StoreError, UnixMillis,
};

#[async_trait]
impl AudienceStore for SqliteStore {
    async fn audience(
        &self,
        user: UserId,
        with: Counterpart,
        policy: MessagePolicy,
        most: usize,
    ) -> Result<Audience, StoreError> {
        match with {
            Counterpart::User(other) => self.of_two(user, other, policy).await,
            Counterpart::Group(group) => self.of_group(user, group, most).await,
        }
    }

    async fn readers(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Vec<(UserId, MessageId)>, StoreError> {
        let others = match conversation {
            Conversation::Single(_) => "SELECT ?1 AS user_id UNION ALL SELECT ?2 ORDER BY user_id",
            Conversation::Group(_) => "SELECT user_id FROM group_members WHERE group_id = ?2",
        };
        let (kind, low, high) = conversation.parties();
        let sql = format!(
            "SELECT p.user_id, p.shown_read_id FROM conversations AS c CROSS JOIN ({others}) AS o
             CROSS JOIN participants AS p ON p.user_id = o.user_id AND p.conversation_id = c.id
             WHERE c.kind = ?3 AND c.party_low = ?1 AND c.party_high = ?2
             AND p.user_id <> ?4 AND p.shown_read_id > 0 ORDER BY p.user_id"
        );
        let found = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(low)
            .bind(high)
            .bind(kind)
            .bind(i64::from(user.get()))
            .fetch_all(&self.readers)
            .await?;
        let reader = |found: &SqliteRow| {
            let id = row::message_id(found, "shown_read_id")?;
            Ok((row::user_id(found, "user_id")?, id))
        };
        found.iter().map(reader).collect()
    }
}

impl SqliteStore {
    async fn of_two(
        &self,
        user: UserId,
        other: UserId,
        policy: MessagePolicy,
    ) -> Result<Audience, StoreError> {
        let found = sqlx::query(row::TIES)
            .bind(i64::from(user.get()))
            .bind(i64::from(other.get()))
            .fetch_optional(&self.readers)
            .await?;
        match found {
            Some(found) => Ok(row::ties(&found)?.audience(policy)),
            None => Ok(Audience::NoSuchUser),
        }
    }

    async fn of_group(
        &self,
        user: UserId,
        group: GroupId,
        most: usize,
    ) -> Result<Audience, StoreError> {
        let found = sqlx::query(row::CROWD)
            .bind(i64::from(group.get()))
            .bind(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1))
            .bind(i64::from(user.get()))
            .bind(i64::from(group.get()))
            .fetch_optional(&self.readers)
            .await?;
        match found {
            Some(found) => row::crowd(&found, user, most, UnixMillis::now()),
            None => Ok(Audience::NoSuchGroup),
        }
    }
}

/// Moves the positions that others see; those of them that moved.
pub(super) async fn show_read(
    connection: &mut SqliteConnection,
    marks: &[ReadMark],
) -> Result<Vec<ShownRead>, StoreError> {
    let mut moved = Vec::new();
    for mark in marks.iter().filter(|mark| mark.shown) {
        let (kind, low, high) = mark.conversation.parties();
        let found = sqlx::query(
            "SELECT p.conversation_id, p.shown_read_id, c.contact_flags,
             coalesce(p.shown_last_id, c.last_message_id) AS last_message_id
             FROM conversations AS c CROSS JOIN participants AS p ON p.conversation_id = c.id
             WHERE c.kind = ? AND c.party_low = ? AND c.party_high = ? AND p.user_id = ?",
        )
        .bind(kind)
        .bind(low)
        .bind(high)
        .bind(i64::from(mark.user.get()))
        .fetch_optional(&mut *connection)
        .await?;
        let Some(found) = found else { continue };
        let position = ShownPosition {
            up_to: row::int(&found, "shown_read_id")?,
            last: row::int(&found, "last_message_id")?,
            flags: Flags(row::int(&found, "contact_flags")?),
        };
        if let Some(up_to) = position.moved(mark) {
            sqlx::query(
                "UPDATE participants SET shown_read_id = ? WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(i64::from(up_to.get()))
            .bind(i64::from(mark.user.get()))
            .bind(row::int::<i64>(&found, "conversation_id")?)
            .execute(&mut *connection)
            .await?;
            moved.push(ShownRead {
                user: mark.user,
                conversation: mark.conversation,
                up_to,
            });
        }
    }
    Ok(moved)
}

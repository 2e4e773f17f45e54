use async_trait::async_trait;
use proto::ids::{MessageId, UserId};
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::key::key;
use super::participant::LAST;
use super::statement::Statement;
use crate::store::audience::ShownPosition;
use crate::store::relation::Flags;
use crate::store::{
    Audience, AudienceStore, Conversation, Counterpart, MessagePolicy, ReadMark, ShownRead,
    StoreError, UnixMillis, row,
};

#[async_trait]
impl AudienceStore for MySqlStore {
    async fn audience(
        &self,
        user: UserId,
        with: Counterpart,
        policy: MessagePolicy,
        most: usize,
    ) -> Result<Audience, StoreError> {
        match with {
            Counterpart::User(other) => {
                let ties = Statement::new(row::TIES)
                    .bind(i64::from(user.get()))
                    .bind(i64::from(other.get()));
                match self.row(ties).await? {
                    Some(found) => Ok(row::ties(&found)?.audience(policy)),
                    None => Ok(Audience::NoSuchUser),
                }
            }
            Counterpart::Group(group) => {
                let crowd = Statement::new(row::CROWD)
                    .bind(i64::from(group.get()))
                    .bind(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1))
                    .bind(i64::from(user.get()))
                    .bind(i64::from(group.get()));
                match self.row(crowd).await? {
                    Some(found) => row::crowd(&found, user, most, UnixMillis::now()),
                    None => Ok(Audience::NoSuchGroup),
                }
            }
        }
    }

    async fn readers(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> Result<Vec<(UserId, MessageId)>, StoreError> {
        let found = match conversation {
            Conversation::Single(pair) => {
                let other = pair.peer_of(user).map_or(0, UserId::get);
                Statement::new(
                    "SELECT user_id, shown_read_id FROM participants
                     WHERE user_id = ? AND conversation_id = ? AND shown_read_id > 0",
                )
                .bind(i64::from(other))
                .bind(key(conversation))
            }
            Conversation::Group(group) => Statement::new(
                "SELECT p.user_id, p.shown_read_id FROM group_members AS f
                 STRAIGHT_JOIN participants AS p ON p.user_id = f.user_id AND p.conversation_id = ?
                 WHERE f.group_id = ? AND f.user_id <> ? AND p.shown_read_id > 0 ORDER BY p.user_id",
            )
            .bind(key(conversation))
            .bind(i64::from(group.get()))
            .bind(i64::from(user.get())),
        };
        let reader = |found: &MySqlRow| {
            let id = row::message_id(found, "shown_read_id")?;
            Ok((row::user_id(found, "user_id")?, id))
        };
        self.rows(found).await?.iter().map(reader).collect()
    }
}

/// Moves the positions that others see, of participants whose rows are locked if they moved; those of them that did.
pub(super) async fn show_read(
    connection: &mut MySqlConnection,
    marks: &[ReadMark],
) -> Result<Vec<ShownRead>, StoreError> {
    // ascending, as everybody locks them
    let mut marks: Vec<&ReadMark> = marks.iter().filter(|mark| mark.shown).collect();
    marks.sort_unstable_by_key(|mark| (mark.user, key(mark.conversation), mark.up_to));
    let mut moved = Vec::new();
    for mark in marks {
        let (user, at) = (i64::from(mark.user.get()), key(mark.conversation));
        let found = Statement::new(format!(
            "SELECT p.shown_read_id, c.contact_flags, {LAST} AS last_message_id
             FROM participants AS p STRAIGHT_JOIN conversations AS c ON c.id = p.conversation_id
             WHERE p.user_id = ? AND p.conversation_id = ?"
        ))
        .bind(user)
        .bind(at);
        let Some(found) = found.first(connection).await? else {
            continue;
        };
        let position = ShownPosition {
            up_to: row::int(&found, "shown_read_id")?,
            last: row::int(&found, "last_message_id")?,
            flags: Flags(row::int(&found, "contact_flags")?),
        };
        if let Some(up_to) = position.moved(mark) {
            Statement::new(
                "UPDATE participants SET shown_read_id = greatest(shown_read_id, ?)
                 WHERE user_id = ? AND conversation_id = ?",
            )
            .bind(i64::from(up_to.get()))
            .bind(user)
            .bind(at)
            .execute(connection)
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

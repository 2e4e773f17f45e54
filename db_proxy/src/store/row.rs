//! Columns as domain types. NULL is empty or zero: an older schema or a foreign hand may have left one.

mod group;

use std::sync::Arc;

use proto::device::DeviceType;
use proto::ids::{GroupId, MessageId, UserId};
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteRow;

pub(super) use self::group::{
    GROUP_DETAILS, GROUP_MEMBER, GROUP_REQUEST, counts, group_details, group_member, group_request,
    group_view, membership, subject,
};
use super::audience::Ties;
use super::group_rule::muted_until;
use super::plan::StoredKey;
use super::relation::Side;
use super::revision::{Held, is_admin};
use super::{
    ActiveConversation, Audience, ChangedConversation, Contact, ContactState, Conversation,
    Department, DepartmentId, Device, Group, GroupKind, GroupVersion, Invite, MessageKind, Profile,
    References, Revision, StoreError, StoredMessage, UnixMillis, User, UserStatus,
};

/// A row of any database. The types of columns are the same in all.
pub(super) trait Columns {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn string(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error>;
}

impl Columns for SqliteRow {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn string(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.try_get(column)
    }
}

impl Columns for MySqlRow {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn string(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.try_get(column)
    }
}

/// A number that fits `T`; anything else no release has written.
pub(super) fn int<T: TryFrom<i64>>(row: &impl Columns, column: &str) -> Result<T, StoreError> {
    let value = row.integer(column)?.unwrap_or(0);
    T::try_from(value).map_err(|_| out_of_range(column, value))
}

pub(super) fn text(row: &impl Columns, column: &str) -> Result<String, StoreError> {
    Ok(row.string(column)?.unwrap_or_default())
}

pub(super) fn blob(row: &impl Columns, column: &str) -> Result<Vec<u8>, StoreError> {
    Ok(row.bytes(column)?.unwrap_or_default())
}

pub(super) fn time(row: &impl Columns, column: &str) -> Result<UnixMillis, StoreError> {
    Ok(UnixMillis(int(row, column)?))
}

pub(super) fn user_id(row: &impl Columns, column: &str) -> Result<UserId, StoreError> {
    UserId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

pub(super) fn group_id(row: &impl Columns, column: &str) -> Result<GroupId, StoreError> {
    GroupId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

/// Nobody is 0.
pub(super) fn somebody(row: &impl Columns, column: &str) -> Result<Option<UserId>, StoreError> {
    Ok(UserId::new(int(row, column)?))
}

pub(super) fn flag(row: &impl Columns, column: &str) -> Result<bool, StoreError> {
    Ok(int::<i64>(row, column)? != 0)
}

/// The columns a conversation is read from, of the table `c`.
pub(super) const CONVERSATION: &str = "c.kind AS conversation_kind, c.party_low, c.party_high";

pub(super) fn conversation(row: &impl Columns) -> Result<Conversation, StoreError> {
    let kind = int(row, "conversation_kind")?;
    Conversation::from_parties(kind, int(row, "party_low")?, int(row, "party_high")?)
        .ok_or_else(|| out_of_range("conversation_kind", kind))
}

pub(super) fn message_id(row: &impl Columns, column: &str) -> Result<MessageId, StoreError> {
    MessageId::new(int(row, column)?).ok_or_else(|| out_of_range(column, 0))
}

/// The columns a message is read from, of the table `m`.
pub(super) const MESSAGE: &str =
    "m.message_id, m.sender_id, m.kind, m.body, m.created_at_ms, m.withheld_from,
    CASE WHEN m.kind >= 1024 THEN (SELECT r.refs FROM message_references AS r
    WHERE r.conversation_id = m.conversation_id AND r.message_id = m.message_id) END AS refs";

pub(super) fn message(row: &impl Columns) -> Result<StoredMessage, StoreError> {
    let (kind, revision) = message_kind(row)?;
    Ok(StoredMessage {
        id: message_id(row, "message_id")?,
        sender: user_id(row, "sender_id")?,
        kind,
        body: blob(row, "body")?.into(),
        created_at: time(row, "created_at_ms")?,
        revision,
        withheld_from: somebody(row, "withheld_from")?,
        references: references(row)?,
    })
}

/// A message that carries a key, of its columns, `conversation_id` and `client_key`.
pub(super) fn stored_key(row: &impl Columns) -> Result<StoredKey, StoreError> {
    let message = message(row)?;
    Ok(StoredKey {
        row: int(row, "conversation_id")?,
        sender: message.sender,
        key: blob(row, "client_key")?,
        message_id: message.id,
        created_at: message.created_at,
        kind: message.kind,
        body: message.body.into(),
        withheld: message.withheld_from.is_some(),
        references: message.references,
    })
}

/// Whom a message mentions and which one it answers, of the column `refs`.
pub(super) fn references(row: &impl Columns) -> Result<Option<Box<References>>, StoreError> {
    Ok(References::from_bytes(&blob(row, "refs")?))
}

/// A message's type, and what became of it: both are in one column.
pub(super) fn message_kind(row: &impl Columns) -> Result<(MessageKind, Revision), StoreError> {
    let column = int(row, "kind")?;
    Revision::split(column).ok_or_else(|| out_of_range("kind", column.into()))
}

/// A message that is to be revised, of the columns of `message`, when it was stored, and what `by` is in its group.
pub(super) fn held_message(row: &impl Columns, by: UserId) -> Result<Held, StoreError> {
    let message = message(row)?;
    // of before there was this column
    let stored_at = Some(time(row, "stored_at_ms")?).filter(|at| at.0 > 0);
    Ok(Held {
        stored_at: stored_at.unwrap_or(message.created_at),
        by_admin: is_admin(somebody(row, "creator_id")?, by, int(row, "role")?),
        message,
    })
}

/// What two users are to each other: of the one, and the other.
pub(super) const TIES: &str = "SELECT u.department_id, o.department_id AS other_department_id,
    coalesce(a.state, 0) AS state, coalesce(b.blocked, 0) AS blocked
    FROM users AS o CROSS JOIN users AS u ON u.id = ?
    LEFT JOIN contacts AS a ON a.user_id = u.id AND a.other_id = o.id
    LEFT JOIN contacts AS b ON b.user_id = o.id AND b.other_id = u.id
    WHERE o.id = ?";

pub(super) fn ties(row: &impl Columns) -> Result<Ties, StoreError> {
    let department: i64 = int(row, "department_id")?;
    Ok(Ties {
        friends: contact_state(row)? == ContactState::Friend,
        // whoever is in none is nobody's colleague
        colleagues: department > 0 && department == int::<i64>(row, "other_department_id")?,
        blocked: flag(row, "blocked")?,
    })
}

/// How many are in a group, and how a user stands to it: of the group, how many are counted at most, the user, the group.
pub(super) const CROWD: &str = "SELECT g.creator_id, g.muted_until_ms AS group_muted_until_ms, (
        SELECT count(*) FROM (SELECT 1 FROM group_members WHERE group_id = ? LIMIT ?) AS counted) AS members,
    m.user_id IS NOT NULL AS member, m.role, m.muted_until_ms
    FROM chat_groups AS g LEFT JOIN group_members AS m ON m.group_id = g.id AND m.user_id = ?
    WHERE g.id = ? AND g.status = 0";

/// Who hears of a user, as of `now`.
pub(super) fn crowd(
    row: &impl Columns,
    user: UserId,
    most: usize,
    now: UnixMillis,
) -> Result<Audience, StoreError> {
    if !flag(row, "member")? {
        return Ok(Audience::NotAMember);
    }
    let members: u64 = int(row, "members")?;
    if members > most as u64 {
        return Ok(Audience::TooMany);
    }
    let is_admin = is_admin(somebody(row, "creator_id")?, user, int(row, "role")?);
    let group = time(row, "group_muted_until_ms")?;
    let muted = muted_until(group, time(row, "muted_until_ms")?, is_admin, now);
    Ok(muted.map_or(Audience::Others, |until| Audience::Muted { until }))
}

/// The columns a user is read from.
pub(super) const USER: &str = "id, name, gender, nick_name, real_name, avatar_url, department_id, email, tel, domain, \
                               status, sign_info, updated_at_ms";

pub(super) fn user(row: &impl Columns) -> Result<User, StoreError> {
    Ok(User {
        id: user_id(row, "id")?,
        updated_at: time(row, "updated_at_ms")?,
        profile: Profile {
            name: text(row, "name")?,
            gender: int(row, "gender")?,
            nick_name: text(row, "nick_name")?,
            real_name: text(row, "real_name")?,
            avatar_url: text(row, "avatar_url")?,
            department_id: int(row, "department_id")?,
            email: text(row, "email")?,
            tel: text(row, "tel")?,
            domain: text(row, "domain")?,
            status: UserStatus(int(row, "status")?),
            sign_info: text(row, "sign_info")?,
        },
    })
}

/// The columns a group is read from, of the table `g`, and of its reader's membership `m`.
pub(super) const GROUP: &str =
    "g.id, g.version, g.kind, g.name, g.avatar_url, g.creator_id, m.muted";

pub(super) fn group(row: &impl Columns) -> Result<Group, StoreError> {
    Ok(Group {
        id: group_id(row, "id")?,
        version: int(row, "version")?,
        kind: group_kind(row)?,
        name: text(row, "name")?,
        avatar_url: text(row, "avatar_url")?,
        creator: somebody(row, "creator_id")?,
        muted: flag(row, "muted")?,
    })
}

pub(super) fn group_kind(row: &impl Columns) -> Result<GroupKind, StoreError> {
    let number = int(row, "kind")?;
    GroupKind::from_number(number).ok_or_else(|| out_of_range("kind", number))
}

/// A conversation that changed `since` a moment, of columns with its own names; of it only the parties differ.
pub(super) fn changed_conversation(
    row: &impl Columns,
    conversation: Conversation,
    since: UnixMillis,
) -> Result<ChangedConversation, StoreError> {
    Ok(ChangedConversation {
        conversation,
        changed_at: time(row, "changed_at_ms")?,
        talk_changed: time(row, "talked_at_ms")? >= since,
        group_changed: matches!(conversation, Conversation::Group(_))
            && time(row, "grouped_at_ms")? >= since,
        last: int(row, "last_message_id")?,
        visible_after: int(row, "visible_after_id")?,
        read: int(row, "last_read_id")?,
        unread: int(row, "unread")?,
        hidden: flag(row, "hidden")?,
        old: int(row, "old")?,
    })
}

pub(super) fn active_conversation(
    row: &impl Columns,
    conversation: Conversation,
) -> Result<ActiveConversation, StoreError> {
    let group_version = match conversation {
        Conversation::Single(_) => None,
        Conversation::Group(_) => Some(int(row, "version")?),
    };
    let (old, unseen): (u32, u32) = (int(row, "old")?, int(row, "visible_after_id")?);
    Ok(ActiveConversation {
        conversation,
        after: old.max(unseen),
        last: int(row, "last_message_id")?,
        group_version,
    })
}

/// The columns a department is read from.
pub(super) const DEPARTMENT: &str = "id, name, parent_id, priority, status, updated_at_ms";

pub(super) fn department(row: &impl Columns) -> Result<Department, StoreError> {
    Ok(Department {
        id: DepartmentId(int(row, "id")?),
        name: text(row, "name")?,
        parent: DepartmentId(int(row, "parent_id")?),
        priority: int(row, "priority")?,
        removed: flag(row, "status")?,
        updated_at: time(row, "updated_at_ms")?,
    })
}

/// The columns a device is read from.
pub(super) const DEVICE: &str = "user_id, device_type, token";

pub(super) fn device(row: &impl Columns) -> Result<Device, StoreError> {
    let number = int(row, "device_type")?;
    Ok(Device {
        user: user_id(row, "user_id")?,
        device_type: DeviceType::parse(number)
            .map_err(|_| out_of_range("device_type", number.into()))?,
        token: text(row, "token")?,
    })
}

/// A contact, as its owner sees it.
pub(super) fn contact(row: &impl Columns) -> Result<Contact, StoreError> {
    Ok(Contact {
        other: user_id(row, "other_id")?,
        state: contact_state(row)?,
        blocked: flag(row, "blocked")?,
        greeting: text(row, "greeting")?,
        changed_at: time(row, "changed_at_ms")?,
    })
}

/// The same, without saying whose.
pub(super) fn side(row: &impl Columns) -> Result<Side, StoreError> {
    Ok(Side {
        state: contact_state(row)?,
        blocked: flag(row, "blocked")?,
        greeting: text(row, "greeting")?,
        changed_at: Some(time(row, "changed_at_ms")?),
    })
}

fn contact_state(row: &impl Columns) -> Result<ContactState, StoreError> {
    let number = int(row, "state")?;
    ContactState::from_number(number).ok_or_else(|| out_of_range("state", number))
}

/// The epoch, which is text.
pub(super) fn epoch(row: &impl Columns) -> Result<u64, StoreError> {
    let epoch = text(row, "value")?.parse();
    epoch.map_err(|error: std::num::ParseIntError| StoreError::Corrupt(Arc::new(error)))
}

/// An id that a database gave.
pub(super) fn fitting(column: &str, id: u64) -> Result<u32, StoreError> {
    u32::try_from(id).map_err(|_| out_of_range(column, i64::try_from(id).unwrap_or(i64::MAX)))
}

pub(super) fn out_of_range(column: &str, value: i64) -> StoreError {
    StoreError::Corrupt(Arc::new(OutOfRange {
        column: column.to_owned(),
        value,
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("{column} can't be {value}")]
struct OutOfRange {
    column: String,
    value: i64,
}

/// The columns an invite is read from.
pub(super) const INVITE: &str = "code_hash, created_at_ms, expires_at_ms, uses_left, note";

pub(super) fn invite(row: &impl Columns) -> Result<Invite, StoreError> {
    let code = blob(row, "code_hash")?;
    let expires_at = time(row, "expires_at_ms")?;
    Ok(Invite {
        code: code.try_into().map_err(|_| out_of_range("code_hash", 0))?,
        created_at: time(row, "created_at_ms")?,
        expires_at: (expires_at.0 > 0).then_some(expires_at),
        uses_left: int(row, "uses_left")?,
        note: text(row, "note")?,
    })
}

/// A group's number and version.
pub(super) fn group_version(row: &impl Columns) -> Result<GroupVersion, StoreError> {
    Ok(GroupVersion {
        group_id: group_id(row, "id")?,
        version: int(row, "version")?,
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    /// D-34: an empty column is nothing to die of.
    #[tokio::test]
    async fn null_is_empty_or_zero() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let nothing = sqlx::query("SELECT NULL AS missing");
        let row = nothing.fetch_one(&mut connection).await.unwrap();
        assert_eq!(int::<u32>(&row, "missing").unwrap(), 0);
        assert_eq!(text(&row, "missing").unwrap(), "");
        assert!(blob(&row, "missing").unwrap().is_empty());
        assert!(user_id(&row, "missing").is_err(), "but an id has to be one");
    }
}

use serde::{Deserialize, Serialize};

/// A table that moves. What is not among them stays behind: the epoch is set by itself, resume tokens are not worth
/// more than a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Table {
    Departments,
    Users,
    Groups,
    Members,
    Conversations,
    Participants,
    Messages,
    Devices,
    Requests,
    FormerMembers,
    Invites,
    Revisions,
    References,
    Contacts,
    GroupRequests,
}

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Int,
    Text,
    Bytes,
}

use Kind::{Bytes, Int, Text};

impl Table {
    /// In an order in which each refers only to those before it.
    pub const ALL: [Self; 15] = [
        Self::Departments,
        Self::Users,
        Self::Groups,
        Self::Members,
        Self::Conversations,
        Self::Participants,
        Self::Messages,
        Self::Devices,
        Self::Requests,
        Self::FormerMembers,
        Self::Invites,
        Self::Revisions,
        Self::References,
        Self::Contacts,
        Self::GroupRequests,
    ];

    /// Those that number their rows.
    pub const NUMBERED: [Self; 3] = [Self::Departments, Self::Users, Self::Groups];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Departments => "departments",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Members => "group members",
            Self::Conversations => "conversations",
            Self::Participants => "participants",
            Self::Messages => "messages",
            Self::Devices => "devices",
            Self::Requests => "requests",
            Self::FormerMembers => "former members",
            Self::Invites => "invites",
            Self::Revisions => "revised messages",
            Self::References => "references",
            Self::Contacts => "contacts",
            Self::GroupRequests => "requests of groups",
        }
    }

    /// In the database.
    pub(in crate::store) fn sql_name(self) -> &'static str {
        match self {
            Self::Groups => "chat_groups",
            Self::Members => "group_members",
            Self::FormerMembers => "former_members",
            Self::Revisions => "message_revisions",
            Self::GroupRequests => "group_requests",
            Self::References => "message_references",
            other => other.name(),
        }
    }

    /// The columns of a row. Tables that speak of a conversation begin with its parties, which is where a database puts
    /// its own name for it.
    pub(in crate::store) fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Departments => &[
                ("id", Int),
                ("name", Text),
                ("parent_id", Int),
                ("priority", Int),
                ("status", Int),
                ("created_at_ms", Int),
                ("updated_at_ms", Int),
            ],
            Self::Users => &[
                ("id", Int),
                ("name", Text),
                ("password", Text),
                ("gender", Int),
                ("nick_name", Text),
                ("real_name", Text),
                ("avatar_url", Text),
                ("department_id", Int),
                ("email", Text),
                ("tel", Text),
                ("domain", Text),
                ("status", Int),
                ("sign_info", Text),
                ("push_shield", Int),
                ("created_at_ms", Int),
                ("updated_at_ms", Int),
            ],
            Self::Groups => &[
                ("id", Int),
                ("kind", Int),
                ("name", Text),
                ("avatar_url", Text),
                ("creator_id", Int),
                ("status", Int),
                ("version", Int),
                ("created_at_ms", Int),
                ("updated_at_ms", Int),
                ("announcement", Text),
                ("announced_by", Int),
                ("announced_at_ms", Int),
                ("joining", Int),
                ("inviting", Int),
                ("member_limit", Int),
                ("muted_until_ms", Int),
            ],
            Self::Members => &[
                ("group_id", Int),
                ("user_id", Int),
                ("role", Int),
                ("muted", Int),
                ("joined_at_ms", Int),
                ("changed_at_ms", Int),
                ("nickname", Text),
                ("muted_until_ms", Int),
            ],
            Self::Conversations => &[
                ("party_low", Int),
                ("party_high", Int),
                ("last_message_id", Int),
                ("low_messages", Int),
                ("last_message_at_ms", Int),
                ("created_at_ms", Int),
                ("contact_flags", Int),
            ],
            Self::Participants => &[
                ("party_low", Int),
                ("party_high", Int),
                ("user_id", Int),
                ("last_read_id", Int),
                ("own_read", Int),
                ("hidden_through_id", Int),
                ("visible_after_id", Int),
                ("updated_at_ms", Int),
                ("shown_last_id", Int),
                ("shown_last_at_ms", Int),
                ("shown_read_id", Int),
            ],
            Self::Messages => &[
                ("party_low", Int),
                ("party_high", Int),
                ("message_id", Int),
                ("sender_id", Int),
                ("kind", Int),
                ("body", Bytes),
                ("created_at_ms", Int),
                ("client_key", Bytes),
                ("stored_at_ms", Int),
                ("withheld_from", Int),
            ],
            Self::Devices => &[
                ("device_type", Int),
                ("token", Text),
                ("user_id", Int),
                ("updated_at_ms", Int),
            ],
            Self::Requests => &[
                ("request_key", Bytes),
                ("outcome", Bytes),
                ("created_at_ms", Int),
            ],
            Self::FormerMembers => &[("user_id", Int), ("group_id", Int), ("left_at_ms", Int)],
            Self::Invites => &[
                ("code_hash", Bytes),
                ("created_at_ms", Int),
                ("expires_at_ms", Int),
                ("uses_left", Int),
                ("note", Text),
            ],
            Self::Revisions => &[
                ("party_low", Int),
                ("party_high", Int),
                ("message_id", Int),
                ("revised_at_ms", Int),
                ("revised_by", Int),
            ],
            Self::References => &[
                ("party_low", Int),
                ("party_high", Int),
                ("message_id", Int),
                ("refs", Bytes),
            ],
            Self::Contacts => &[
                ("user_id", Int),
                ("other_id", Int),
                ("state", Int),
                ("blocked", Int),
                ("greeting", Text),
                ("changed_at_ms", Int),
            ],
            Self::GroupRequests => &[
                ("group_id", Int),
                ("user_id", Int),
                ("by_user_id", Int),
                ("kind", Int),
                ("state", Int),
                ("greeting", Text),
                ("created_at_ms", Int),
                ("changed_at_ms", Int),
            ],
        }
    }

    /// Whether rows begin with the parties of a conversation.
    pub fn has_parties(self) -> bool {
        matches!(
            self,
            Self::Conversations
                | Self::Participants
                | Self::Messages
                | Self::Revisions
                | Self::References
        )
    }

    /// Columns that belong to the key, of those in [`Self::columns`].
    pub(crate) fn key_width(self) -> usize {
        match self {
            Self::Departments | Self::Users | Self::Groups | Self::Requests | Self::Invites => 1,
            Self::Members
            | Self::Conversations
            | Self::Devices
            | Self::FormerMembers
            | Self::Contacts
            | Self::GroupRequests => 2,
            Self::Participants | Self::Messages | Self::Revisions | Self::References => 3,
        }
    }

    /// Where a column is in a row.
    ///
    /// # Panics
    /// When the table has no such column.
    pub(crate) fn column(self, name: &str) -> usize {
        let found = self
            .columns()
            .iter()
            .position(|(column, _)| *column == name);
        found.expect("columns are named by those who know the table")
    }
}

/// The primary key in the database: up to two numbers, or numbers and then a text or bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Key {
    pub(in crate::store) numbers: &'static [&'static str],
    pub(in crate::store) text: Option<(&'static str, Kind)>,
}

impl Table {
    /// What rows are ordered and paged by. A conversation's row number is one, whatever the database makes it of.
    pub(in crate::store) fn key(self) -> Key {
        let numbers = |numbers| Key {
            numbers,
            text: None,
        };
        match self {
            Self::Departments | Self::Users | Self::Groups | Self::Conversations => {
                numbers(&["t.id"])
            }
            Self::Members | Self::GroupRequests => numbers(&["t.group_id", "t.user_id"]),
            Self::FormerMembers => numbers(&["t.user_id", "t.group_id"]),
            Self::Contacts => numbers(&["t.user_id", "t.other_id"]),
            Self::Participants => numbers(&["t.user_id", "t.conversation_id"]),
            Self::Messages | Self::Revisions | Self::References => {
                numbers(&["t.conversation_id", "t.message_id"])
            }
            Self::Devices => Key {
                numbers: &["t.device_type"],
                text: Some(("t.token", Text)),
            },
            Self::Requests => Key {
                numbers: &[],
                text: Some(("t.request_key", Bytes)),
            },
            Self::Invites => Key {
                numbers: &[],
                text: Some(("t.code_hash", Bytes)),
            },
        }
    }
}

impl Key {
    /// All its columns, in order.
    pub(in crate::store) fn columns(&self) -> Vec<&'static str> {
        let text = self.text.map(|(column, _)| column);
        self.numbers.iter().copied().chain(text).collect()
    }
}

impl Table {
    /// The table and the column in the database of each column that moves.
    pub fn moved(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let columns = self.columns().iter();
        columns.map(move |(column, _)| (self.sql_name(), *column))
    }
}

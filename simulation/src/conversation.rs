//! Conversations, as the store and its users see them.

use std::fmt;

use proto::im::base_define::SessionType;

/// Two users, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Conversation {
    /// In ascending order.
    Single(u32, u32),
    Group(u32),
}

impl Conversation {
    /// What a user's message is part of. Groups are known by the type of message.
    pub(crate) fn of(from: u32, to: u32, msg_type: i32) -> Self {
        if msg_type & 0x10 == 0 {
            Self::Single(from.min(to), from.max(to))
        } else {
            Self::Group(to)
        }
    }

    /// The conversation as one user names it.
    pub(crate) fn with(user: u32, session_id: u32, session_type: i32) -> Self {
        match session_type == SessionType::Group as i32 {
            true => Self::Group(session_id),
            false => Self::Single(user.min(session_id), user.max(session_id)),
        }
    }

    /// How a user names it.
    pub(crate) fn as_seen_by(self, user: u32) -> (u32, SessionType) {
        match self {
            Self::Single(one, other) if one == user => (other, SessionType::Single),
            Self::Single(one, _) => (one, SessionType::Single),
            Self::Group(group) => (group, SessionType::Group),
        }
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(one, other) => write!(f, "single:{one}:{other}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

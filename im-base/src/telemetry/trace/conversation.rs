//! A conversation's name, as operators write it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Two users, or a group. Written `single:1:2` and `group:7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversation {
    /// The two users, in ascending order.
    Single(u32, u32),
    /// The group.
    Group(u32),
}

/// What was given names no conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no conversation; write single:1:2 for users 1 and 2, or group:7")]
pub struct BadConversation(String);

impl Conversation {
    /// Two users, in any order.
    pub fn between(one: u32, other: u32) -> Self {
        Self::Single(one.min(other), one.max(other))
    }

    /// That of a message, by its type (PROTOCOL.md, "Messages").
    pub fn of_message(from: u32, to: u32, msg_type: i32) -> Self {
        match msg_type & 0x10 {
            0 => Self::between(from, to),
            _ => Self::Group(to),
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

impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Conversation {
    type Err = BadConversation;

    fn from_str(name: &str) -> Result<Self, BadConversation> {
        let id = |text: &str| text.parse::<u32>().ok().filter(|id| *id != 0);
        let parts: Vec<&str> = name.split(':').collect();
        let named = match parts[..] {
            ["single", one, other] => id(one)
                .zip(id(other))
                .filter(|(one, other)| one != other)
                .map(|(one, other)| Self::between(one, other)),
            ["group", group] => id(group).map(Self::Group),
            _ => None,
        };
        named.ok_or_else(|| BadConversation(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for name in ["single:1:2", "group:7", "single:3:4294967295"] {
            assert_eq!(name.parse::<Conversation>().unwrap().to_string(), name);
        }
        assert_eq!("single:2:1".parse(), Ok(Conversation::Single(1, 2)));
        for bad in [
            "",
            "single:1",
            "single:1:1",
            "single:0:1",
            "group:0",
            "group:x",
            "team:1",
        ] {
            assert!(bad.parse::<Conversation>().is_err(), "{bad}");
        }
    }
}

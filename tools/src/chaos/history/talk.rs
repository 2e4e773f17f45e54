//! How conversations are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::client::Conversation;

/// A conversation, the same for everybody in it: `3-7` of the users 3 and 7, `g5` of the group 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Talk {
    /// Of two users, the smaller number first.
    Pair(u32, u32),
    /// Of a group.
    Group(u32),
}

impl Talk {
    /// The conversation that the user `me` calls `conversation`.
    pub fn of(me: u32, conversation: Conversation) -> Self {
        match conversation {
            Conversation::User(other) => Self::Pair(me.min(other), me.max(other)),
            Conversation::Group(group) => Self::Group(group),
        }
    }

    /// What the user `me` calls it.
    pub fn seen_by(self, me: u32) -> Conversation {
        match self {
            Self::Pair(low, high) => Conversation::User(if me == low { high } else { low }),
            Self::Group(group) => Conversation::Group(group),
        }
    }
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(low, high) => write!(f, "{low}-{high}"),
            Self::Group(group) => write!(f, "g{group}"),
        }
    }
}

impl From<Talk> for String {
    fn from(talk: Talk) -> Self {
        talk.to_string()
    }
}

impl TryFrom<String> for Talk {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Talk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok();
        let talk = match text.strip_prefix('g') {
            Some(group) => number(group).map(Self::Group),
            None => text
                .split_once('-')
                .and_then(|(low, high)| Some(Self::Pair(number(low)?, number(high)?))),
        };
        talk.ok_or_else(|| format!("{text:?} is no conversation: 3-7 or g5"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_one_name_for_everybody() {
        assert_eq!(Talk::of(7, Conversation::User(3)), "3-7".parse().unwrap());
        assert_eq!(Talk::Pair(3, 7).seen_by(3), Conversation::User(7));
        assert_eq!("g5".parse(), Ok(Talk::Group(5)));
        for text in ["", "g", "5", "3-", "3-x"] {
            assert!(text.parse::<Talk>().is_err(), "{text}");
        }
    }
}

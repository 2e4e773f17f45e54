//! A message as a client sees it, whether it was pushed or fetched.

use bytes::Bytes;
use proto::im::base_define::{MsgInfo, MsgType, SessionType};
use proto::im::message::ImMsgData;
use proto::text;

use super::revision::Revision;

/// Bit of a message type that marks a group's message.
const GROUP_BIT: i32 = 0x10;

/// Whom one talks with. The `session_id` and `session_type` of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversation {
    /// With one user.
    User(u32),
    /// In a group.
    Group(u32),
}

impl Conversation {
    /// From the wire's pair; an unknown type is read as a user's.
    pub fn from_wire(session_id: u32, session_type: i32) -> Self {
        if session_type == SessionType::Group as i32 {
            Self::Group(session_id)
        } else {
            Self::User(session_id)
        }
    }

    /// The peer's or the group's number.
    pub fn id(self) -> u32 {
        match self {
            Self::User(id) | Self::Group(id) => id,
        }
    }

    /// The wire's number of the kind.
    pub fn session_type(self) -> i32 {
        match self {
            Self::User(_) => SessionType::Single as i32,
            Self::Group(_) => SessionType::Group as i32,
        }
    }

    /// The type of a text message in it.
    pub fn text_type(self) -> i32 {
        match self {
            Self::User(_) => MsgType::SingleText as i32,
            Self::Group(_) => MsgType::GroupText as i32,
        }
    }
}

impl From<u32> for Conversation {
    fn from(user_id: u32) -> Self {
        Self::User(user_id)
    }
}

impl From<proto::ids::UserId> for Conversation {
    fn from(user_id: proto::ids::UserId) -> Self {
        Self::User(user_id.get())
    }
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the conversation: 1, 2, 3 …
    pub id: u32,
    /// Where it belongs, seen from the session's user.
    pub conversation: Conversation,
    /// Who wrote it; oneself when it was sent from another device.
    pub from: u32,
    /// What became of it since it was sent, to clients that announced that they understand it.
    pub revision: Option<Revision>,
    /// The server's clock, in Unix seconds.
    pub sent_at: u32,
    /// The wire's number, see [`MsgType`].
    pub kind: i32,
    /// As it came: enciphered text, or sound.
    pub data: Bytes,
    /// What it refers to; nothing, to a client that did not announce that it understands it.
    pub references: References,
}

/// Whom a message mentions, and which one it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Members of the group, at most 50.
    pub mentions: Vec<u32>,
    /// Everybody in the group.
    pub everybody: bool,
    /// The id of an earlier message of the conversation.
    pub answers: Option<u32>,
}

impl References {
    /// Whether the message is for this user's attention.
    pub fn mention(&self, user_id: u32) -> bool {
        self.everybody || self.mentions.contains(&user_id)
    }
}

impl Message {
    /// A pushed message, as the user `me` sees it.
    pub fn from_push(me: u32, data: ImMsgData) -> Self {
        let conversation = if data.msg_type & GROUP_BIT != 0 {
            Conversation::Group(data.to_session_id)
        } else if data.from_user_id == me {
            Conversation::User(data.to_session_id)
        } else {
            Conversation::User(data.from_user_id)
        };
        Self {
            id: data.msg_id,
            revision: None,
            conversation,
            from: data.from_user_id,
            sent_at: data.create_time,
            kind: data.msg_type,
            data: data.msg_data,
            references: References {
                mentions: data.mention_user_id,
                everybody: data.mention_all.unwrap_or(false),
                answers: data.reply_to_msg_id,
            },
        }
    }

    /// A message out of a page of history.
    pub fn from_history(conversation: Conversation, info: MsgInfo) -> Self {
        Self {
            revision: Revision::of(&info),
            id: info.msg_id,
            conversation,
            from: info.from_session_id,
            sent_at: info.create_time,
            kind: info.msg_type,
            data: info.msg_data,
            references: References {
                mentions: info.mention_user_id,
                everybody: info.mention_all.unwrap_or(false),
                answers: info.reply_to_msg_id,
            },
        }
    }

    /// The text, if it is one and can be deciphered.
    pub fn text(&self) -> Option<String> {
        match MsgType::try_from(self.kind) {
            Ok(MsgType::SingleText | MsgType::GroupText) => {
                text::decrypt(&self.data, text::DEFAULT_KEY)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(from: u32, to: u32, kind: MsgType) -> ImMsgData {
        ImMsgData {
            from_user_id: from,
            to_session_id: to,
            msg_type: kind as i32,
            ..Default::default()
        }
    }

    #[test]
    fn a_message_belongs_to_the_conversation_with_the_other_one() {
        let conversation = |data| Message::from_push(1, data).conversation;
        assert_eq!(
            conversation(push(2, 1, MsgType::SingleText)),
            Conversation::User(2)
        );
        assert_eq!(
            conversation(push(1, 2, MsgType::SingleText)),
            Conversation::User(2)
        );
        assert_eq!(
            conversation(push(2, 7, MsgType::GroupText)),
            Conversation::Group(7)
        );
    }
}

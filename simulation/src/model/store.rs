//! Conversations, groups and read positions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use proto::im::base_define::MsgInfo;

use crate::conversation::Conversation;

/// Everything that is stored. A message's id is its place in its conversation, from 1.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) conversations: BTreeMap<Conversation, Vec<Stored>>,
    /// By conversation, sender and the client's key.
    keys: BTreeMap<(Conversation, u32, Bytes), u32>,
    read: BTreeMap<(u32, Conversation), u32>,
    pub(crate) groups: BTreeMap<u32, Group>,
}

/// A stored message.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) sender: u32,
    pub(crate) to: u32,
    pub(crate) msg_type: i32,
    pub(crate) body: Bytes,
    /// Time of the simulation.
    pub(crate) at: Duration,
    pub(crate) group_version: Option<u32>,
}

/// A group whose members stay.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) version: u32,
    pub(crate) members: BTreeSet<u32>,
}

impl Store {
    /// Stores a message, or finds the one that was stored under its key. `None` if the sender may not.
    pub(crate) fn append(&mut self, message: Stored, key: Option<Bytes>) -> Option<u32> {
        let conversation = Conversation::of(message.sender, message.to, message.msg_type);
        if let Conversation::Group(group) = conversation
            && !self.is_member(group, message.sender)
        {
            return None;
        }
        let key = key.map(|key| (conversation, message.sender, key));
        if let Some(first) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return Some(*first);
        }
        let messages = self.conversations.entry(conversation).or_default();
        messages.push(message);
        let msg_id = messages.len() as u32;
        if let Some(key) = key {
            self.keys.insert(key, msg_id);
        }
        Some(msg_id)
    }

    pub(crate) fn is_member(&self, group: u32, user: u32) -> bool {
        let group = self.groups.get(&group);
        group.is_some_and(|group| group.members.contains(&user))
    }

    /// The version of a message's group.
    pub(crate) fn version_for(&self, to: u32, msg_type: i32) -> Option<u32> {
        let is_group = msg_type & 0x10 != 0;
        let group = is_group.then(|| self.groups.get(&to)).flatten();
        group.map(|group| group.version)
    }

    /// The groups of a user with their versions.
    pub(crate) fn groups_of(&self, user: u32) -> impl Iterator<Item = (u32, u32)> {
        let groups = self.groups.iter();
        groups
            .filter(move |(_, group)| group.members.contains(&user))
            .map(|(id, group)| (*id, group.version))
    }

    /// The conversations of a user that have messages.
    pub(crate) fn of_user(&self, user: u32) -> impl Iterator<Item = (Conversation, &[Stored])> {
        let conversations = self.conversations.iter();
        conversations
            .filter(move |(conversation, _)| self.sees(user, **conversation))
            .map(|(conversation, messages)| (*conversation, messages.as_slice()))
    }

    pub(crate) fn sees(&self, user: u32, conversation: Conversation) -> bool {
        match conversation {
            Conversation::Single(one, other) => user == one || user == other,
            Conversation::Group(group) => self.is_member(group, user),
        }
    }

    pub(crate) fn messages(&self, conversation: Conversation) -> &[Stored] {
        let messages = self.conversations.get(&conversation);
        messages.map_or(&[], Vec::as_slice)
    }

    /// Moves a read position forward.
    pub(crate) fn mark_read(&mut self, user: u32, conversation: Conversation, msg_id: u32) {
        let latest = self.messages(conversation).len() as u32;
        let up_to = if msg_id == 0 {
            latest
        } else {
            msg_id.min(latest)
        };
        let position = self.read.entry((user, conversation)).or_default();
        *position = up_to.max(*position);
    }

    /// How many messages of others are behind a user's read position.
    pub(crate) fn unread(&self, user: u32, conversation: Conversation) -> u32 {
        let read = self.read.get(&(user, conversation)).copied().unwrap_or(0);
        let unread = self.messages(conversation).iter().skip(read as usize);
        unread.filter(|message| message.sender != user).count() as u32
    }
}

impl Stored {
    pub(crate) fn info(&self, msg_id: u32) -> MsgInfo {
        MsgInfo {
            msg_id,
            from_session_id: self.sender,
            create_time: 1,
            msg_type: self.msg_type,
            msg_data: self.body.clone(),
            ..Default::default()
        }
    }
}

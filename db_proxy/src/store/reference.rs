use std::collections::BTreeSet;

use proto::ids::{GroupId, MessageId, UserId};

use super::plan::Insert;
use super::{AppendRefusal, Conversation, NewMessage};

/// Whom a message mentions, and which one it answers. At least one of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// Each once.
    pub mentioned: Vec<UserId>,
    pub everybody: bool,
    pub answers: Option<MessageId>,
}

impl References {
    /// Most users whom one message mentions.
    pub const MAX_MENTIONED: usize = 50;

    /// `None` for a message that refers to nothing. Whoever is mentioned twice is mentioned.
    pub fn new(
        mut mentioned: Vec<UserId>,
        everybody: bool,
        answers: Option<MessageId>,
    ) -> Option<Box<Self>> {
        if mentioned.is_empty() && !everybody && answers.is_none() {
            return None;
        }
        mentioned.sort_unstable();
        mentioned.dedup();
        Some(Box::new(Self {
            mentioned,
            everybody,
            answers,
        }))
    }

    /// Whether the message is for this user's attention.
    pub fn mentions(&self, user: UserId) -> bool {
        self.everybody || self.mentioned.contains(&user)
    }

    /// As stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::HEAD + 4 * self.mentioned.len());
        bytes.extend(self.answers.map_or(0, MessageId::get).to_be_bytes());
        bytes.push(self.everybody.into());
        for user in &self.mentioned {
            bytes.extend(user.get().to_be_bytes());
        }
        bytes
    }

    /// The inverse of `to_bytes`; `None` for nothing, and for what no release has written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Box<Self>> {
        let (answers, rest) = bytes.split_first_chunk()?;
        let (everybody, rest) = rest.split_first()?;
        let (users, _) = rest.as_chunks();
        let users = users.iter().map(|user| u32::from_be_bytes(*user));
        Self::new(
            users.filter_map(UserId::new).collect(),
            *everybody != 0,
            MessageId::new(u32::from_be_bytes(*answers)),
        )
    }

    /// Bytes before the users.
    const HEAD: usize = 5;
}

/// What has to be known of a batch's references. Nothing, mostly.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) members: BTreeSet<(GroupId, UserId)>,
    pub(super) seen: BTreeSet<(Conversation, UserId, MessageId)>,
}

impl Wanted {
    pub(super) fn of(batch: &[NewMessage]) -> Self {
        let mut wanted = Self::default();
        for message in batch {
            let Some(references) = &message.references else {
                continue;
            };
            if let Conversation::Group(group) = message.conversation {
                let members = references.mentioned.iter().map(|user| (group, *user));
                wanted.members.extend(members);
            }
            let answers = references.answers.into_iter();
            let seen = answers.map(|id| (message.conversation, message.sender, id));
            wanted.seen.extend(seen);
        }
        wanted
    }
}

/// Of what was wanted, that which the transaction found to be so.
pub(super) type Grounds = Wanted;

impl Grounds {
    /// Whether a message may refer to what it does. `is_admin` is its sender in its group, `row` is its conversation's,
    /// `inserts` are the messages before it in its batch.
    pub(super) fn judge(
        &self,
        message: &NewMessage,
        is_admin: bool,
        row: i64,
        inserts: &[Insert<'_>],
    ) -> Result<(), AppendRefusal> {
        let Some(references) = &message.references else {
            return Ok(());
        };
        match message.conversation {
            Conversation::Single(_) => {
                if references.everybody || !references.mentioned.is_empty() {
                    return Err(AppendRefusal::MentionsInNoGroup);
                }
            }
            Conversation::Group(group) => {
                let is_member = |user: &UserId| self.members.contains(&(group, *user));
                if !references.mentioned.iter().all(is_member) {
                    return Err(AppendRefusal::MentionsNoMember);
                }
                if references.everybody && !is_admin {
                    return Err(AppendRefusal::NotPermitted);
                }
            }
        }
        let Some(answers) = references.answers else {
            return Ok(());
        };
        let sender = message.sender;
        let of_batch = |insert: &Insert<'_>| {
            insert.row == row && insert.id == answers && insert.withheld_from != Some(sender)
        };
        let place = (message.conversation, sender, answers);
        match self.seen.contains(&place) || inserts.iter().any(of_batch) {
            true => Ok(()),
            false => Err(AppendRefusal::NoSuchMessage),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn references_come_back_from_their_bytes(
            users in prop::collection::vec(1u32.., 0..=References::MAX_MENTIONED),
            everybody: bool,
            answers in prop::option::of(1u32..),
        ) {
            let users = users.into_iter().filter_map(UserId::new).collect();
            let references = References::new(users, everybody, answers.and_then(MessageId::new));
            let bytes = references.as_ref().map(|references| references.to_bytes());
            let bytes = bytes.unwrap_or_default();
            prop_assert!(bytes.len() <= 255);
            prop_assert_eq!(References::from_bytes(&bytes), references);
        }

        #[test]
        fn any_bytes_are_references_or_none(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            if let Some(references) = References::from_bytes(&bytes) {
                let again = References::from_bytes(&references.to_bytes());
                prop_assert_eq!(again, Some(references));
            }
        }
    }
}

//! What a batch of messages does to its conversations, worked out without a database: which messages are new, which
//! ids they get, where heads and counters end. Every database executes the same plan.

mod found;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use proto::ids::{MessageId, UserId};

pub(super) use self::found::{
    Head, Heads, Standing, Standings, StoredKey, Writer, keys_of, writers_of_groups,
};
use super::admission::{may_write, withheld_from};
use super::reference::Grounds;
use super::relation::Flags;
use super::shown::{Shown, ShownEnd, shown};
use super::{
    AppendOutcome, AppendRefusal, Appended, ClientKey, Conversation, MessageKind, NewMessage,
    References, StoreError, UnixMillis,
};

/// What is taken for granted of the keys of a batch. Nearly all are new, and looking one up costs as much as storing its
/// message: so first none is looked up, and if the index refuses one, somebody has sent a message again, and the
/// transaction is made once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// That no message of an earlier batch has them. Otherwise the transaction fails with what `is_key_taken` tells.
    New,
    /// Nothing: they are looked up.
    LookedUp,
}

/// Whether the transaction has to be made again with its keys looked up: nothing else of it is unique and could be taken.
pub(super) fn is_key_taken(error: &StoreError) -> bool {
    let StoreError::Refused(cause) = error else {
        return false;
    };
    let driver = cause.downcast_ref::<sqlx::Error>();
    let told = driver.and_then(sqlx::Error::as_database_error);
    told.is_some_and(|told| told.is_unique_violation())
}

/// The writes of one transaction, to be made in the order of the fields, and its answers.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// Keys of stored messages that have expired and are needed again.
    pub(super) expired: Vec<(i64, MessageId)>,
    /// Ascending by conversation and id.
    pub(super) inserts: Vec<Insert<'a>>,
    pub(super) heads: Vec<Moved>,
    /// Of conversations in which something is withheld, or was until now.
    pub(super) shown: Vec<Shown>,
    /// Sender, row of a group's conversation, his newest message there: he has read up to it.
    pub(super) read: Vec<(UserId, i64, MessageId)>,
    pub(super) outcomes: Vec<AppendOutcome>,
}

/// A conversation that got messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moved {
    pub(super) row: i64,
    pub(super) last: MessageId,
    /// How many of the new ones the lower of two users wrote; the other one's number follows from it.
    pub(super) by_low: u32,
    /// The conversation's flags, if they are others now.
    pub(super) flags: Option<Flags>,
}

/// A row of `messages`.
#[derive(Debug)]
pub(super) struct Insert<'a> {
    pub(super) row: i64,
    pub(super) id: MessageId,
    pub(super) message: &'a NewMessage,
    pub(super) key: Option<&'a [u8]>,
    pub(super) withheld_from: Option<UserId>,
}

/// The newest message known to carry a key.
struct Holder<'a> {
    message_id: MessageId,
    created_at: UnixMillis,
    kind: MessageKind,
    body: &'a [u8],
    withheld: bool,
    references: Option<&'a References>,
    place: Place,
}

/// By conversation row, sender and key.
type Holders<'a> = HashMap<(i64, UserId, &'a [u8]), Holder<'a>>;

enum Place {
    Stored,
    /// An index into the batch's own inserts.
    Inserted(usize),
}

impl<'a> Plan<'a> {
    /// `heads` lacks the conversations that can't exist; `stored` has the batch's keys that are taken, `grounds` what its
    /// messages may refer to.
    pub(super) fn new(
        batch: &'a [NewMessage],
        heads: &Heads,
        standings: &Standings,
        grounds: &Grounds,
        stored: &'a [StoredKey],
    ) -> Self {
        let mut plan = Self::default();
        let heads_before = heads;
        let mut heads = heads.clone();
        let mut holders: Holders<'a> = stored
            .iter()
            .map(|stored| {
                let holder = Holder {
                    message_id: stored.message_id,
                    created_at: stored.created_at,
                    kind: stored.kind,
                    body: &stored.body,
                    withheld: stored.withheld,
                    references: stored.references.as_deref(),
                    place: Place::Stored,
                };
                ((stored.row, stored.sender, stored.key.as_slice()), holder)
            })
            .collect();
        for message in batch {
            let outcome = match heads.get_mut(&message.conversation) {
                Some(head) => {
                    let admission = Admission::of(message, head, standings);
                    plan.place(message, admission, grounds, head, &mut holders)
                }
                None => Err(match message.conversation {
                    Conversation::Single(_) => AppendRefusal::NoSuchUser,
                    Conversation::Group(_) => AppendRefusal::NoSuchGroup,
                }),
            };
            plan.outcomes.push(outcome);
        }
        plan.sum_up(heads_before);
        plan
    }

    fn place(
        &mut self,
        message: &'a NewMessage,
        admission: Admission,
        grounds: &Grounds,
        head: &mut Head,
        holders: &mut Holders<'a>,
    ) -> AppendOutcome {
        let group_version = admission.group_version;
        let slot = message.client_key.as_ref().map(|key| {
            let slot = holders.entry((head.row, message.sender, key.as_bytes()));
            (key, slot)
        });
        if let Some((key, Entry::Occupied(holder))) = &slot {
            let holder = holder.get();
            if key.counts(holder.created_at, message.created_at) {
                let altered = holder.kind != message.kind
                    || holder.body != &message.body[..]
                    || holder.references != message.references.as_deref();
                if altered {
                    admission.verdict?;
                }
                return Ok(Appended {
                    message_id: holder.message_id,
                    created_at: holder.created_at,
                    duplicate: true,
                    altered,
                    withheld: holder.withheld,
                    group_version,
                });
            }
        }
        admission.verdict?;
        grounds.judge(message, admission.is_admin, head.row, &self.inserts)?;
        let id = head
            .last
            .checked_add(1)
            .and_then(MessageId::new)
            .ok_or(AppendRefusal::ConversationFull)?;
        head.last = id.get();
        let withheld_from = withheld_from(message, head);
        let withheld = withheld_from.is_some();
        if let Some((_, slot)) = slot {
            self.take_key(slot, head.row, id, message, withheld);
        }
        self.inserts.push(Insert {
            row: head.row,
            id,
            message,
            key: message.client_key.as_ref().map(ClientKey::as_bytes),
            withheld_from,
        });
        Ok(Appended {
            message_id: id,
            created_at: message.created_at,
            duplicate: false,
            altered: false,
            withheld,
            group_version,
        })
    }

    /// Gives the key to the message about to be inserted, taking it from one whose claim has expired.
    fn take_key(
        &mut self,
        slot: Entry<'_, (i64, UserId, &'a [u8]), Holder<'a>>,
        row: i64,
        message_id: MessageId,
        message: &'a NewMessage,
        withheld: bool,
    ) {
        let new = Holder {
            message_id,
            created_at: message.created_at,
            kind: message.kind,
            body: &message.body,
            withheld,
            references: message.references.as_deref(),
            place: Place::Inserted(self.inserts.len()),
        };
        match slot {
            Entry::Vacant(slot) => {
                slot.insert(new);
            }
            Entry::Occupied(mut slot) => {
                let old = slot.insert(new);
                match old.place {
                    Place::Stored => self.expired.push((row, old.message_id)),
                    Place::Inserted(index) => self.inserts[index].key = None,
                }
            }
        }
    }

    fn sum_up(&mut self, before: &Heads) {
        let mut heads: HashMap<i64, Moved> = HashMap::new();
        let mut read: HashMap<(UserId, i64), MessageId> = HashMap::new();
        for insert in &self.inserts {
            let head = heads.entry(insert.row).or_insert(Moved {
                row: insert.row,
                last: insert.id,
                by_low: 0,
                flags: None,
            });
            head.last = insert.id;
            let sender = insert.message.sender;
            match insert.message.conversation {
                Conversation::Single(pair) => head.by_low += u32::from(pair.low() == sender),
                Conversation::Group(_) => {
                    read.insert((sender, insert.row), insert.id);
                }
            }
        }
        self.shown = shown(&self.inserts, before);
        for shown in &self.shown {
            if let Some(moved) = heads.get_mut(&shown.row) {
                let flags = moved.flags.unwrap_or(shown.flags_before);
                let is_withheld = shown.end != ShownEnd::Newest;
                moved.flags = Some(flags.with_withheld(shown.is_low, is_withheld));
            }
        }
        self.heads = heads.into_values().collect();
        // neighbours in the database one after the other
        self.heads.sort_unstable_by_key(|moved| moved.row);
        self.inserts
            .sort_unstable_by_key(|insert| (insert.row, insert.id));
        self.read = read
            .into_iter()
            .map(|((sender, row), newest)| (sender, row, newest))
            .collect();
    }
}

/// Whether a sender may write something new.
struct Admission {
    verdict: Result<(), AppendRefusal>,
    /// The group's, whether he may or not.
    group_version: Option<u32>,
    /// He is the group's owner, or an admin.
    is_admin: bool,
}

impl Admission {
    fn of(message: &NewMessage, head: &Head, standings: &Standings) -> Self {
        let Conversation::Group(group) = message.conversation else {
            let verdict = match may_write(message, head) {
                true => Ok(()),
                false => Err(AppendRefusal::NotFriends),
            };
            return Self {
                verdict,
                group_version: None,
                is_admin: false,
            };
        };
        let standing = standings.get(&(group, message.sender));
        let writer = standing.and_then(|standing| standing.member);
        Self {
            verdict: match (standing, writer) {
                (_, Some(writer)) => writer.verdict(message.created_at),
                (Some(_), None) => Err(AppendRefusal::NotAMember),
                (None, None) => Err(AppendRefusal::NoSuchGroup),
            },
            group_version: standing.map(|standing| standing.version),
            is_admin: writer.is_some_and(|writer| writer.is_admin),
        }
    }
}

#[cfg(test)]
mod tests;

//! Judges a history: what was promised, and what was kept. Nothing here looks at anything but the records.

mod answered;
mod delivered;
mod facts;
mod read;
mod stored;
mod summary;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::history::{Record, Talk, What};
use facts::Facts;
pub use facts::Fault;
pub use summary::{FaultSummary, Summary};

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The history is whole: it can be judged.
    Whole,
    /// What was acknowledged is stored.
    AckedIsStored,
    /// It is stored under the number that was acknowledged, every time.
    AckedId,
    /// A message is stored once.
    Once,
    /// Numbers are 1, 2, 3 … without a gap.
    Contiguous,
    /// What is stored was sent, by that user, to that conversation.
    Sent,
    /// A message that was acknowledged before another one was sent has the smaller number.
    Order,
    /// What a device gets is what is stored under that number.
    SameForAll,
    /// A message is pushed once over a connection.
    PushedOnce,
    /// Every device of everybody concerned gets it in time.
    Delivered,
    /// Every device is connected in the end.
    Online,
    /// Every message is acknowledged in time.
    Answered,
    /// What is unread follows from what was read.
    Unread,
    /// Positions are what was read: nothing is lost, nothing is made up.
    ReadPosition,
    /// In rolling restarts no send of a client that can move fails.
    Rolling,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "the history is whole",
            Self::AckedIsStored => "what was acknowledged is stored",
            Self::AckedId => "a message is stored under the number that was acknowledged",
            Self::Once => "a message is stored once",
            Self::Contiguous => "numbers are without a gap",
            Self::Sent => "what is stored was sent",
            Self::Order => "numbers follow the order in which messages were sent and acknowledged",
            Self::SameForAll => "every device gets what is stored",
            Self::PushedOnce => "a message is pushed once over a connection",
            Self::Delivered => "every device gets every message in time",
            Self::Online => "every device is connected in the end",
            Self::Answered => "every message is acknowledged in time",
            Self::Unread => "what is unread follows from what was read",
            Self::ReadPosition => "read positions are what was marked as read",
            Self::Rolling => "no send of a client that can move fails in a rolling restart",
        })
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// What is wrong, in words.
    pub text: String,
    /// The messages concerned, by key.
    pub messages: Vec<u64>,
    /// The messages concerned, by conversation and number.
    pub places: Vec<(Talk, u32)>,
}

impl Violation {
    fn new(rule: Rule, text: impl Into<String>) -> Self {
        Self {
            rule,
            text: text.into(),
            messages: Vec::new(),
            places: Vec::new(),
        }
    }

    fn of(mut self, message: u64) -> Self {
        self.messages.push(message);
        self
    }

    fn at(mut self, talk: Talk, id: u32) -> Self {
        self.places.push((talk, id));
        self
    }
}

/// What comes of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Nothing, if everything held.
    pub violations: Vec<Violation>,
    /// Counts and times.
    pub summary: Summary,
}

/// Judges a history.
pub fn check(records: &[Record]) -> Verdict {
    let facts = Facts::of(records);
    let mut violations = Vec::new();
    stored::check(&facts, &mut violations);
    delivered::check(&facts, &mut violations);
    read::check(&facts, &mut violations);
    answered::check(&facts, &mut violations);
    Verdict {
        violations,
        summary: summary::of(&facts),
    }
}

/// What each user has unread, by conversation, if everything that was marked so far counts: for asking until an answer is
/// right. Conversations and users without anything unread are left out.
pub fn expected_unread(records: &[Record]) -> BTreeMap<u32, Vec<(Talk, u32)>> {
    read::expected(&Facts::of(records))
}

/// The records that tell of these messages, oldest first.
pub fn story<'a>(records: &'a [Record], violation: &Violation) -> Vec<&'a Record> {
    let by_key = |key: &u64| violation.messages.contains(key);
    let is_place = |talk: Talk, id: u32| violation.places.contains(&(talk, id));
    let concerned = |talk: Talk, seen: &super::history::Seen| {
        seen.key.as_ref().is_some_and(by_key) || is_place(talk, seen.id)
    };
    let tells = |record: &&Record| match &record.what {
        What::Sent { key, .. } | What::Acked { key, .. } | What::Failed { key, .. } => by_key(key),
        What::Pushed { talk, seen, .. } => concerned(*talk, seen),
        What::Fetched { talk, seen, .. } | What::Stored { talk, seen } => {
            seen.iter().any(|seen| concerned(*talk, seen))
        }
        _ => false,
    };
    records.iter().filter(tells).collect()
}

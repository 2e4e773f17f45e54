//! What became of the last messages, step by step: for the question "where is it?" of an operator.
//!
//! Each step is one [`Record`] of fixed size in a [`Ring`] that forgets the oldest. It holds numbers only: no text of a message,
//! no key, no name. Writing one is a look at the clock and a copy behind a lock that nobody else wants at that moment;
//! nothing is formatted or allocated before somebody asks. The admin port answers `/trace` from [`ring`], the ring of the process.

mod conversation;
mod ring;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

pub use conversation::{BadConversation, Conversation};
pub use ring::Ring;

/// Steps that a process remembers, in all.
pub const ENTRIES: usize = 65_536;

static RING: LazyLock<Ring> = LazyLock::new(|| Ring::new(ENTRIES));

static NEXT_REQUEST: AtomicU64 = AtomicU64::new(1);

/// One step of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Microseconds since 1970, by the clock of this machine.
    pub at_us: u64,
    /// What the message is part of.
    pub conversation: Conversation,
    /// Its id; 0 while it has none.
    pub id: u32,
    /// What happened.
    #[serde(flatten)]
    pub step: Step,
}

/// What happened to a message. Numbers of sessions, links and peers are those of the process that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A client sent it.
    Received {
        /// From [`next_request`]; tells this sending apart from others.
        request: u64,
        /// Who.
        user: u32,
        /// On which session.
        session: u64,
        /// Under which number of the client's.
        seq_num: u16,
        /// From [`key_hash`]; 0 if the client gave none.
        #[serde(skip)]
        key: u64,
    },
    /// The store has it under its id, and the sender is told so.
    Stored {
        /// The sending.
        request: u64,
    },
    /// The sender is told that it is not known to be stored.
    Refused {
        /// The sending.
        request: u64,
        /// As in the metric of refusals.
        reason: &'static str,
    },
    /// A transaction of the database is committed.
    Committed {
        /// Messages in that transaction.
        batch: u32,
        /// It had been stored before, under the same key.
        duplicate: bool,
    },
    /// Given to a link to a route_server.
    Relayed {
        /// The link's place in the configuration, from 0; absent: none was up, and it waits for one.
        link: Option<u32>,
    },
    /// A route_server passed it on.
    PassedOn {
        /// From this connection of a msg_server.
        from: u32,
        /// To this one.
        to: u32,
    },
    /// A route_server knew nobody else who needs it.
    NobodyElse {
        /// The connection of the msg_server that it came from.
        from: u32,
    },
    /// It came from a route_server.
    Arrived {
        /// The link's place in the configuration, from 0.
        link: u32,
    },
    /// It was handed out here before, and is not again.
    Repeated,
    /// Handed to a device's connection.
    Pushed {
        /// Whose.
        user: u32,
        /// Which session.
        session: u64,
        /// The type of device, as in a login.
        device: i32,
    },
    /// Handed to so many devices in all; not all of a group are told of one by one.
    HandedOut {
        /// How many.
        devices: u32,
    },
    /// A device said that it has it.
    Acknowledged {
        /// Whose.
        user: u32,
        /// Which session.
        session: u64,
        /// The type of device, as in a login.
        device: i32,
    },
}

impl Step {
    /// The sending of a message that it belongs to.
    fn request(&self) -> Option<u64> {
        match self {
            Self::Received { request, .. }
            | Self::Stored { request }
            | Self::Refused { request, .. } => Some(*request),
            _ => None,
        }
    }
}

impl Record {
    /// A step that happens now. A clock set before 1970 reads as 1970.
    pub fn now(conversation: Conversation, id: u32, step: Step) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_us = since_epoch.map_or(0, |since| since.as_micros() as u64);
        Self {
            at_us,
            conversation,
            id,
            step,
        }
    }

    /// Another step of the same message in the same moment.
    pub fn and(self, step: Step) -> Self {
        Self { step, ..self }
    }
}

/// The ring of this process. Servers that share a process in tests share it.
pub fn ring() -> &'static Ring {
    &RING
}

/// Notes a step that happens now.
pub fn note(conversation: Conversation, id: u32, step: Step) {
    RING.push(Record::now(conversation, id, step));
}

/// A number for one sending of a message, never used again in this process.
pub fn next_request() -> u64 {
    NEXT_REQUEST.fetch_add(1, Ordering::Relaxed)
}

/// What stands for a client's key in a record: equal in every process and every run, and never 0.
pub fn key_hash(key: &[u8]) -> u64 {
    ahash::RandomState::with_seeds(5, 6, 7, 8)
        .hash_one(key)
        .max(1)
}

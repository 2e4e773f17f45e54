//! What happened in a run: the log of events, and what each device saw in each of its sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

use crate::conversation::Conversation;

/// Written to by everybody, read at the end. Its locks are held for one entry.
#[derive(Default)]
pub(crate) struct Record {
    events: Mutex<Vec<String>>,
    panics: Mutex<Vec<String>>,
    sessions: Mutex<Vec<SessionRecord>>,
    sent: Mutex<Vec<SentRecord>>,
}

/// One login of a device, as the device saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionRecord {
    pub(crate) device: usize,
    pub(crate) server: String,
    pub(crate) is_open: bool,
    /// The newest message of each conversation at the login, once it was told.
    pub(crate) found: Option<BTreeMap<Conversation, u32>>,
    /// How often each message was pushed, and with what in it.
    pub(crate) pushed: BTreeMap<(Conversation, u32), Vec<String>>,
    /// Its own messages that were acknowledged in it.
    pub(crate) acked: BTreeSet<(Conversation, u32)>,
    /// The last notice of each user.
    pub(crate) told: BTreeMap<u32, bool>,
    /// Who was online, the last time it asked.
    pub(crate) asked: Option<BTreeMap<u32, bool>>,
}

/// A message that a device wanted to send.
#[derive(Clone, Debug)]
pub(crate) struct SentRecord {
    pub(crate) device: usize,
    pub(crate) conversation: Conversation,
    pub(crate) body: String,
    /// Every id that it was acknowledged with.
    pub(crate) acked: BTreeSet<u32>,
}

impl Record {
    /// Adds a line to the log, with the time of the simulation.
    pub(crate) fn event(&self, who: impl fmt::Display, what: impl fmt::Display) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.event_at(at, who, what);
    }

    /// As [`event`](Self::event), from outside of every host.
    pub(crate) fn event_at(&self, at: Duration, who: impl fmt::Display, what: impl fmt::Display) {
        let line = format!("{:>9.3} {who:<12} {what}", at.as_secs_f64());
        self.events.lock().push(line);
    }

    pub(crate) fn panicked(&self, what: String) {
        self.panics.lock().push(what);
    }

    /// Notes a new session and returns its place.
    pub(crate) fn open(&self, device: usize, server: &str) -> usize {
        let mut sessions = self.sessions.lock();
        sessions.push(SessionRecord {
            device,
            server: server.to_owned(),
            is_open: true,
            ..Default::default()
        });
        sessions.len() - 1
    }

    pub(crate) fn in_session(&self, at: usize, change: impl FnOnce(&mut SessionRecord)) {
        change(&mut self.sessions.lock()[at]);
    }

    /// Notes a message that is to be sent and returns its place.
    pub(crate) fn wanted(&self, device: usize, conversation: Conversation, body: &str) -> usize {
        let mut sent = self.sent.lock();
        sent.push(SentRecord {
            device,
            conversation,
            body: body.to_owned(),
            acked: BTreeSet::new(),
        });
        sent.len() - 1
    }

    pub(crate) fn acked(&self, at: usize, msg_id: u32) {
        self.sent.lock()[at].acked.insert(msg_id);
    }

    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock())
    }

    pub(crate) fn panics(&self) -> Vec<String> {
        self.panics.lock().clone()
    }

    pub(crate) fn sessions(&self) -> Vec<SessionRecord> {
        self.sessions.lock().clone()
    }

    pub(crate) fn sent(&self) -> Vec<SentRecord> {
        self.sent.lock().clone()
    }
}

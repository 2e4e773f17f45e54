//! A history, ordered by what the rules ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::history::{Record, Seen, Talk, What};

/// What is known of one message that was sent.
#[derive(Debug)]
pub(super) struct Sending {
    /// By whom.
    pub(super) user: u32,
    pub(super) talk: Talk,
    /// When for the first time.
    pub(super) sent: u64,
    /// When it was acknowledged, and under which number.
    pub(super) acks: Vec<(u64, u32)>,
}

/// A conversation.
#[derive(Debug, Default)]
pub(super) struct TalkFacts {
    pub(super) base: u32,
    pub(super) members: Vec<u32>,
    /// As read in the end: by number, all that have it.
    pub(super) stored: BTreeMap<u32, Vec<Seen>>,
    /// Whether it was read.
    pub(super) was_read: bool,
    /// By number: when somebody first knew of it.
    pub(super) known: BTreeMap<u32, u64>,
}

impl TalkFacts {
    /// The newest number.
    pub(super) fn latest(&self) -> u32 {
        self.stored.keys().next_back().copied().unwrap_or(self.base)
    }
}

/// A device.
#[derive(Debug, Default)]
pub(super) struct DeviceFacts {
    pub(super) user: u32,
    pub(super) name: String,
    /// Connections that were told to move before their server stops.
    pub(super) moves: BTreeSet<u32>,
    /// Connections that stand.
    pub(super) open: BTreeSet<u32>,
    /// When it first had a message.
    pub(super) has: HashMap<(Talk, u32), u64>,
}

/// From when to when something was broken.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Counts from 1.
    pub number: u32,
    /// In words.
    pub what: String,
    /// Microseconds since the beginning.
    pub began: u64,
    /// The same.
    pub ended: u64,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) records: &'a [Record],
    /// Microseconds.
    pub(super) heal: u64,
    pub(super) rolling: bool,
    pub(super) complete: bool,
    pub(super) rest: Option<u64>,
    pub(super) talks: BTreeMap<Talk, TalkFacts>,
    pub(super) devices: BTreeMap<u32, DeviceFacts>,
    pub(super) messages: BTreeMap<u64, Sending>,
    /// In the order in which they began.
    pub(super) faults: Vec<Fault>,
    /// Devices that were still connected when nothing was left to do.
    pub(super) end: u64,
}

impl<'a> Facts<'a> {
    pub(super) fn of(records: &'a [Record]) -> Self {
        let mut facts = Self {
            records,
            end: records.last().map_or(0, |last| last.at),
            ..Self::default()
        };
        for record in records {
            facts.take(record);
        }
        for fault in &mut facts.faults {
            if fault.ended == u64::MAX {
                fault.ended = facts.end;
            }
        }
        facts
    }

    fn take(&mut self, record: &Record) {
        let at = record.at;
        match &record.what {
            What::Run {
                heal_ms, rolling, ..
            } => {
                self.heal = heal_ms * 1000;
                self.rolling = *rolling;
                self.complete = true;
            }
            What::Talk {
                talk,
                base,
                members,
            } => {
                let facts = self.talks.entry(*talk).or_default();
                facts.base = *base;
                facts.members.clone_from(members);
            }
            What::Device {
                device, user, name, ..
            } => {
                let facts = self.devices.entry(*device).or_default();
                facts.user = *user;
                facts.name.clone_from(name);
            }
            What::Connected {
                device,
                connection,
                moves,
                ..
            } => {
                let facts = self.devices.entry(*device).or_default();
                facts.open.insert(*connection);
                if *moves {
                    facts.moves.insert(*connection);
                }
            }
            What::Disconnected {
                device, connection, ..
            } => {
                let facts = self.devices.entry(*device).or_default();
                facts.open.remove(connection);
            }
            What::Sent {
                device, key, talk, ..
            } => {
                let user = self.user(*device);
                self.messages.entry(*key).or_insert(Sending {
                    user,
                    talk: *talk,
                    sent: at,
                    acks: Vec::new(),
                });
            }
            What::Acked {
                device, key, id, ..
            } => {
                if let Some(sending) = self.messages.get_mut(key) {
                    sending.acks.push((at, *id));
                    let talk = sending.talk;
                    self.has(*device, talk, *id, at);
                }
            }
            What::Pushed {
                device, talk, seen, ..
            } => self.has(*device, *talk, seen.id, at),
            What::Fetched {
                device, talk, seen, ..
            } => {
                for seen in seen {
                    self.has(*device, *talk, seen.id, at);
                }
            }
            What::FaultBegan { fault, what_fault } => self.faults.push(Fault {
                number: *fault,
                what: what_fault.clone(),
                began: at,
                ended: u64::MAX,
            }),
            What::FaultEnded { fault, .. } => {
                if let Some(begun) = self.faults.iter_mut().rfind(|begun| begun.number == *fault) {
                    begun.ended = at;
                }
            }
            What::Rest => self.rest = Some(at),
            What::Stored { talk, seen } => {
                let facts = self.talks.entry(*talk).or_default();
                facts.was_read = true;
                for seen in seen {
                    facts.stored.entry(seen.id).or_default().push(*seen);
                }
            }
            What::NotConnected { .. }
            | What::Failed { .. }
            | What::Hinted { .. }
            | What::ToMove { .. }
            | What::Marked { .. }
            | What::MarkTold { .. }
            | What::Unread { .. } => {}
        }
    }

    fn has(&mut self, device: u32, talk: Talk, id: u32, at: u64) {
        let facts = self.devices.entry(device).or_default();
        facts.has.entry((talk, id)).or_insert(at);
        // Others are none of the run: of the same users, from before.
        if let Some(talk) = self.talks.get_mut(&talk) {
            talk.known.entry(id).or_insert(at);
        }
    }

    /// Whose a device is; 0 if nobody said.
    pub(super) fn user(&self, device: u32) -> u32 {
        self.devices.get(&device).map_or(0, |facts| facts.user)
    }

    /// Until when something that was due from `since` on has to be there: the healing time after it, or after the last of
    /// the faults that came before that was over.
    pub(super) fn deadline(&self, since: u64) -> u64 {
        let mut due = since + self.heal;
        for fault in &self.faults {
            if fault.began < due {
                due = due.max(fault.ended + self.heal);
            }
        }
        due
    }
}

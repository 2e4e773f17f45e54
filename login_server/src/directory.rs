//! The msg_servers that are alive, how loaded each is, and which one comes next.

mod handouts;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use im_base::telemetry::metrics::MSG_SERVERS;
use metrics::gauge;
use parking_lot::Mutex;
use tokio::time::Instant;

use handouts::Handouts;

/// What a msg_server tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsgServer {
    /// Where clients reach it.
    pub address: Address,
    /// Connections it takes. 0 while it drains.
    pub capacity: u32,
    /// Connections it has.
    pub load: u32,
}

/// Where clients reach a msg_server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address to try first: a number or a name, as the msg_server announced it.
    pub ip1: String,
    /// The address to try next.
    pub ip2: String,
    /// The port on both; 0: there is none without TLS.
    pub port: u16,
    /// The port for TLS on both; 0: there is none.
    pub tls_port: u16,
}

/// Why nobody is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// No msg_server is registered.
    Registered,
    /// Every one that is registered is full, or drains.
    Free,
}

/// All registered msg_servers. Entries belong to [`Registration`]s and go with them.
///
/// One mutex suffices: there are tens of msg_servers, and a choice looks at each once without waiting for anything.
#[derive(Debug, Default)]
pub struct Directory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By registration; in the order of registration, so that a choice never depends on chance.
    entries: BTreeMap<u64, Entry>,
    registrations: u64,
    choices: u64,
}

#[derive(Debug)]
struct Entry {
    server: MsgServer,
    handouts: Handouts,
    /// When it was last chosen, counted in choices; 0 for never.
    last_choice: u64,
}

impl Entry {
    /// The load with everybody who is on the way.
    fn expected(&self) -> u64 {
        u64::from(self.server.load) + u64::from(self.handouts.outstanding())
    }

    fn has_room(&self) -> bool {
        self.expected() < u64::from(self.server.capacity)
    }

    /// Where clients should rather go is less: relatively less loaded, or equally loaded and not chosen for longer.
    fn by_load(&self, other: &Self) -> Ordering {
        let here = u128::from(self.expected()) * u128::from(other.server.capacity);
        let there = u128::from(other.expected()) * u128::from(self.server.capacity);
        (here, self.last_choice).cmp(&(there, other.last_choice))
    }
}

impl Directory {
    /// Chooses the msg_server for one more client: the least loaded in relation to its capacity, in turns among
    /// equals.
    ///
    /// The client counts as load from now on, until the msg_server reports a login or for 15 s: clients that come in
    /// a burst are spread although none of them has arrived yet.
    pub fn hand_out(&self, now: Instant) -> Result<Address, Nobody> {
        let state = &mut *self.state.lock();
        if state.entries.is_empty() {
            return Err(Nobody::Registered);
        }
        let mut best: Option<&mut Entry> = None;
        for entry in state.entries.values_mut() {
            entry.handouts.expire(now);
            let better = best
                .as_ref()
                .is_none_or(|best| entry.by_load(best) == Ordering::Less);
            if entry.has_room() && better {
                best = Some(entry);
            }
        }
        let chosen = best.ok_or(Nobody::Free)?;
        chosen.handouts.add(now);
        state.choices += 1;
        chosen.last_choice = state.choices;
        Ok(chosen.server.address.clone())
    }

    /// The registered msg_servers, in the order in which they registered.
    pub fn registered(&self) -> Vec<MsgServer> {
        let state = self.state.lock();
        state
            .entries
            .values()
            .map(|entry| entry.server.clone())
            .collect()
    }
}

/// The place of one msg_server's connection in the directory, empty until it announces itself. Dropped with the
/// connection, on whatever path that ends, and the entry with it.
#[derive(Debug)]
pub struct Registration {
    directory: Arc<Directory>,
    id: u64,
}

/// A msg_server counts logins before it has announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnnounced;

impl Registration {
    /// A place for a new connection.
    pub fn new(directory: Arc<Directory>) -> Self {
        let mut state = directory.state.lock();
        state.registrations += 1;
        let id = state.registrations;
        drop(state);
        Self { directory, id }
    }

    /// Enters the msg_server, or replaces what it said before: that heals a load that went astray and takes a
    /// draining server out of the choice. Clients on the way to it still count.
    pub fn announce(&self, server: MsgServer) {
        let mut state = self.directory.state.lock();
        if let Some(entry) = state.entries.get_mut(&self.id) {
            entry.server = server;
            return;
        }
        let entry = Entry {
            server,
            handouts: Handouts::default(),
            last_choice: 0,
        };
        state.entries.insert(self.id, entry);
        gauge!(MSG_SERVERS).set(state.entries.len() as f64);
    }

    /// One client more; whoever was on the way longest counts as arrived.
    pub fn client_came(&self) -> Result<(), NotAnnounced> {
        self.change(|entry| {
            entry.server.load = entry.server.load.saturating_add(1);
            entry.handouts.arrived();
        })
    }

    /// One client less; never below zero.
    pub fn client_went(&self) -> Result<(), NotAnnounced> {
        self.change(|entry| entry.server.load = entry.server.load.saturating_sub(1))
    }

    /// Where clients of this msg_server could go: others with room, the relatively least loaded first, at most so many.
    pub fn elsewhere(&self, most: usize) -> Vec<Address> {
        let state = self.directory.state.lock();
        let others = state.entries.iter().filter(|(id, _)| **id != self.id);
        let mut others: Vec<&Entry> = others
            .map(|(_, entry)| entry)
            .filter(|entry| entry.has_room())
            .collect();
        others.sort_by(|one, other| one.by_load(other));
        let addresses = others.into_iter().take(most);
        addresses
            .map(|entry| entry.server.address.clone())
            .collect()
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) -> Result<(), NotAnnounced> {
        let mut state = self.directory.state.lock();
        let entry = state.entries.get_mut(&self.id).ok_or(NotAnnounced)?;
        change(entry);
        Ok(())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.directory.state.lock();
        state.entries.remove(&self.id);
        gauge!(MSG_SERVERS).set(state.entries.len() as f64);
    }
}

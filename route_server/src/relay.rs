//! Passing frames on, and passing them on again to a msg_server that was away.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use im_base::net::Outbox;
use im_base::peer::Recent;
use im_base::telemetry::metrics::FORGOTTEN;
use metrics::counter;
use proto::Pdu;
use proto::ids::{GroupId, UserId};
use smallvec::SmallVec;

use crate::interest::Interest;
use crate::presence::{PeerId, Presence};

/// Whom a frame is for.
#[derive(Clone, Debug)]
pub(crate) enum Receivers {
    /// One user, or the two of a conversation.
    Users(SmallVec<[UserId; 2]>),
    /// The members of a group.
    Members(GroupId),
    /// Every msg_server, which knows better.
    Everybody,
}

impl Receivers {
    /// The users among these ids; zero is none.
    pub(crate) fn users(ids: impl IntoIterator<Item = u32>) -> Self {
        Self::Users(ids.into_iter().filter_map(UserId::new).collect())
    }
}

/// Who is where, by user and by group.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) presence: Presence,
    pub(crate) interest: Interest,
}

impl Places {
    /// Whether the peer has one of the receivers.
    fn concerns(&self, receivers: &Receivers, peer: PeerId) -> bool {
        match receivers {
            Receivers::Users(users) => users
                .iter()
                .any(|user| self.presence.peers(*user).any(|at| at == peer)),
            Receivers::Members(group) => self.interest.peers(*group).contains(&peer),
            Receivers::Everybody => true,
        }
    }
}

/// The connected msg_servers, and what went through in the last moments. Owned by [`Route`](crate::route::Route).
#[derive(Debug, Default)]
pub(crate) struct Relay {
    peers: HashMap<PeerId, Arc<Outbox>, ahash::RandomState>,
    recent: Recent<Note>,
}

/// Whether a frame is still worth something a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// It is sent again to a msg_server that was away.
    Yes,
    /// Typing, window shake: now or never.
    No,
}

#[derive(Debug)]
struct Note {
    origin: PeerId,
    receivers: Receivers,
}

impl Relay {
    pub(crate) fn add(&mut self, peer: PeerId, outbox: Arc<Outbox>) {
        self.peers.insert(peer, outbox);
    }

    pub(crate) fn remove(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// Sends a frame to the peers that have a device of a receiver, but not back to its origin, and remembers it if
    /// it is lasting.
    ///
    /// Returns those who got a copy.
    pub(crate) fn pass_on(
        &mut self,
        origin: PeerId,
        receivers: Receivers,
        places: &Places,
        pdu: &Pdu,
        lasting: Lasting,
    ) -> SmallVec<[PeerId; 4]> {
        let mut targets: SmallVec<[PeerId; 4]> = SmallVec::new();
        let mut add = |peer: PeerId| {
            if peer != origin && !targets.contains(&peer) {
                targets.push(peer);
            }
        };
        match &receivers {
            Receivers::Users(users) => users
                .iter()
                .flat_map(|user| places.presence.peers(*user))
                .for_each(&mut add),
            Receivers::Members(group) => places
                .interest
                .peers(*group)
                .iter()
                .copied()
                .for_each(&mut add),
            Receivers::Everybody => self.peers.keys().copied().for_each(&mut add),
        }
        let frame = unnumbered(pdu);
        targets.retain(|peer| self.send(*peer, &frame));
        if lasting == Lasting::Yes {
            let early = self.recent.keep(frame, Note { origin, receivers });
            if early > 0 {
                counter!(FORGOTTEN, "peer" => "msg_server").increment(early as u64);
            }
        }
        targets
    }

    /// Sends a frame to every peer.
    pub(crate) fn broadcast(&self, frame: &[u8]) {
        for outbox in self.peers.values() {
            // A peer that is being closed has lost its users already.
            let _closing = outbox.send_frame(frame);
        }
    }

    /// Sends a frame to one peer; false if it is going away.
    pub(crate) fn send(&self, peer: PeerId, frame: &[u8]) -> bool {
        self.peers
            .get(&peer)
            .is_some_and(|outbox| outbox.send_frame(frame).is_ok())
    }

    /// Sends a peer that has just announced its users what passed through for them in the last moments: it may have
    /// been away just then, or this process may be new and not have known them. The peer drops what it has seen.
    /// Returns the number of frames.
    pub(crate) fn replay(&mut self, peer: PeerId, places: &Places) -> usize {
        let Some(outbox) = self.peers.get(&peer) else {
            return 0;
        };
        let mut frames = 0;
        for entry in self.recent.iter_mut() {
            if entry.note.origin != peer && places.concerns(&entry.note.receivers, peer) {
                let _closing = outbox.send_frame(&entry.frame);
                frames += 1;
            }
        }
        frames
    }
}

/// The frame as it is passed on: number 0, since it answers nothing (PROTOCOL.md, "Sequence numbers").
fn unnumbered(pdu: &Pdu) -> Bytes {
    if pdu.seq_num() == 0 {
        return pdu.to_frame();
    }
    Pdu::from_body(pdu.command(), 0, pdu.body.clone()).to_frame()
}

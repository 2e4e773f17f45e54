//! Passing frames on, and passing them on again to a msg_server that was away.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use im_base::net::Outbox;
use im_base::peer::Recent;
use im_base::telemetry::metrics::FORGOTTEN;
use metrics::counter;
use proto::Pdu;
use proto::ids::UserId;
use smallvec::SmallVec;

use crate::presence::{PeerId, Presence};

/// The users a frame is for: one, or the two of a conversation.
pub(crate) type Receivers = SmallVec<[UserId; 2]>;

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
    /// Returns the number of copies.
    pub(crate) fn pass_on(
        &mut self,
        origin: PeerId,
        receivers: Receivers,
        presence: &Presence,
        pdu: &Pdu,
        lasting: Lasting,
    ) -> usize {
        let mut targets: SmallVec<[PeerId; 4]> = SmallVec::new();
        for peer in receivers.iter().flat_map(|user| presence.peers(*user)) {
            if peer != origin && !targets.contains(&peer) {
                targets.push(peer);
            }
        }
        let frame = unnumbered(pdu);
        let copies = targets
            .iter()
            .filter(|peer| self.send(**peer, &frame))
            .count();
        if lasting == Lasting::Yes {
            let early = self.recent.keep(frame, Note { origin, receivers });
            if early > 0 {
                counter!(FORGOTTEN, "peer" => "msg_server").increment(early as u64);
            }
        }
        copies
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
    pub(crate) fn replay(&mut self, peer: PeerId, presence: &Presence) -> usize {
        let Some(outbox) = self.peers.get(&peer) else {
            return 0;
        };
        let mut frames = 0;
        for entry in self.recent.iter_mut() {
            let concerns = |user: &UserId| presence.peers(*user).any(|at| at == peer);
            if entry.note.origin != peer && entry.note.receivers.iter().any(concerns) {
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

//! Which msg_servers need the messages of which group.

use std::collections::HashMap;

use proto::ids::GroupId;
use smallvec::SmallVec;

use crate::presence::PeerId;

/// The peers that have a member of a group online, as they say themselves. Owned by [`Route`](crate::route::Route); a
/// pure table. Members are not known here: a peer knows its own.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    groups: HashMap<GroupId, SmallVec<[PeerId; 4]>, ahash::RandomState>,
}

impl Interest {
    /// The peer needs the group's messages from now on. Saying so twice changes nothing.
    pub(crate) fn begin(&mut self, peer: PeerId, group: GroupId) {
        let peers = self.groups.entry(group).or_default();
        if !peers.contains(&peer) {
            peers.push(peer);
        }
    }

    /// The peer has no member of the group any more.
    pub(crate) fn end(&mut self, peer: PeerId, group: GroupId) {
        if let Some(peers) = self.groups.get_mut(&group) {
            peers.retain(|at| *at != peer);
            if peers.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    /// The peer is gone.
    pub(crate) fn lose(&mut self, peer: PeerId) {
        self.groups.retain(|_, peers| {
            peers.retain(|at| *at != peer);
            !peers.is_empty()
        });
    }

    /// The peers that need the group's messages.
    pub(crate) fn peers(&self, group: GroupId) -> &[PeerId] {
        self.groups.get(&group).map_or(&[], |peers| peers)
    }

    /// Groups that anybody needs.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: u32) -> GroupId {
        GroupId::new(id).unwrap()
    }

    #[test]
    fn interest_ends_by_word_or_with_the_peer_and_leaves_nothing() {
        let mut interest = Interest::default();
        let (a, b) = (PeerId(1), PeerId(2));
        interest.begin(a, group(1));
        interest.begin(a, group(1));
        interest.begin(b, group(1));
        interest.begin(b, group(2));
        assert_eq!(interest.peers(group(1)), [a, b]);
        interest.end(a, group(1));
        interest.end(a, group(2));
        interest.end(a, group(3));
        assert_eq!(interest.peers(group(1)), [b]);
        assert_eq!(interest.len(), 2);
        interest.lose(b);
        assert_eq!(interest.peers(group(2)), []);
        assert_eq!(interest.len(), 0);
    }
}

//! Who is online where.

use std::collections::HashMap;

use proto::device::{DeviceSet, DeviceType};
use proto::ids::UserId;
use smallvec::SmallVec;

/// One connection of a msg_server; a msg_server that reconnects is a new peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PeerId(pub(crate) u32);

/// The devices of each user by the peer that has them. Owned by [`Route`](crate::route::Route); a pure table.
///
/// Most users are on one msg_server, so one place is kept without an allocation.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    users: HashMap<UserId, SmallVec<[(PeerId, DeviceSet); 1]>, ahash::RandomState>,
}

/// What others can see of a user: whether a desktop is connected (PROTOCOL.md, "Presence").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) was_online: bool,
    pub(crate) is_online: bool,
}

impl Presence {
    /// A device of the user is connected to the peer. Saying so twice changes nothing.
    pub(crate) fn arrive(&mut self, peer: PeerId, user: UserId, device: DeviceType) -> Change {
        let places = self.users.entry(user).or_default();
        let was_online = any_desktop(places);
        match places.iter_mut().find(|(at, _)| *at == peer) {
            Some((_, devices)) => devices.insert(device),
            None => {
                let mut devices = DeviceSet::default();
                devices.insert(device);
                places.push((peer, devices));
            }
        }
        Change {
            was_online,
            is_online: any_desktop(places),
        }
    }

    /// The last connection of that type of device is gone from the peer.
    pub(crate) fn leave(&mut self, peer: PeerId, user: UserId, device: DeviceType) -> Change {
        let Some(places) = self.users.get_mut(&user) else {
            return Change {
                was_online: false,
                is_online: false,
            };
        };
        let was_online = any_desktop(places);
        if let Some((_, devices)) = places.iter_mut().find(|(at, _)| *at == peer) {
            devices.remove(device);
        }
        places.retain(|(_, devices)| !devices.is_empty());
        let is_online = any_desktop(places);
        if places.is_empty() {
            self.users.remove(&user);
        }
        Change {
            was_online,
            is_online,
        }
    }

    /// The peer is gone, and every device with it. Returns the users who are offline now and were not.
    pub(crate) fn lose(&mut self, peer: PeerId) -> Vec<UserId> {
        let mut offline = Vec::new();
        self.users.retain(|user, places| {
            let was_online = any_desktop(places);
            places.retain(|(at, _)| *at != peer);
            if was_online && !any_desktop(places) {
                offline.push(*user);
            }
            !places.is_empty()
        });
        offline
    }

    /// Whether the peer has a device of anybody.
    pub(crate) fn has_any(&self, peer: PeerId) -> bool {
        let mut places = self.users.values().flatten();
        places.any(|(at, _)| *at == peer)
    }

    /// The peers that have a device of the user.
    pub(crate) fn peers(&self, user: UserId) -> impl Iterator<Item = PeerId> {
        self.users
            .get(&user)
            .into_iter()
            .flatten()
            .map(|(peer, _)| *peer)
    }

    /// Whether others see the user as online.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.users
            .get(&user)
            .is_some_and(|places| any_desktop(places))
    }

    /// Everybody who is online for others.
    pub(crate) fn online(&self) -> impl Iterator<Item = UserId> {
        self.users
            .iter()
            .filter(|(_, places)| any_desktop(places))
            .map(|(user, _)| *user)
    }

    /// Users with any device.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }
}

fn any_desktop(places: &[(PeerId, DeviceSet)]) -> bool {
    places.iter().any(|(_, devices)| devices.has_desktop())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    fn device(raw: u8) -> DeviceType {
        DeviceType::parse(raw.into()).unwrap()
    }

    #[test]
    fn a_phone_is_not_online_for_others_and_a_second_desktop_changes_nothing() {
        let mut presence = Presence::default();
        let (a, b) = (PeerId(1), PeerId(2));
        let step = |was_online, is_online| Change {
            was_online,
            is_online,
        };
        assert_eq!(
            presence.arrive(a, user(7), device(0x11)),
            step(false, false)
        );
        assert_eq!(presence.arrive(a, user(7), device(0x01)), step(false, true));
        assert_eq!(presence.arrive(b, user(7), device(0x02)), step(true, true));
        assert_eq!(presence.leave(a, user(7), device(0x01)), step(true, true));
        assert_eq!(presence.lose(b), [user(7)]);
        assert_eq!(presence.peers(user(7)).collect::<Vec<_>>(), [a]);
        assert_eq!(presence.leave(a, user(7), device(0x11)), step(false, false));
        assert_eq!(presence.len(), 0);
        assert_eq!(presence.leave(a, user(7), device(0x11)), step(false, false));
    }

    proptest! {
        /// Against the obvious model: a set of (peer, user, device).
        #[test]
        fn equals_a_set_of_devices(steps in proptest::collection::vec((0u8..4, 1u32..4, 1u32..6, 0usize..4), 1..200)) {
            let mut presence = Presence::default();
            let mut model: BTreeSet<(u32, u32, u8)> = BTreeSet::new();
            let online = |model: &BTreeSet<(u32, u32, u8)>, id: u32| {
                model.iter().any(|(_, user, raw)| *user == id && raw & 0x10 == 0)
            };
            for (kind, peer, id, at) in steps {
                let raw = DeviceType::KNOWN[at];
                let before = online(&model, id);
                match kind {
                    0 | 1 => {
                        model.insert((peer, id, raw));
                        let change = presence.arrive(PeerId(peer), user(id), device(raw));
                        prop_assert_eq!(change, Change { was_online: before, is_online: online(&model, id) });
                    }
                    2 => {
                        model.remove(&(peer, id, raw));
                        let change = presence.leave(PeerId(peer), user(id), device(raw));
                        prop_assert_eq!(change, Change { was_online: before, is_online: online(&model, id) });
                    }
                    _ => {
                        let ids: BTreeSet<u32> = (1..6).filter(|id| online(&model, *id)).collect();
                        model.retain(|(at, _, _)| *at != peer);
                        let gone: BTreeSet<u32> = ids.into_iter().filter(|id| !online(&model, *id)).collect();
                        let lost: BTreeSet<u32> = presence.lose(PeerId(peer)).into_iter().map(UserId::get).collect();
                        prop_assert_eq!(lost, gone);
                    }
                }
                let users: BTreeSet<u32> = model.iter().map(|(_, id, _)| *id).collect();
                prop_assert_eq!(presence.len(), users.len());
            }
        }
    }
}

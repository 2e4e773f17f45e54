//! The server's state and the life of one msg_server's connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{self, Router};
use im_base::net::listener::{self, ConnectionLimits};
use im_base::net::socket::TcpListener;
use im_base::net::tls::Acceptor;
use im_base::net::{CloseReason, Connection, Outbox, Pace, Stream};
use im_base::shutdown::Shutdown;
use im_base::telemetry::metrics::{GROUPS_ONLINE, ONLINE_USERS, RELAYS, REPLAYS};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use proto::decoder::MAX_SERVER_FRAME;
use proto::device::DeviceType;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{UserStat, UserStatType};
use proto::im::buddy::ImUserStatNotify;
use proto::im::ext::other::ImPeerLost;
use proto::im::server::ImServerPcLoginStatusNotify;
use proto::{Body, Pdu};
use smallvec::SmallVec;
use tracing::info;

use crate::handlers;
use crate::presence::PeerId;
use crate::relay::{Lasting, Places, Receivers, Relay};

/// Bytes that may wait for one msg_server; one that lets more gather is hung up on and announces itself anew.
const OUTBOX_BYTES: usize = 64 * 1024 * 1024;

/// Everything a route_server knows. One lock for presence and peers together: a notice and the change it tells of
/// must reach the peers' outboxes in the same order. It is held for table work only, never across an await.
#[derive(Default)]
pub(crate) struct Route {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: Places,
    relay: Relay,
}

/// Who is to see a change of presence, as the user's msg_server says: everybody, or these only (PROTOCOL.md,
/// "Presence"). Passed on and not looked at.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    pub(crate) users: Vec<u32>,
    pub(crate) by_contact: Option<bool>,
}

/// One msg_server's connection, as handlers see it.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) route: Arc<Route>,
}

impl Actor for Peer {}

/// Accepts msg_servers.
pub(crate) fn accept(listener: TcpListener, tls: Option<Acceptor>, shutdown: &Shutdown) {
    let route = Arc::new(Route::default());
    let router = Arc::new(handlers::router());
    let next_id = AtomicU32::new(1);
    let ending = shutdown.clone();
    listener::accept(
        listener,
        "servers",
        ConnectionLimits::NONE,
        tls,
        shutdown,
        move |stream, address| {
            let peer = Peer {
                id: PeerId(next_id.fetch_add(1, Ordering::Relaxed)),
                route: route.clone(),
            };
            serve(stream, address, peer, router.clone(), ending.clone())
        },
    );
}

async fn serve(
    stream: Stream,
    address: SocketAddr,
    peer: Peer,
    router: Arc<Router<Peer>>,
    shutdown: Shutdown,
) -> CloseReason {
    let outbox = Outbox::new(OUTBOX_BYTES);
    let mut connection = Connection::new(stream, outbox.clone(), Pace::SERVERS, MAX_SERVER_FRAME);
    info!(%address, peer = peer.id.0, "msg_server connected");
    peer.route.state.lock().relay.add(peer.id, outbox);

    let end = async {
        shutdown.draining().await;
        CloseReason::SHUTDOWN
    };
    // Every handler answers on the spot: nothing is ever in flight, one place is enough.
    let (reason, leftover) = dispatch::serve(&mut connection, &router, &peer, 1, end).await;
    leftover.finish().await;
    if reason == CloseReason::SHUTDOWN {
        // Everybody is being hung up on, and nobody goes offline by that.
        peer.route.forget(peer.id);
    } else {
        peer.route.lose(peer.id, connection.silent_for());
    }
    connection.close(reason).await;
    info!(%address, peer = peer.id.0, ?reason, "msg_server gone");
    reason
}

impl Route {
    /// A user's device came to a peer or went from it. Every peer is told what others can see of it, and who of them is
    /// to see it.
    pub(crate) fn update(
        &self,
        peer: PeerId,
        user: UserId,
        device: DeviceType,
        arrived: bool,
        audience: Audience,
    ) {
        let mut state = self.state.lock();
        let presence = &mut state.places.presence;
        let change = if arrived {
            presence.arrive(peer, user, device)
        } else {
            presence.leave(peer, user, device)
        };
        gauge!(ONLINE_USERS).set(presence.len() as f64);
        if change.was_online != change.is_online {
            let frame = status(user, change.is_online, audience);
            state.relay.broadcast(&frame);
        }
        let last_desktop_went = !device.is_mobile() && !change.is_online;
        if change.is_online && arrived || last_desktop_went && !arrived {
            state.tell_phones(user, change.is_online);
        }
    }

    /// A peer has announced everybody it has. It is told who else is online, and gets what it may have missed.
    pub(crate) fn announced(&self, peer: PeerId) {
        let mut state = self.state.lock();
        for user in state.places.presence.online() {
            let frame = status(user, true, Audience::default());
            state.relay.send(peer, &frame);
        }
        let State { places, relay } = &mut *state;
        let frames = relay.replay(peer, places);
        counter!(REPLAYS, "peer" => "msg_server").increment(frames as u64);
    }

    /// A peer is hung up on; nobody is told anything.
    fn forget(&self, peer: PeerId) {
        self.state.lock().relay.remove(peer);
    }

    /// A peer is gone, and its users with it. If it had any it did not end by itself, and the others are told to look for what
    /// it may not have passed on: since it was last heard, which for one that takes nothing any more may be long ago.
    fn lose(&self, peer: PeerId, silent: Duration) {
        let mut state = self.state.lock();
        state.relay.remove(peer);
        if state.places.presence.has_any(peer) {
            let lost = ImPeerLost {
                silent_ms: Some(u32::try_from(silent.as_millis()).unwrap_or(u32::MAX)),
            };
            let frame = Pdu::new(&lost, 0).to_frame();
            state.relay.broadcast(&frame);
        }
        state.places.interest.lose(peer);
        for user in state.places.presence.lose(peer) {
            let frame = status(user, false, Audience::default());
            state.relay.broadcast(&frame);
            state.tell_phones(user, false);
        }
        gauge!(ONLINE_USERS).set(state.places.presence.len() as f64);
    }

    /// A peer has got a first member of these groups online, and has lost the last one of those.
    pub(crate) fn interest(&self, peer: PeerId, begun: &[GroupId], ended: &[GroupId]) {
        let mut state = self.state.lock();
        let interest = &mut state.places.interest;
        begun.iter().for_each(|group| interest.begin(peer, *group));
        ended.iter().for_each(|group| interest.end(peer, *group));
        gauge!(GROUPS_ONLINE).set(interest.len() as f64);
    }

    /// Who is in a group has changed: every peer is told. Peers that have one of the members are taken to need the
    /// group's messages from this moment on: one may follow before they can say so.
    pub(crate) fn members<M: Body>(
        &self,
        origin: PeerId,
        group: GroupId,
        members: &[u32],
        pdu: &Pdu,
    ) {
        let mut state = self.state.lock();
        let Places { presence, interest } = &mut state.places;
        for user in members.iter().copied().filter_map(UserId::new) {
            for peer in presence.peers(user) {
                interest.begin(peer, group);
            }
        }
        drop(state);
        self.pass_on::<M>(origin, Receivers::Everybody, pdu, Lasting::Yes);
    }

    /// Passes a frame on to the peers that have a device of a receiver. Returns those who got a copy.
    pub(crate) fn pass_on<M: Body>(
        &self,
        origin: PeerId,
        receivers: Receivers,
        pdu: &Pdu,
        lasting: Lasting,
    ) -> SmallVec<[PeerId; 4]> {
        let mut state = self.state.lock();
        let State { places, relay } = &mut *state;
        let copies = relay.pass_on(origin, receivers, places, pdu, lasting);
        drop(state);
        counter!(RELAYS, "command" => M::COMMAND.name).increment(copies.len() as u64);
        copies
    }

    /// What others see of some users, in the order of the question.
    pub(crate) fn status(&self, users: &[u32]) -> Vec<UserStat> {
        let state = self.state.lock();
        let presence = &state.places.presence;
        let is_online = |id: u32| UserId::new(id).is_some_and(|user| presence.is_online(user));
        users
            .iter()
            .map(|id| user_stat(*id, is_online(*id)))
            .collect()
    }
}

impl State {
    /// Phones of a user learn whether a desktop of theirs is there (PROTOCOL.md, "Presence").
    fn tell_phones(&self, user: UserId, is_online: bool) {
        let notice = ImServerPcLoginStatusNotify {
            user_id: user.get(),
            login_status: u32::from(is_online),
        };
        let frame = Pdu::new(&notice, 0).to_frame();
        for peer in self.places.presence.peers(user) {
            self.relay.send(peer, &frame);
        }
    }
}

fn user_stat(user_id: u32, is_online: bool) -> UserStat {
    let status = if is_online {
        UserStatType::UserStatusOnline
    } else {
        UserStatType::UserStatusOffline
    };
    UserStat {
        user_id,
        status: status as i32,
    }
}

fn status(user: UserId, is_online: bool, audience: Audience) -> bytes::Bytes {
    let notice = ImUserStatNotify {
        user_stat: user_stat(user.get(), is_online),
        audience: audience.users,
        by_contact: audience.by_contact,
    };
    Pdu::new(&notice, 0).to_frame()
}

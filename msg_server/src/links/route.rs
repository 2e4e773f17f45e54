//! route_server: who is online where, and the way to devices on other msg_servers.

mod confirm;
mod hello;

use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use im_base::dispatch::Router;
use im_base::dispatch::router::Actor;
use im_base::peer::{CallError, Link, LinkConfig, Pool, Recent};
use im_base::telemetry::metrics::{FORGOTTEN, REPLAYS};
use metrics::counter;
use parking_lot::Mutex;
use proto::device::DeviceType;
use proto::ids::UserId;
use proto::im::base_define::{KickReasonType, UserStat, UserStatType};
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use proto::im::ext::group::ImGroupInterest;
use proto::im::ext::other::ImFramesLost;
use proto::im::server::{ImServerKickUser, ImUserStatusUpdate};
use proto::{Body, Pdu, Role};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::confirm::Confirm;
use self::hello::RoutePeer;
use crate::handlers;
use crate::missed::Pulse;
use crate::presence::{Presence, user_stat};
use crate::roster::Roster;
use crate::server::MsgServer;
use crate::session::Authed;

/// What a link took for longer than this before it was lost has got through it: one that hangs is noticed before.
const IN_A_HANGING_LINK: Duration = Duration::from_secs(10);

/// The route_servers. All know all presence; the frames of one conversation go over one of those that are up, so
/// that they keep their order.
///
/// What is relayed is remembered for half a minute and sent again when the link that took it is lost: a route_server
/// that dies takes along what it had not passed on yet. What no link took waits for one. Receivers drop what they have
/// seen.
pub(crate) struct Routes {
    pool: OnceLock<Pool>,
    within: Duration,
    roster: Mutex<Roster>,
    /// With each frame the place of the link that took it, if one did.
    recent: Mutex<Recent<Option<usize>>>,
    /// Frames from then on may not have reached other msg_servers, which are to be told.
    lost_since: Mutex<Option<Instant>>,
    confirm: Confirm,
    router: Router<Pushed>,
}

/// What handlers of pushed frames get: us, and the link it came over.
#[derive(Clone)]
pub(crate) struct Pushed {
    pub(crate) server: Arc<MsgServer>,
    pub(crate) link: usize,
}

impl Actor for Pushed {}

impl Routes {
    /// Without links yet. A request takes at most `within`.
    pub(crate) fn new(within: Duration) -> Self {
        Self {
            pool: OnceLock::new(),
            within,
            roster: Mutex::default(),
            recent: Mutex::new(Recent::holding(Option::is_none)),
            lost_since: Mutex::default(),
            confirm: Confirm::default(),
            router: handlers::route_router(),
        }
    }

    /// Starts the links. What they push needs the whole server.
    pub(crate) fn start(server: &Arc<MsgServer>, addresses: &[String], link: &LinkConfig) {
        let start = |(at, address): (usize, &String)| {
            let peer = Arc::new(RoutePeer::new(server.clone(), at));
            Link::start(
                Role::RouteServer,
                address.clone(),
                link.clone(),
                peer,
                &server.shutdown,
            )
        };
        let links = addresses.iter().enumerate().map(start).collect();
        server.routes.pool.get_or_init(|| Pool::new(links));
        let confirming = server.clone();
        server.shutdown.background().spawn("confirm", async move {
            let routes = &confirming.routes;
            if let Some(pool) = routes.pool.get() {
                routes.confirm.run(pool, &confirming.shutdown).await;
            }
        });
        let settling = server.clone();
        server.shutdown.background().spawn("roster", async move {
            let mut tick = interval(Duration::from_secs(1));
            tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut pulse = Pulse::new(Instant::now());
            loop {
                tokio::select! {
                    _ = tick.tick() => {
                        if let Some(since) = pulse.beat(Instant::now()) {
                            settling.missed.suspect(since);
                        }
                        settling.routes.settle(&settling.presence);
                        settling.routes.tell_of_losses();
                    }
                    () = settling.shutdown.stopping() => return,
                }
            }
        });
    }

    /// Whether any route_server is connected.
    pub(crate) fn is_up(&self) -> bool {
        self.pool.get().is_some_and(Pool::is_up)
    }

    /// Tells every route_server that a session came or went, and who is to hear of it.
    pub(crate) fn announce(&self, session: &Authed, arrived: bool) {
        let status = if arrived {
            UserStatType::UserStatusOnline
        } else {
            UserStatType::UserStatusOffline
        };
        // What a phone does nobody else sees.
        let audience = match session.device.is_mobile() {
            true => None,
            false => session.circle.audience(),
        };
        self.tell_all(&ImUserStatusUpdate {
            user_status: status as u32,
            user_id: session.user_id().get(),
            client_type: session.device.raw(),
            by_contact: audience.is_some().then_some(true),
            audience: raw_ids(audience.as_deref()),
        });
    }

    /// Completes when the route_servers know what was announced to them before, so that whatever they pass on from then on
    /// comes here too; or half a second later, if one of them does not say so. Cancel-safe.
    pub(crate) async fn announced(&self) {
        self.confirm.wait().await;
    }

    /// Tells every route_server which groups have a first member here now, and which have none any more.
    pub(crate) fn interest(&self, begun: &[u32], ended: &[u32]) {
        self.tell_all(&ImGroupInterest {
            begun: begun.to_vec(),
            ended: ended.to_vec(),
        });
    }

    fn tell_all<M: Body>(&self, message: &M) {
        let frame = Pdu::new(message, 0).to_frame();
        for link in self.pool.get().into_iter().flat_map(Pool::links) {
            // A link that is down tells everything when it comes up.
            let _down = link.send_frame(&frame);
        }
    }

    /// Sends a frame on to the msg_servers that need it, over the route_server that has `key` now. With none of them
    /// up it waits, within the bounds of [`Recent`]. Returns the place of the link that took it.
    pub(crate) fn relay(&self, key: impl Hash, frame: Bytes) -> Option<usize> {
        let mut recent = self.recent.lock();
        let taken_by = self.send_over_one(&key, &frame);
        let early = recent.keep(frame, taken_by);
        if early > 0 {
            counter!(FORGOTTEN, "peer" => "route_server").increment(early as u64);
            if taken_by.is_none() {
                recent
                    .forgotten_early()
                    .into_iter()
                    .for_each(|at| self.lost(at));
            }
        }
        taken_by
    }

    /// Frames that were to be passed on from then on are gone, or there never were any of something that is stored. The
    /// other msg_servers are told to look into the store, within a second or when a route_server is back.
    pub(crate) fn lost(&self, since: Instant) {
        let mut lost_since = self.lost_since.lock();
        *lost_since = Some(lost_since.map_or(since, |earlier| earlier.min(since)));
    }

    fn tell_of_losses(&self) {
        if !self.is_up() {
            return;
        }
        let lost_since = self.lost_since.lock().take();
        if let Some(since) = lost_since {
            let age = since.elapsed().as_millis();
            let lost = ImFramesLost {
                max_age_ms: u32::try_from(age).unwrap_or(u32::MAX),
            };
            self.relay_message((), &lost);
        }
    }

    /// As [`relay`](Self::relay), for what is worth nothing a moment later: it is sent now or not at all.
    pub(crate) fn relay_once(&self, key: impl Hash, frame: &[u8]) {
        let _sent_or_not = self.send_over_one(key, frame);
    }

    /// Displaces a user's sessions of a class on other msg_servers that logged in before `login_stamp`.
    pub(crate) fn displace_elsewhere(
        &self,
        user: UserId,
        device: DeviceType,
        login_stamp: u64,
        reason: KickReasonType,
    ) {
        let kick = ImServerKickUser {
            user_id: user.get(),
            client_type: device.raw(),
            reason: reason as u32,
            login_stamp: Some(login_stamp),
        };
        self.relay_message(user, &kick);
    }

    /// Sends a frame over the link that has `key` now; returns the link's place.
    fn send_over_one(&self, key: impl Hash, frame: &[u8]) -> Option<usize> {
        let pool = self.pool.get()?;
        let link = pool.pick(key)?;
        link.send_frame(frame).ok()?;
        pool.links()
            .iter()
            .position(|other| Arc::ptr_eq(other, link))
    }

    /// As [`relay`](Self::relay), for a message.
    pub(crate) fn relay_message<M: Body>(&self, key: impl Hash, message: &M) {
        self.relay(key, Pdu::new(message, 0).to_frame());
    }

    /// Which of some users are online, in the order of the question: asked of a route_server, or answered from what
    /// they told us when none answers.
    pub(crate) async fn users_status(&self, request: ImUsersStatReq) -> ImUsersStatRsp {
        let link = self
            .pool
            .get()
            .and_then(|pool| pool.pick(request.user_id))
            .cloned();
        let answer = match link {
            Some(link) => link.call(&request, self.within).await,
            None => Err(CallError::NotConnected),
        };
        answer.unwrap_or_else(|_: CallError| self.status_from_roster(request))
    }

    fn status_from_roster(&self, request: ImUsersStatReq) -> ImUsersStatRsp {
        let roster = self.roster.lock();
        let is_online = |id: u32| UserId::new(id).is_some_and(|user| roster.is_online(user));
        let stat = |user_id: u32| UserStat {
            user_id,
            status: user_stat(is_online(user_id)),
        };
        let user_stat_list = request.user_id_list.iter().map(|id| stat(*id)).collect();
        ImUsersStatRsp {
            user_id: request.user_id,
            user_stat_list,
            attach_data: None,
        }
    }

    /// A route_server tells a user's state; clients are told if it is news.
    pub(crate) fn heard(
        &self,
        link: usize,
        user: UserId,
        is_online: bool,
        audience: Option<Vec<UserId>>,
        presence: &Presence,
    ) {
        // Told on under the lock, so that two changes of one user reach clients in their order.
        let mut roster = self.roster.lock();
        if roster.heard(link, user, is_online) {
            presence.changed(user, is_online, audience);
        }
    }

    fn settle(&self, presence: &Presence) {
        let mut roster = self.roster.lock();
        for user in roster.settle(Instant::now()) {
            presence.changed(user, false, None);
        }
    }

    /// Sends again what went over the lost link, or over none.
    fn send_again(&self, lost: usize, send: impl Fn(&[u8]) -> Option<usize>) {
        let mut recent = self.recent.lock();
        let mut frames = 0;
        for entry in recent.iter_mut() {
            if entry.note.is_none_or(|taken_by| taken_by == lost) {
                entry.note = send(&entry.frame);
                frames += u64::from(entry.note.is_some());
            }
        }
        // What the lost link had taken and is not remembered any more may not have got further.
        let forgotten = recent.forgotten_early();
        if let Some(at) = forgotten.filter(|at| at.elapsed() < IN_A_HANGING_LINK) {
            self.lost(at.checked_sub(IN_A_HANGING_LINK).unwrap_or(at));
        }
        drop(recent);
        counter!(REPLAYS, "peer" => "route_server").increment(frames);
    }
}

/// Nobody in particular is nobody at all: the flag beside the list says which.
pub(crate) fn raw_ids(users: Option<&[UserId]>) -> Vec<u32> {
    let users = users.unwrap_or_default().iter();
    users.map(|user| user.get()).collect()
}

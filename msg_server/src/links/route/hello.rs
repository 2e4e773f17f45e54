//! A link to a route_server: what is said when it stands, and what follows from its loss.

use std::sync::Arc;
use std::time::Duration;

use im_base::dispatch::router::Answer;
use im_base::net::{Outbox, Pace};
use im_base::peer::{Link, Peer};
use parking_lot::Mutex;
use proto::Pdu;
use proto::device::DeviceType;
use proto::ids::UserId;
use proto::im::base_define::{ServerUserStat, UserStatType};
use proto::im::ext::group::ImGroupInterest;
use proto::im::server::{ImOnlineUserInfo, ImRoleSet};
use tokio::time::Instant;

use super::Pushed;
use crate::server::MsgServer;

/// A link that was away longer than this may have missed what route_server does not keep that long.
const LONG_AWAY: Duration = Duration::from_secs(20);

/// Groups in one frame when a link comes up.
const GROUPS_PER_FRAME: usize = 50_000;

/// [`Routes`](super::Routes) as one of its links sees it.
pub(super) struct RoutePeer {
    server: Arc<MsgServer>,
    /// The link's place among the others.
    at: usize,
    down_since: Mutex<Option<Instant>>,
}

impl RoutePeer {
    pub(super) fn new(server: Arc<MsgServer>, at: usize) -> Self {
        Self {
            server,
            at,
            down_since: Mutex::default(),
        }
    }
}

impl Peer for RoutePeer {
    /// Says who is logged in here, then that this was all, then what could not be said before.
    fn connected(&self, _link: &Link, outbox: &Outbox) {
        let server = &self.server;
        let routes = &server.routes;
        routes.roster.lock().link_up(self.at, Instant::now());
        // A fresh connection has room for its hello; one that has not is closed as a slow reader and redialled.
        server.users.each(|user, devices| {
            let user_stat_list = devices.iter().map(|device| online(user, device)).collect();
            let _full = outbox.send(&ImOnlineUserInfo { user_stat_list }, 0);
        });
        for begun in server.groups.members.groups().chunks(GROUPS_PER_FRAME) {
            let interest = ImGroupInterest {
                begun: begun.to_vec(),
                ended: Vec::new(),
            };
            let _full = outbox.send(&interest, 0);
        }
        let _full = outbox.send(&ImRoleSet { master: 1 }, 0);
        routes.send_again(self.at, |frame| {
            outbox.send_frame(frame).ok().map(|()| self.at)
        });
        let down_since = self.down_since.lock().take();
        if let Some(since) = down_since {
            server.missed.suspect(since);
        }
        if down_since.is_some_and(|since| since.elapsed() > LONG_AWAY) {
            let server = self.server.clone();
            let ask = async move { server.ask_for_groups().await };
            self.server.shutdown.sessions().spawn("groups anew", ask);
        }
    }

    fn disconnected(&self, link: &Link) {
        let routes = &self.server.routes;
        let now = Instant::now();
        // One of another make, or an older one, may have hung that long already.
        let since = match link.is_paced() {
            true => now,
            false => now.checked_sub(Pace::SERVERS.silence).unwrap_or(now),
        };
        self.down_since.lock().get_or_insert(since);
        let mut roster = routes.roster.lock();
        for user in roster.link_down(self.at, Instant::now()) {
            self.server.presence.changed(user, false, None);
        }
        drop(roster);
        routes.send_again(self.at, |frame| routes.send_over_one(self.at, frame));
    }

    fn received(&self, _link: &Link, pdu: Pdu) {
        let pushed = Pushed {
            server: self.server.clone(),
            link: self.at,
        };
        match self.server.routes.router.dispatch(&pushed, &pdu, false) {
            // Nothing that a route_server pushes is answered, and none of it is worth the link.
            Answer::Done(_) | Answer::Close(_) => {}
            Answer::Later(_) | Answer::Hold(_) => {
                unreachable!("the table has handlers that answer on the spot only")
            }
        }
    }
}

fn online(user: UserId, device: DeviceType) -> ServerUserStat {
    ServerUserStat {
        user_id: user.get(),
        status: UserStatType::UserStatusOnline as i32,
        client_type: device.raw(),
    }
}

//! What a msg_server is made of.

use std::sync::Arc;

use im_base::peer::LinkConfig;
use im_base::shutdown::Shutdown;
use proto::ids::UserId;

use crate::config::{Config, LimitsConfig};
use crate::drain::drain;
use crate::fanout::Fanout;
use crate::groups::Groups;
use crate::links::{Db, Logins, Routes};
use crate::missed::Missed;
use crate::presence::Presence;
use crate::reach::Reach;
use crate::session::Session;
use crate::users::{Users, Watcher};

/// The parts that sessions and handlers work with. One per process, shared, immutable: each part owns its own state.
pub(crate) struct MsgServer {
    pub(crate) limits: LimitsConfig,
    pub(crate) users: Arc<Users>,
    pub(crate) groups: Groups,
    pub(crate) fanout: Fanout,
    pub(crate) missed: Missed,
    pub(crate) reach: Reach,
    pub(crate) presence: Arc<Presence>,
    pub(crate) db: Arc<Db>,
    pub(crate) routes: Routes,
    pub(crate) logins: Arc<Logins>,
    pub(crate) shutdown: Shutdown,
}

impl MsgServer {
    /// Makes the parts and starts their links. `ports` are those where clients connect without TLS and with it, 0 where
    /// they don't.
    pub(crate) fn start(
        config: &Config,
        ports: [u16; 2],
        link: &LinkConfig,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        config.limits.show();
        let users = Arc::new(Users::default());
        let server = Arc::new(Self {
            limits: config.limits.clone(),
            groups: Groups::default(),
            fanout: Fanout::new(users.clone()),
            missed: Missed::default(),
            reach: Reach::default(),
            presence: Presence::start(&users, shutdown),
            db: Db::start(&config.peers.db, link, config.limits.request(), shutdown),
            routes: Routes::new(config.limits.request()),
            logins: Logins::start(&config.peers.login, &config.announce, ports, link, shutdown),
            users,
            shutdown: shutdown.clone(),
        });
        Routes::start(&server, &config.peers.route, link);
        shutdown.background().spawn("drain", drain(server.clone()));
        let looking = server.clone().look_for_missed();
        shutdown.background().spawn("missed messages", looking);
        server
    }
}

impl Watcher for MsgServer {
    fn came(&self, session: &Session) {
        self.routes.announce(session, true);
    }

    fn went(&self, session: &Session) {
        self.routes.announce(session, false);
    }

    fn gone(&self, user: UserId) {
        self.groups.members.go(user, |group| {
            self.routes.interest(&[], &[group.get()]);
        });
    }
}

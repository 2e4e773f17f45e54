//! What a msg_server is made of.

use std::net::SocketAddr;
use std::sync::Arc;

use im_base::shutdown::Shutdown;

use crate::config::{Config, LimitsConfig};
use crate::fanout::Fanout;
use crate::links::{Db, Logins, Routes};
use crate::users::Users;

/// The parts that sessions and handlers work with. One per process, shared, immutable: each part owns its own state.
pub(crate) struct MsgServer {
    pub(crate) limits: LimitsConfig,
    pub(crate) users: Arc<Users>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) db: Arc<Db>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) shutdown: Shutdown,
}

impl MsgServer {
    /// Makes the parts and starts their links. `clients` is where clients connect.
    pub(crate) fn start(config: &Config, clients: SocketAddr, shutdown: &Shutdown) -> Arc<Self> {
        let users = Arc::new(Users::default());
        let fanout = Arc::new(Fanout::new(users.clone()));
        Arc::new(Self {
            limits: config.limits.clone(),
            db: Db::start(&config.peers.db, config.limits.request(), shutdown),
            routes: Routes::start(
                &config.peers.route,
                config.limits.request(),
                fanout.clone(),
                shutdown,
            ),
            logins: Logins::start(
                &config.peers.login,
                &config.announce,
                clients.port(),
                shutdown,
            ),
            users,
            fanout,
            shutdown: shutdown.clone(),
        })
    }
}

//! login_server: it hands out our address and wants to know our load.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use im_base::net::Outbox;
use im_base::peer::{Link, LinkConfig, Peer, Pool};
use im_base::shutdown::Shutdown;
use parking_lot::Mutex;
use proto::ids::UserId;
use proto::im::ext::login::{ImServersReq, ImServersRsp, ServerAddress};
use proto::im::server::{ImMsgServInfo, ImUserCntUpdate};
use proto::{Pdu, Role};

use crate::config::AnnounceConfig;

/// Most servers to which clients are sent when this one ends.
const MAX_SERVERS: u32 = 16;

/// How long a login_server may take to name them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The login_servers. Logins do not need them: without one, clients that know our address are served all the same.
pub(crate) struct Logins {
    pool: OnceLock<Pool>,
    announcement: Mutex<ImMsgServInfo>,
}

impl Logins {
    pub(crate) fn start(
        addresses: &[String],
        announce: &AnnounceConfig,
        ports: [u16; 2],
        link: &LinkConfig,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let second = if announce.address2.is_empty() {
            &announce.address1
        } else {
            &announce.address2
        };
        let or = |announced: u16, own: u16| if announced == 0 { own } else { announced };
        let port = or(announce.port, ports[0]);
        let tls_port = or(announce.tls_port, ports[1]);
        let announcement = ImMsgServInfo {
            ip1: announce.address1.clone(),
            ip2: second.clone(),
            port: port.into(),
            max_conn_cnt: announce.capacity,
            cur_conn_cnt: 0,
            host_name: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            tls_port: (tls_port != 0).then_some(tls_port.into()),
        };
        let logins = Arc::new(Self {
            pool: OnceLock::new(),
            announcement: Mutex::new(announcement),
        });
        let start = |address: &String| {
            Link::start(
                Role::LoginServer,
                address.clone(),
                link.clone(),
                logins.clone(),
                shutdown,
            )
        };
        let links = addresses.iter().map(start).collect();
        logins.pool.get_or_init(|| Pool::new(links));
        logins
    }

    /// A session came (`true`) or went.
    pub(crate) fn load_changed(&self, user: UserId, came: bool) {
        // Counted and said under one lock: a link that connects meanwhile says either the number before or after.
        let mut announcement = self.announcement.lock();
        let count = &mut announcement.cur_conn_cnt;
        *count = if came {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
        let update = ImUserCntUpdate {
            user_action: if came { 1 } else { 2 },
            user_id: user.get(),
        };
        for link in self.links() {
            // A link that is down says the whole number when it comes up.
            let _down = link.send(&update);
        }
    }

    /// A server without capacity is handed out to nobody (PROTOCOL.md, "Draining"). Returns the others that have room, the
    /// emptiest first; nobody if no login_server says so.
    pub(crate) async fn drain(&self) -> Vec<ServerAddress> {
        self.announce_no_capacity();
        let request = ImServersReq { most: MAX_SERVERS };
        for link in self.pool.get().into_iter().flat_map(Pool::live) {
            // One of another make does not know the question.
            if link.is_paced()
                && let Ok(answer) = link.call::<_, ImServersRsp>(&request, PATIENCE).await
                // One that has just started knows nobody yet.
                && !answer.server.is_empty()
            {
                return answer.server;
            }
        }
        Vec::new()
    }

    fn announce_no_capacity(&self) {
        let mut announcement = self.announcement.lock();
        announcement.max_conn_cnt = 0;
        for link in self.links() {
            let _down = link.send(&*announcement);
        }
    }

    fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.pool.get().into_iter().flat_map(Pool::links)
    }
}

impl Peer for Logins {
    fn connected(&self, _link: &Link, outbox: &Outbox) {
        // A fresh connection has room for its hello.
        let _full = outbox.send(&*self.announcement.lock(), 0);
    }

    fn received(&self, _link: &Link, _pdu: Pdu) {
        // A login_server tells us nothing.
    }
}

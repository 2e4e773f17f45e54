//! What a case has: users, servers, and fresh connections.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use proto::im::base_define::ClientType;
use proto::im::login::ImLoginReq;
use proto::text;

use super::case::{Need, Outcome};
use super::device::Device;
use super::expect::{fail, same};
use super::link::{Link, Sent};
use super::transport::Server;
use crate::client::Target;

/// One of the users of a run, by place. At least four are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who(usize);

pub(crate) const ALICE: Who = Who(0);
pub(crate) const BOB: Who = Who(1);
pub(crate) const CAROL: Who = Who(2);
pub(crate) const DAVE: Who = Who(3);

/// An account, and its number once somebody has logged in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    /// As it goes over the wire.
    pub(crate) digest: String,
    pub(crate) id: u32,
}

/// Connections whose case is over; their sessions are ended before the next case begins.
pub(super) type Leavers = Arc<Mutex<Vec<Link>>>;

/// Everything that a case can use. It owns the list of connections to be ended; cases own those that they made.
pub struct Ctx {
    pub(super) servers: Vec<Server>,
    pub(super) login: Option<Target>,
    pub(super) packet: Option<Server>,
    pub(super) users: Vec<User>,
    pub(super) deadline: Duration,
    pub(super) ferrotalk: bool,
    /// Distinguishes this run's texts from those of others.
    pub(super) run: u32,
    pub(super) texts: AtomicU32,
    pub(super) sent: Sent,
    pub(super) leavers: Leavers,
}

impl Ctx {
    /// The user's number.
    pub(crate) fn id(&self, who: Who) -> u32 {
        self.users[who.0].id
    }

    /// The user's account.
    pub(crate) fn user(&self, who: Who) -> &User {
        &self.users[who.0]
    }

    /// Every user of the run.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = Who> {
        (0..self.users.len()).map(Who)
    }

    /// A number that no user has.
    pub(crate) fn nobody(&self) -> u32 {
        0x7fff_0000 | (self.run & 0xffff)
    }

    /// How long an expectation may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// login_server's HTTP address, where there is one.
    pub(crate) fn login_server(&self) -> Outcome<&Target> {
        match &self.login {
            Some(target) => Ok(target),
            None => super::expect::skip("no login_server is known"),
        }
    }

    /// login_server's packet port, where there is one.
    pub(crate) fn packet_port(&self) -> Outcome<&Server> {
        match &self.packet {
            Some(server) => Ok(server),
            None => super::expect::skip("no --packet address is given"),
        }
    }

    /// Why this cannot be had, if so.
    pub(super) fn lacks(&self, need: Need) -> Option<&'static str> {
        let (there, reason) = match need {
            Need::TwoServers => (
                self.servers.len() > 1,
                "only one msg_server is known; give a second one with --server",
            ),
            Need::LoginServer => (self.login.is_some(), "no login_server is known"),
            Need::PacketPort => (
                self.packet.is_some(),
                "login_server's packet port is not known; give it with --packet",
            ),
            Need::Tcp => (
                self.servers.iter().all(|server| server.websocket.is_none()),
                "the transport has message boundaries of its own",
            ),
            Need::Ferrotalk => (
                self.ferrotalk,
                "an extension of Ferrotalk, and this server is another one",
            ),
        };
        (!there).then_some(reason)
    }

    /// A text that nobody has sent before, enciphered as clients do.
    pub(crate) fn text(&self) -> Bytes {
        let text = format!("conform {}", self.word());
        Bytes::from(text::encrypt(&text, text::DEFAULT_KEY))
    }

    /// A word that nobody has used before.
    pub(crate) fn word(&self) -> String {
        let count = self.texts.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{count}", self.run)
    }

    /// A connection on which nobody is logged in.
    pub(crate) async fn connect(&self, server: usize) -> Outcome<Device> {
        let server = &self.servers[server.min(self.servers.len() - 1)];
        self.open(server).await
    }

    /// As [`connect`](Self::connect), to any address.
    pub(crate) async fn open(&self, server: &Server) -> Outcome<Device> {
        let opening = server.open();
        let expected = format!("a connection to {server}");
        match tokio::time::timeout(self.deadline, opening).await {
            Ok(Ok(stream)) => {
                let link = Link::new(stream, self.deadline, self.sent.clone());
                Ok(Device::new(link, self.leavers.clone()))
            }
            Ok(Err(error)) => fail(expected, error.to_string()),
            Err(_) => fail(expected, "no answer"),
        }
    }

    /// A desktop (Windows). Odd users are on the second msg_server, if there is one.
    pub(crate) async fn desktop(&self, who: Who) -> Outcome<Device> {
        self.login(who, ClientType::Windows, who.0 % 2).await
    }

    /// A phone (Android), on the other msg_server than the user's desktop, if there are two.
    pub(crate) async fn phone(&self, who: Who) -> Outcome<Device> {
        self.login(who, ClientType::Android, (who.0 + 1) % 2).await
    }

    /// A session of that kind on that msg_server, or on the only one.
    pub(crate) async fn login(&self, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
        let mut device = self.connect(server).await?;
        let answer = device.log_in(&self.login_request(who, kind as i32)).await?;
        same("result_code of the login", answer.result_code, 0)?;
        Ok(device)
    }

    /// Logs in with extensions, which have to be granted.
    pub(crate) async fn login_announcing(
        &self,
        who: Who,
        kind: ClientType,
        server: usize,
        capabilities: u64,
    ) -> Outcome<Device> {
        let mut device = self.connect(server).await?;
        let mut request = self.login_request(who, kind as i32);
        request.capabilities = Some(capabilities);
        let answer = device.log_in(&request).await?;
        same("result_code of the login", answer.result_code, 0)?;
        same("what is granted", answer.capabilities(), capabilities)?;
        Ok(device)
    }

    /// What a stock client sends to log in.
    pub(crate) fn login_request(&self, who: Who, client_type: i32) -> ImLoginReq {
        let user = self.user(who);
        ImLoginReq {
            user_name: user.name.clone(),
            password: user.digest.clone(),
            online_status: 1,
            client_type,
            client_version: Some("conform".into()),
            ..Default::default()
        }
    }

    /// Ends the sessions that the last case left, and waits until the server has closed them: the next case shall
    /// not meet them.
    pub(super) async fn tidy(&self) {
        let links = {
            // A list of links is whole whatever a panicking holder did.
            let mut leavers = self.leavers.lock();
            let leavers = leavers.as_mut().map(|links| std::mem::take(&mut **links));
            leavers.unwrap_or_default()
        };
        let leaving = links.into_iter().map(|mut link| async move {
            // Whoever cannot log out any more is gone.
            drop(super::device::log_out(&mut link).await);
        });
        join_all(leaving).await;
    }
}

/// Keeps a link until its session is ended.
pub(super) fn leave(leavers: &Leavers, link: Link) {
    let mut leavers = leavers.lock().unwrap_or_else(PoisonError::into_inner);
    leavers.push(link);
}

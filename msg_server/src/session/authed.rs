//! After the login: commands are dispatched until the session ends.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{self, HandlerError, Router};
use im_base::net::{CloseReason, Outbox, Pace};
use im_base::ratelimit::TokenBucket;
use parking_lot::Mutex;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::device::DeviceType;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::KickReasonType;
use proto::im::ext::login::ImReconnect;
use proto::im::login::ImKickUser;
use proto::{Body, Pdu, capability};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::unauthed::ClientConnection;
use crate::clock;
use crate::handlers::login::Login;
use crate::links::Lane;
use crate::presence::Circle;
use crate::server::MsgServer;
use crate::users::Sessions;

/// A logged-in session, shared by its own task, its requests in flight, and [`Users`](crate::users::Users).
pub(crate) type Session = Arc<Authed>;

/// With more than this many bytes queued, the next part of an answer waits.
const PART_HIGH_WATER: usize = 512 * 1024;

/// Between two looks whether it may go.
const PART_LOOK: Duration = Duration::from_millis(20);

const KICKED: CloseReason = CloseReason("kicked");

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Who is at the other end. It ends with its connection; whoever still holds it can only queue into a closed outbox.
pub(crate) struct Authed {
    /// Never used again in this process.
    pub(crate) id: u64,
    user_id: UserId,
    pub(crate) device: DeviceType,
    /// Where its client is.
    pub(crate) address: IpAddr,
    /// The extensions in use, a bit each (PROTOCOL.md, "Extensions").
    pub(crate) capabilities: u64,
    /// Nanoseconds since 1970: of two sessions that displace each other the later one stays.
    pub(crate) login_stamp: u64,
    /// When it began to be there for others.
    pub(crate) opened_at: Instant,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) server: Arc<MsgServer>,
    pub(crate) circle: Circle,
    /// What its client asks db_proxies to store.
    pub(crate) lane: Lane,
    /// Messages it may send. Locked for a moment once per message, by this session's own task.
    allowance: Mutex<TokenBucket>,
    ended: Notify,
    end_reason: Mutex<Option<CloseReason>>,
    /// Its client was told to log in elsewhere; see [`kick`].
    is_moving: AtomicBool,
    /// Nobody reads answers any more.
    is_over: AtomicBool,
    /// Messages of its client that are with the store, or back from there and not handed out yet.
    sending: AtomicUsize,
}

impl Actor for Authed {
    fn user_id(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Authed {
    pub(crate) fn user_id(&self) -> UserId {
        self.user_id
    }

    /// Whether this extension is in use.
    pub(crate) fn can(&self, capability: u64) -> bool {
        self.capabilities & capability != 0
    }

    /// Counts something that may be sent only so often.
    pub(crate) fn take_allowance(&self) -> Result<(), HandlerError> {
        let taken = self.allowance.lock().take();
        taken.map_err(|wait| HandlerError::TooSoon("too_fast", wait))
    }

    /// Takes more from the allowance than one message, for what has turned out to cost more.
    pub(crate) fn charge(&self, messages: f64) {
        self.allowance.lock().charge(messages);
    }

    /// Counts a message of its client as on its way until the guard is dropped.
    pub(crate) fn begin_sending(self: &Arc<Self>) -> OnItsWay {
        self.sending.fetch_add(1, Ordering::Relaxed);
        OnItsWay(self.clone())
    }

    /// Whether a message of its client is on its way. What the store has of it then may not be known here yet.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Acquire) > 0
    }

    /// Queues frames that the client did not ask for. False if it is told of nothing more.
    pub(crate) fn push(&self, frames: &[u8]) -> bool {
        self.outbox.push(frames).is_ok()
    }

    /// Queues one frame of an answer that has several, once most of what was queued before is on its way.
    pub(crate) async fn answer_part<M: Body>(
        &self,
        part: &M,
        seq_num: u16,
    ) -> Result<(), HandlerError> {
        while self.outbox.queued() > PART_HIGH_WATER && !self.is_over() {
            sleep(PART_LOOK).await;
        }
        let sent = self.outbox.send(part, seq_num);
        sent.map_err(|_closed| HandlerError::Refused("closed"))
    }

    /// Tells the client to log in elsewhere, if it is there still.
    pub(crate) fn move_on(&self, reconnect: &ImReconnect) {
        self.is_moving.store(true, Ordering::Relaxed);
        // One that closes just now is on its way already.
        self.push(&Pdu::new(reconnect, 0).to_frame());
    }

    /// Whether no further request is taken up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Ends the session: no further request is taken up, those in flight are finished, what is queued is written.
    pub(crate) fn end(&self, reason: CloseReason) {
        self.end_reason.lock().get_or_insert(reason);
        self.ended.notify_one();
    }

    async fn ended(&self) -> CloseReason {
        self.ended.notified().await;
        self.end_reason.lock().unwrap_or(CloseReason::SHUTDOWN)
    }
}

/// A message between its client and those to whom it is handed out.
pub(crate) struct OnItsWay(Session);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        // After what was noted as handed out meanwhile.
        self.0.sending.fetch_sub(1, Ordering::Release);
    }
}

/// Makes a session of a login, and makes it known.
pub(super) async fn enter(
    connection: &mut ClientConnection,
    mut login: Box<Login>,
    server: Arc<MsgServer>,
) -> Session {
    connection.set_deadline(None);
    connection.set_pace(Pace::client(
        server.limits.silence(login.device.is_mobile()),
    ));
    connection.set_max_frame(MAX_CLIENT_FRAME);
    connection.set_wants_reasons(login.capabilities & capability::NAK != 0);
    let session = Arc::new(Authed {
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        user_id: login.user_id,
        device: login.device,
        address: login.address,
        capabilities: login.capabilities,
        login_stamp: clock::login_stamp(),
        opened_at: Instant::now(),
        outbox: connection.outbox().clone(),
        circle: std::mem::replace(&mut login.circle, Circle::EVERYBODY),
        lane: Lane::default(),
        allowance: Mutex::new(TokenBucket::new(server.limits.messages())),
        server,
        ended: Notify::new(),
        end_reason: Mutex::new(None),
        is_moving: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
        sending: AtomicUsize::new(0),
    });
    open(&session, *login).await;
    session
}

/// Serves a session to its end; the caller closes the connection.
pub(super) async fn serve(
    connection: &mut ClientConnection,
    session: Session,
    router: &Router<Session>,
) -> CloseReason {
    if session.server.shutdown.is_draining() {
        // Too late for those who are moved one after the other.
        session.end(CloseReason::SHUTDOWN);
    }
    let end = pin!(session.ended());
    let in_flight = session.server.limits.in_flight;
    let (reason, leftover) = dispatch::serve(connection, router, &session, in_flight, end).await;
    session.is_over.store(true, Ordering::Relaxed);
    close(&session);
    leftover.finish().await;
    if reason == KICKED {
        linger(connection, session.server.limits.kick_grace()).await;
    }
    reason
}

/// Makes the session known: to everybody else first; then those it displaces are told; and when no route_server can pass a
/// message by us any more, the client, with whatever was pushed to it meanwhile behind the answer. So a message is either
/// stored when the client is told that it is logged in, and in the lists that it asks for then, or is pushed to it.
async fn open(session: &Session, login: Login) {
    let server = &session.server;
    let user_id = session.user_id;
    session.outbox.hold_pushes();
    let displaced = server.users.open(session, &**server, || {
        let members = &server.groups.members;
        let begun = members.come(user_id, &login.groups, login.asked_at);
        if !begun.is_empty() {
            let begun: Vec<u32> = begun.into_iter().map(GroupId::get).collect();
            server.routes.interest(&begun, &[]);
        }
    });
    server.logins.load_changed(user_id, true);
    kick(&displaced, KickReasonType::KickReasonDuplicateUser);
    let reason = KickReasonType::KickReasonDuplicateUser;
    server
        .routes
        .displace_elsewhere(user_id, session.device, session.login_stamp, reason);
    server.routes.announced().await;
    // A client that is gone already is noticed by its task.
    let _closing = session
        .outbox
        .send_and_release(&login.answer, login.seq_num);
}

fn close(session: &Session) {
    let server = &session.server;
    if server.users.close(session, &**server) {
        server.logins.load_changed(session.user_id, false);
    }
}

/// Tells displaced sessions so and ends them. They are out of [`Users`](crate::users::Users) already and get nothing
/// more; a client that does not hang up by itself is closed after a grace time.
///
/// A session whose client was told to log in elsewhere is displaced by just that, and what it sent before it knew is on its way:
/// it is served, without being pushed anything, until it hangs up or the time for moving is over.
pub(crate) fn kick(displaced: &Sessions, reason: KickReasonType) {
    for session in displaced {
        let moved = reason == KickReasonType::KickReasonDuplicateUser
            && session.is_moving.load(Ordering::Relaxed);
        if moved {
            session.server.logins.load_changed(session.user_id, false);
            continue;
        }
        let notice = ImKickUser {
            user_id: session.user_id.get(),
            kick_reason: reason as i32,
        };
        session.push(&Pdu::new(&notice, 0).to_frame());
        session.server.logins.load_changed(session.user_id, false);
        session.end(KICKED);
    }
}

/// Gives the client time to read why and to hang up. What it still sends is dropped.
async fn linger(connection: &mut ClientConnection, grace: Duration) {
    let hang_up = async { while connection.next().await.is_ok() {} };
    let _hung_up = timeout(grace, hang_up).await;
}

//! One link to a peer: dialled forever, greeted on each connect, watched, with calls and pushes on it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use metrics::{Gauge, counter, gauge};
use proto::decoder::MAX_SERVER_FRAME;
use proto::{Body, Pdu, Role};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::call::{CallError, Calls};
use crate::answer::in_turn;
use crate::net::socket;
use crate::net::tls::Dialer;
use crate::net::{CloseReason, Connection, Outbox, Pace, Stream};
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::{
    CALL_FAILURES, LINK_CONNECTS, LINK_LOSSES, LINK_UP, TLS_HANDSHAKES,
};

/// How long a peer may take to say anything on a new connection, once it is known to be quick at it. Should another program
/// be there now, of another make, its heartbeats come every 5 s.
const HEARD_WITHIN: Duration = Duration::from_secs(6);

/// How a link behaves.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Heartbeats and the silence after which the peer counts as dead.
    pub pace: Pace,
    /// Speaks TLS, and shows our certificate; `None`: frames go as they are.
    pub tls: Option<Dialer>,
    /// How long a dial may take, name lookup and handshake included.
    pub connect_timeout: Duration,
    /// How long to wait between dials.
    pub backoff: Backoff,
    /// Bytes that may wait to be written; a peer that lets more gather is hung up on.
    pub outbox_bytes: usize,
    /// Largest frame accepted from the peer, in bytes.
    pub max_frame: u32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            pace: Pace::SERVERS,
            tls: None,
            connect_timeout: Duration::from_secs(3),
            backoff: Backoff::SERVERS,
            outbox_bytes: 64 * 1024 * 1024,
            max_frame: MAX_SERVER_FRAME,
        }
    }
}

/// What the owner of a link does at its turns. Called from the link's task: short, never blocking.
pub trait Peer: Send + Sync + 'static {
    /// A connection stands; whatever is queued now goes out first: the hello. Calls and pushes may follow at once.
    fn connected(&self, link: &Link, outbox: &Outbox);

    /// The connection is gone. Calls on it have failed already.
    fn disconnected(&self, _link: &Link) {}

    /// A frame that is no answer to a call, or an answer that no call waits for any more.
    fn received(&self, link: &Link, pdu: Pdu);
}

/// A link to one address. It belongs to whoever made it; its task ends in the stop stage.
pub struct Link {
    role: Role,
    address: String,
    live: ArcSwapOption<Live>,
    resting: AtomicBool,
    /// The peer has said how often its heartbeats come, so it will again.
    paced: AtomicBool,
    up: Gauge,
}

struct Live {
    outbox: Arc<Outbox>,
    calls: Calls,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({} {})", self.role.name(), self.address)
    }
}

impl Link {
    /// Starts a link: it dials at once and again after each loss, until the stop stage.
    pub fn start(
        role: Role,
        address: impl Into<String>,
        config: LinkConfig,
        peer: Arc<dyn Peer>,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let address = address.into();
        let up = gauge!(LINK_UP, "peer" => role.name(), "address" => address.clone());
        up.set(0.0);
        let link = Arc::new(Self {
            role,
            address,
            live: ArcSwapOption::empty(),
            resting: AtomicBool::new(false),
            paced: AtomicBool::new(false),
            up,
        });
        let task = run(link.clone(), config, peer, shutdown.clone());
        shutdown.background().spawn("link", task);
        link
    }

    /// The peer's address as configured.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        self.live.load().is_some()
    }

    /// Takes the link out of use for new work until it has connected anew: the peer said that it is about to stop.
    /// Answers still arrive.
    pub fn rest(&self) {
        self.resting.store(true, Ordering::Relaxed);
    }

    /// Whether the peer is known to say how often its heartbeats come: it is one of ours, and knows the extensions between
    /// servers. Known from its answer to our own on the first connection.
    pub fn is_paced(&self) -> bool {
        self.paced.load(Ordering::Relaxed)
    }

    /// Whether there is a connection and the peer takes new work.
    pub fn is_usable(&self) -> bool {
        self.is_up() && !self.resting.load(Ordering::Relaxed)
    }

    /// Sends a message that is not answered. An error means that it was not queued.
    pub fn send<M: Body>(&self, message: &M) -> Result<(), CallError> {
        self.with_outbox(|outbox| outbox.send(message, 0))
    }

    /// Sends a frame that is encoded already and not answered. An error means that it was not queued.
    pub fn send_frame(&self, frame: &[u8]) -> Result<(), CallError> {
        self.with_outbox(|outbox| outbox.send_frame(frame))
    }

    fn with_outbox(
        &self,
        send: impl FnOnce(&Outbox) -> Result<(), crate::net::outbox::Closed>,
    ) -> Result<(), CallError> {
        let live = self.live.load();
        let live = live.as_ref().ok_or(CallError::NotConnected)?;
        send(&live.outbox).map_err(|_| CallError::Busy)
    }

    /// Sends a request and waits for its answer, at most `within` (looked at once a second) and no longer than the
    /// connection lives. The request is queued before the first await, so calls keep the order of their first polls.
    ///
    /// Dropping the future gives up the answer, not the request.
    pub async fn call<Q: Body, R: Body>(
        &self,
        request: &Q,
        within: Duration,
    ) -> Result<R, CallError> {
        let outcome = self.call_once(request, within).await;
        if let Err(error) = &outcome
            && !matches!(error, CallError::Refused(_) | CallError::RefusedForNow(..))
        {
            counter!(CALL_FAILURES, "peer" => self.role.name(), "reason" => error.reason())
                .increment(1);
        }
        outcome
    }

    async fn call_once<Q: Body, R: Body>(
        &self,
        request: &Q,
        within: Duration,
    ) -> Result<R, CallError> {
        let answer = {
            let live = self.live.load();
            let live = live.as_ref().ok_or(CallError::NotConnected)?;
            let (number, answer) = live.calls.begin(R::ID, within)?;
            live.outbox
                .send(request, number)
                .map_err(|_| CallError::Busy)?;
            answer
        };
        // The table answers every call before it forgets it; a dropped sender means a dropped connection.
        let pdu = in_turn(answer).await.map_err(|_| CallError::Lost)??;
        pdu.decode().map_err(|_| CallError::Unreadable)
    }
}

async fn run(link: Arc<Link>, config: LinkConfig, peer: Arc<dyn Peer>, shutdown: Shutdown) {
    let role = link.role.name();
    let mut failures = 0;
    loop {
        let dialled = tokio::select! {
            dialled = dial(&link.address, &config) => dialled,
            () = shutdown.stopping() => return,
        };
        match dialled {
            Ok(stream) => {
                let up_since = Instant::now();
                let reason = live(&link, stream, &config, &*peer, &shutdown).await;
                // A peer that accepts and hangs up at once is as good as one that does not accept.
                if up_since.elapsed() >= config.backoff.most {
                    failures = 0;
                }
                counter!(LINK_LOSSES, "peer" => role, "address" => link.address.clone(), "reason" => reason.0)
                    .increment(1);
                if reason == CloseReason::SHUTDOWN {
                    return;
                }
                info!(peer = role, address = link.address, ?reason, "link is down");
                if failures == 9 {
                    warn!(
                        peer = role,
                        address = link.address,
                        ?reason,
                        "peer hangs up at once, will go on trying"
                    );
                }
            }
            Err(error) if failures == 0 => {
                debug!(peer = role, address = link.address, %error, "cannot connect yet")
            }
            // Once is a peer that starts a little later; again and again is somebody's to look at.
            Err(error) if failures == 9 => {
                warn!(peer = role, address = link.address, %error, "peer is unreachable, will go on trying")
            }
            Err(error) => debug!(peer = role, address = link.address, %error, "cannot connect"),
        }
        failures += 1;
        tokio::select! {
            () = tokio::time::sleep(config.backoff.wait(failures, fastrand::f64())) => {}
            () = shutdown.stopping() => return,
        }
    }
}

async fn dial(address: &str, config: &LinkConfig) -> anyhow::Result<Stream> {
    let dialled = async {
        let stream = socket::connect(address).await?;
        let Some(tls) = &config.tls else {
            return Ok(Stream::Plain(stream));
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let mut stream = tls.dial(stream, host)?;
        let outcome = stream.handshake().await;
        let word = outcome
            .as_ref()
            .err()
            .map_or("ok", |e| CloseReason::from(e).0);
        counter!(TLS_HANDSHAKES, "port" => "link", "outcome" => word).increment(1);
        outcome?;
        Ok(Stream::Tls(Box::new(stream)))
    };
    timeout(config.connect_timeout, dialled).await?
}

/// One connection of the link, from its hello to its loss.
async fn live(
    link: &Arc<Link>,
    stream: Stream,
    config: &LinkConfig,
    peer: &dyn Peer,
    shutdown: &Shutdown,
) -> CloseReason {
    let outbox = Outbox::new(config.outbox_bytes);
    let mut connection = Connection::new(stream, outbox.clone(), config.pace, config.max_frame);
    // With TLS the peer looks at our certificate when the handshake is over for us: that it says anything means that it has.
    let waits = link.paced.load(Ordering::Relaxed) || config.tls.is_some();
    if waits && let Err(reason) = heard(&mut connection, shutdown).await {
        connection.close(reason).await;
        return reason;
    }
    let live = Arc::new(Live {
        outbox: outbox.clone(),
        calls: Calls::default(),
    });
    let mut sweep = interval(Duration::from_secs(1));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Skip);

    link.resting.store(false, Ordering::Relaxed);
    link.live.store(Some(live.clone()));
    link.up.set(1.0);
    counter!(LINK_CONNECTS, "peer" => link.role.name(), "address" => link.address.clone())
        .increment(1);
    info!(
        peer = link.role.name(),
        address = link.address,
        tls = config.tls.is_some(),
        "link is up"
    );
    peer.connected(link, &outbox);
    connection.say_pace();

    let reason = loop {
        // Noted at once: what it says of its pace comes out of the connection as nothing.
        let next = poll_fn(|cx| {
            let next = connection.poll_next(cx);
            if connection.has_pace() && !link.is_paced() {
                link.paced.store(true, Ordering::Relaxed);
            }
            next
        });
        tokio::select! {
            next = next => match next {
                Ok(pdu) if pdu.command() == proto::im::other::ImHeartBeat::ID => {}
                Ok(pdu) if pdu.seq_num() != 0 && live.calls.complete(pdu.clone()) => {}
                Ok(pdu) => peer.received(link, pdu),
                Err(reason) => break reason,
            },
            _ = sweep.tick() => live.calls.expire(Instant::now()),
            () = shutdown.stopping() => break CloseReason::SHUTDOWN,
        }
    };

    link.live.store(None);
    link.up.set(0.0);
    live.calls.fail_all();
    peer.disconnected(link);
    connection.close(reason).await;
    reason
}

/// Waits for a sign of life. The system of a process that hangs takes connections in its name: whatever was sent over one of
/// those would be stuck.
async fn heard(
    connection: &mut Connection<Stream>,
    shutdown: &Shutdown,
) -> Result<(), CloseReason> {
    connection.say_pace();
    tokio::select! {
        heard = timeout(HEARD_WITHIN, connection.heard()) => heard.unwrap_or(Err(CloseReason::IDLE)),
        () = shutdown.stopping() => Err(CloseReason::SHUTDOWN),
    }
}

//! What several scenarios need: pairs of connected ends, a peer that records, a look at a metric.

use std::sync::Arc;
use std::time::Duration;

use im_base::net::socket::{TcpListener, TcpStream};
use im_base::net::{Connection, Outbox, Pace, listener};
use im_base::peer::{Link, LinkConfig, Peer};
use im_base::shutdown::Shutdown;
use im_base::task::Tasks;
use im_base::telemetry::metrics;
use im_base::testkit::TestPeer;
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::server::ImRoleSet;
use proto::{Pdu, Role};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Generous: it is only reached when a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A client that may stay silent for two minutes.
pub(crate) const CLIENT: Pace = Pace::client(Duration::from_secs(120));

/// A connection and the other end of it, in memory, with room for everything a test sends.
pub(crate) fn pair(pace: Pace) -> (Connection<DuplexStream>, TestPeer<DuplexStream>) {
    let (ours, theirs) = duplex(1024 * 1024);
    let outbox = Outbox::new(1024 * 1024);
    let connection = Connection::new(ours, outbox, pace, MAX_SERVER_FRAME);
    (connection, TestPeer::new(theirs))
}

/// Runs something in a task of its own, where only its own wake-ups drive it, and hands over what it returns.
pub(crate) fn apart<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, outcome) = oneshot::channel();
    Tasks::default().spawn("apart", async move {
        // A test that is over does not want it any more.
        let _unwanted = done.send(work.await);
    });
    outcome
}

/// The sum of a metric over all its series that carry these labels, written as `name="value"`.
pub(crate) fn metric(name: &str, labels: &[&str]) -> f64 {
    let text = metrics::init().render();
    text.lines()
        .filter(|line| line.starts_with(&format!("{name}{{")))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// What the owner of a link was told.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    Connected,
    Disconnected,
    Received(Pdu),
}

/// The owner of a link: says hello as `IMRoleSet` and writes down its turns.
struct Recorder {
    events: mpsc::Sender<Event>,
}

impl Recorder {
    fn record(&self, event: Event) {
        self.events.try_send(event).expect("room for every event");
    }
}

impl Peer for Recorder {
    fn connected(&self, _link: &Link, outbox: &Outbox) {
        outbox
            .send(&ImRoleSet { master: 1 }, 0)
            .expect("an open outbox");
        self.record(Event::Connected);
    }

    fn disconnected(&self, _link: &Link) {
        self.record(Event::Disconnected);
    }

    fn received(&self, _link: &Link, pdu: Pdu) {
        self.record(Event::Received(pdu));
    }
}

/// A link to a listener of the test's own.
pub(crate) struct Dialled {
    pub(crate) link: Arc<Link>,
    pub(crate) listener: TcpListener,
    events: mpsc::Receiver<Event>,
}

impl Dialled {
    /// A link and its listener; nothing is accepted yet.
    pub(crate) async fn new(shutdown: &Shutdown) -> Self {
        let listener = listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, received) = mpsc::channel(100);
        let link = Link::start(
            Role::RouteServer,
            address,
            LinkConfig::default(),
            Arc::new(Recorder { events }),
            shutdown,
        );
        Self {
            link,
            listener,
            events: received,
        }
    }

    /// Takes the link's next connection, up to and including its hello.
    pub(crate) async fn accept(&mut self) -> TestPeer<TcpStream> {
        let (stream, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("the link dials")
            .unwrap();
        let mut peer = TestPeer::new(stream);
        assert_eq!(peer.expect::<ImRoleSet>().await.0.master, 1);
        assert_eq!(self.event().await, Event::Connected);
        peer
    }

    /// The next thing the owner is told.
    pub(crate) async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("something happens to the link")
            .expect("the link lives")
    }
}

//! Sessions of clients on a real msg_server, which runs in this process between a route_server and a db_proxy that are played
//! here. The input says what up to four clients do, and how the database answers.
//!
//! Coarser than the other targets: the server keeps running from one input to the next, and its tasks are scheduled as they
//! come. An input that breaks it may need those before it; a panic of any task ends the process, and so does a server that
//! does not answer an honest client afterwards.

mod clients;
mod peers;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use im_base::shutdown::Shutdown;
use msg_server::Config;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use peers::Answers;

/// Longer than an honest client waits on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is started with the first input and stays.
struct Bed {
    runtime: Runtime,
    clients: SocketAddr,
    answers: Answers,
    /// Held, so that the server is not told to stop.
    _shutdown: Shutdown,
}

static BED: OnceLock<Bed> = OnceLock::new();

/// Takes the first byte for the mood of the database, and the rest for steps of clients.
pub fn run(data: &[u8]) {
    let Some((mood, steps)) = data.split_first() else {
        return;
    };
    let bed = BED.get_or_init(Bed::start);
    bed.answers.set(*mood);
    bed.runtime.block_on(async {
        clients::play(bed.clients, steps).await;
        bed.answers.set(0);
        let honest = timeout(PATIENCE, clients::honest(bed.clients)).await;
        assert!(honest.is_ok(), "an honest client is not answered");
    });
}

impl Bed {
    fn start() -> Self {
        exit_on_panic();
        let runtime = Runtime::new().expect("a runtime can be started");
        let answers = Answers::default();
        let (clients, shutdown) = runtime.block_on(start(answers.clone()));
        Self {
            runtime,
            clients,
            answers,
            _shutdown: shutdown,
        }
    }
}

/// A task that panics is caught by the server; here it has to be seen.
fn exit_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        std::process::abort();
    }));
}

async fn start(answers: Answers) -> (SocketAddr, Shutdown) {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let db = bind().await.expect("a free port");
    let route = bind().await.expect("a free port");
    let address = |listener: &TcpListener| {
        listener
            .local_addr()
            .map(|a| a.to_string())
            .expect("a bound port")
    };
    let mut config = Config::default();
    config.clients.listen = "127.0.0.1:0".to_owned();
    config.websocket.listen = String::new();
    config.api.listen = String::new();
    config.announce.address1 = "127.0.0.1".to_owned();
    config.limits.enabled = false;
    config.peers.login = Vec::new();
    config.peers.db = vec![address(&db)];
    config.peers.route = vec![address(&route)];
    peers::play(db, route, answers);
    let shutdown = Shutdown::new();
    let started = msg_server::start(config, shutdown.clone())
        .await
        .expect("a msg_server starts");
    let ready = async {
        while !started.readiness.missing().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("the links come up");
    (started.clients.expect("the plain port is on"), shutdown)
}

//! TLS around streams, listeners and links.

mod certificates;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use im_base::config::{LinksConfig, TlsConfig};
use im_base::net::listener::{self, ConnectionLimits};
use im_base::net::tls::{Acceptor, Dialer, Links, TlsStream};
use im_base::net::{CloseReason, Connection, Outbox, Pace};
use im_base::peer::{Link, LinkConfig, Peer};
use im_base::shutdown::Shutdown;
use im_base::telemetry::metrics;
use proptest::prelude::*;
use proto::im::message::ImMsgData;
use proto::{Pdu, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::{RwLock, watch};
use tokio::time::timeout;

use crate::support::{PATIENCE, apart, metric};
use certificates::Ca;

/// A year in which the certificates of these tests are valid.
const FAR: i32 = 2080;

/// All acceptors of this process show when their certificates end in one place. Held for writing by who looks there.
static EXPIRY: RwLock<()> = RwLock::const_new(());

async fn for_clients(config: &TlsConfig, shutdown: &Shutdown) -> anyhow::Result<Option<Acceptor>> {
    let _shown = EXPIRY.read().await;
    Acceptor::for_clients(config, shutdown).await
}

async fn acceptor(config: &TlsConfig, shutdown: &Shutdown) -> Acceptor {
    let acceptor = for_clients(config, shutdown).await.unwrap();
    acceptor.expect("a certificate is configured")
}

/// Both sides write what they are given in pieces of these sizes while they read what comes; gives what each has read.
async fn talk(
    acceptor: &Acceptor,
    dialer: &Dialer,
    room: usize,
    [ours, theirs]: [Vec<Vec<u8>>; 2],
) -> [Vec<u8>; 2] {
    let (left, right) = duplex(room);
    let server = acceptor.accept(left).unwrap();
    let client = dialer.dial(right, "localhost").unwrap();
    let side = async |mut stream: TlsStream<DuplexStream>, pieces: Vec<Vec<u8>>| {
        stream.handshake().await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let writing = async {
            for piece in &pieces {
                writer.write_all(piece).await.unwrap();
            }
            writer.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let (_, all) = tokio::join!(writing, reader.read_to_end(&mut read));
        all.unwrap();
        read
    };
    let (one, other) = tokio::join!(side(server, ours), side(client, theirs));
    [one, other]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        room in prop_oneof![1..50_usize, 1000..200_000_usize],
        ours in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..4),
        theirs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (sent, read) = runtime.block_on(async {
            let (ca, shutdown) = (Ca::new(), Shutdown::new());
            ca.issue("server", 1, FAR);
            let acceptor = acceptor(&ca.tls("server"), &shutdown).await;
            let dialer = Dialer::trusting(&ca.pem()).unwrap();
            let sent = [theirs.concat(), ours.concat()];
            (sent, talk(&acceptor, &dialer, room, [ours, theirs]).await)
        });
        prop_assert!(sent == read);
    }
}

/// A listener for TLS that echoes frames.
async fn echo(name: &'static str, tls: Option<Acceptor>, shutdown: &Shutdown) -> SocketAddr {
    metrics::init();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = |stream, _| async {
        let outbox = Outbox::new(1024 * 1024);
        let mut connection = Connection::new(stream, outbox, Pace::SERVERS, 1024 * 1024);
        let reason = loop {
            match connection.next().await {
                Ok(pdu) => connection.outbox().send_pdu(&pdu).unwrap(),
                Err(reason) => break reason,
            }
        };
        connection.close(reason).await;
        reason
    };
    listener::accept(listener, name, ConnectionLimits::NONE, tls, shutdown, serve);
    address
}

/// Waits until a connection of that listener has ended for that reason.
async fn closed(name: &str, reason: &str) {
    let labels = [format!("listener={name:?}"), format!("reason={reason:?}")];
    let labels = [labels[0].as_str(), labels[1].as_str()];
    let waiting = async {
        while metric(metrics::CONNECTIONS_CLOSED, &labels) == 0.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
        panic!("no connection of {name} ended as {reason}");
    });
}

async fn ask(address: SocketAddr, dialer: &Dialer) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = dialer.dial(stream, "localhost")?;
    stream.handshake().await?;
    let frame = Pdu::new(&ImMsgData::default(), 7).to_frame();
    stream.write_all(&frame).await?;
    let mut back = vec![0; frame.len()];
    stream.read_exact(&mut back).await?;
    assert_eq!(back, frame);
    Ok(())
}

#[tokio::test]
async fn frames_travel_inside_of_it_and_strangers_are_told_apart() {
    let (ca, other, shutdown) = (Ca::new(), Ca::new(), Shutdown::new());
    ca.issue("server", 1, FAR);
    let tls = acceptor(&ca.tls("server"), &shutdown).await;
    let address = echo("tls_strangers", Some(tls), &shutdown).await;
    let trusting = Dialer::trusting(&ca.pem()).unwrap();
    ask(address, &trusting).await.unwrap();
    closed("tls_strangers", "peer_closed").await;

    // A client that does not trust us says so.
    let suspicious = Dialer::trusting(&other.pem()).unwrap();
    let error = ask(address, &suspicious).await.unwrap_err();
    assert_eq!(
        CloseReason::from(&error),
        CloseReason("tls_certificate_unknown")
    );
    closed("tls_strangers", "tls_refused_by_peer").await;

    // A plain one is not understood, and hears nothing in plain.
    let mut plain = TcpStream::connect(address).await.unwrap();
    let frame = Pdu::new(&ImMsgData::default(), 7).to_frame();
    plain.write_all(&frame).await.unwrap();
    let mut heard = Vec::new();
    let _reset = plain.read_to_end(&mut heard).await;
    assert!(!heard.starts_with(&frame[..4]), "{heard:?}");
    closed("tls_strangers", "tls_not_spoken").await;
    for (outcome, count) in [
        ("ok", 1.0),
        ("tls_refused_by_peer", 1.0),
        ("tls_not_spoken", 1.0),
    ] {
        let labels = [r#"port="tls_strangers""#, &*format!("outcome={outcome:?}")];
        assert_eq!(metric(metrics::TLS_HANDSHAKES, &labels), count, "{outcome}");
    }

    // The other way round.
    let address = echo("tls_on_plain", None, &shutdown).await;
    let error = ask(address, &trusting).await.unwrap_err();
    assert!(CloseReason::from(&error) != CloseReason::IDLE, "{error}");
    closed("tls_on_plain", "tls_not_expected").await;
}

/// Whether a link is up, as its owner knows.
struct Owner(watch::Sender<bool>);

impl Peer for Owner {
    fn connected(&self, _link: &Link, _outbox: &Outbox) {
        self.0.send_replace(true);
    }

    fn disconnected(&self, _link: &Link) {
        self.0.send_replace(false);
    }

    fn received(&self, _link: &Link, _pdu: Pdu) {}
}

async fn both_ends(config: &LinksConfig, shutdown: &Shutdown) -> Links {
    let links = Links::new(config, shutdown).await.unwrap();
    links.expect("a certificate is configured")
}

fn link(
    address: SocketAddr,
    tls: Option<Dialer>,
    shutdown: &Shutdown,
) -> (Arc<Link>, watch::Receiver<bool>) {
    let (owner, up) = watch::channel(false);
    let config = LinkConfig {
        tls,
        ..LinkConfig::default()
    };
    let address = format!("localhost:{}", address.port());
    let link = Link::start(
        Role::RouteServer,
        address,
        config,
        Arc::new(Owner(owner)),
        shutdown,
    );
    (link, up)
}

#[tokio::test]
async fn a_link_is_up_when_both_ends_know_each_other() {
    let (ca, shutdown) = (Ca::new(), Shutdown::new());
    ca.issue("node", 1, FAR);
    let tls = both_ends(&ca.links("node"), &shutdown).await;
    let address = echo("tls_nodes", Some(tls.acceptor), &shutdown).await;
    let (link, mut up) = link(address, Some(tls.dialer), &shutdown);
    timeout(PATIENCE, up.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    let message = ImMsgData {
        msg_data: vec![b'x'; 300_000].into(),
        ..Default::default()
    };
    let answer: ImMsgData = link.call(&message, PATIENCE).await.unwrap();
    assert!(answer == message);
}

/// D-41: a link is let in by its certificate.
#[tokio::test]
async fn who_dials_and_is_not_let_in_is_never_up() {
    let (ca, stranger, shutdown) = (Ca::new(), Ca::new(), Shutdown::new());
    ca.issue("node", 1, FAR);
    ca.issue("old", 2, 2001);
    ca.issue("stolen", 3, FAR);
    stranger.issue("stranger", 4, FAR);
    ca.revoke(3);
    let config = LinksConfig {
        crl: ca.path("crl.pem"),
        ..ca.links("node")
    };
    let tls = both_ends(&config, &shutdown).await;
    let address = echo("tls_intruders", Some(tls.acceptor), &shutdown).await;
    let foreign = LinksConfig {
        ca: ca.path("ca.pem"),
        ..stranger.links("stranger")
    };
    let mut ups = Vec::new();
    for (config, reason) in [
        (ca.links("old"), "tls_certificate_expired"),
        (ca.links("stolen"), "tls_certificate_revoked"),
        (foreign, "tls_certificate_unknown"),
    ] {
        let dialer = both_ends(&config, &shutdown).await.dialer;
        ups.push(link(address, Some(dialer), &shutdown));
        closed("tls_intruders", reason).await;
    }
    let anonymous = Dialer::trusting(&ca.pem()).unwrap();
    ups.push(link(address, Some(anonymous), &shutdown));
    closed("tls_intruders", "tls_certificate_missing").await;
    for (link, up) in ups {
        assert!(!up.has_changed().unwrap(), "{link:?} was up");
    }
    // A link without TLS is hung up on as well, and knows why.
    let (plain, _up) = link(address, None, &shutdown);
    closed("tls_intruders", "tls_not_spoken").await;
    let why = [
        r#"reason="tls_not_expected""#,
        &*format!("address={:?}", plain.address()),
    ];
    let waiting = async {
        while metric(metrics::LINK_LOSSES, &why) == 0.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn a_revoked_or_expired_server_is_not_dialled() {
    let (ca, shutdown) = (Ca::new(), Shutdown::new());
    ca.issue("node", 1, FAR);
    ca.issue("old", 2, 2001);
    ca.issue("stolen", 3, FAR);
    ca.revoke(3);
    let config = LinksConfig {
        crl: ca.path("crl.pem"),
        ..ca.links("node")
    };
    let dialer = both_ends(&config, &shutdown).await.dialer;
    for (name, server, reason) in [
        ("tls_old_server", "old", "tls_certificate_expired"),
        ("tls_stolen_server", "stolen", "tls_certificate_revoked"),
    ] {
        let tls = both_ends(&ca.links(server), &shutdown).await;
        let address = echo(name, Some(tls.acceptor), &shutdown).await;
        let error = ask(address, &dialer).await.unwrap_err();
        assert_eq!(CloseReason::from(&error), CloseReason(reason));
        closed(name, "tls_refused_by_peer").await;
    }
    // Nor one that has another name than it is to have.
    let config = LinksConfig {
        name: "node.internal".to_owned(),
        ..ca.links("node")
    };
    let choosy = both_ends(&config, &shutdown).await;
    let address = echo("tls_other_name", Some(choosy.acceptor), &shutdown).await;
    let error = ask(address, &choosy.dialer).await.unwrap_err();
    assert_eq!(
        CloseReason::from(&error),
        CloseReason("tls_certificate_of_another")
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    metrics::init();
    let (ca, next, shutdown) = (Ca::new(), Ca::new(), Shutdown::new());
    ca.issue("server", 1, FAR);
    let config = ca.tls("server");
    let acceptor = acceptor(&config, &shutdown).await;
    let (old, new) = (
        Dialer::trusting(&ca.pem()).unwrap(),
        Dialer::trusting(&next.pem()).unwrap(),
    );
    let connect = async |dialer: &Dialer| {
        let (left, right) = duplex(100_000);
        let mut server = acceptor.accept(left).unwrap();
        let mut client = dialer.dial(right, "localhost").unwrap();
        let served = apart(async move {
            let _refused = server.handshake().await;
            server
        });
        client.handshake().await.map(|()| (client, served))
    };
    let (mut client, served) = connect(&old).await.unwrap();
    let mut server = served.await.unwrap();
    let reloads = |outcome: &str| {
        let outcome = format!("outcome={outcome:?}");
        metric(metrics::TLS_RELOADS, &[r#"use="clients""#, &outcome])
    };
    let refused = reloads("refused");

    // A key of another certificate, for a while, and looked at more than once.
    let key = std::fs::read(&config.key).unwrap();
    std::fs::write(&config.key, "no key").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(reloads("refused"), refused + 1.0);
    connect(&old).await.unwrap();
    std::fs::write(&config.key, key).unwrap();

    let alone = EXPIRY.write().await;
    next.issue("server", 2, 2070);
    for file in ["server.pem", "server.key"] {
        std::fs::copy(next.path(file), ca.path(file)).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    connect(&new).await.unwrap();
    assert!(connect(&old).await.is_err());
    let expiry = metric(metrics::TLS_CERTIFICATE_EXPIRY, &[r#"use="clients""#]);
    assert_eq!(
        expiry,
        rcgen::date_time_ymd(2070, 12, 31).unix_timestamp() as f64
    );
    drop(alone);

    // Who was there before goes on.
    client.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_with_its_key() {
    let (ca, shutdown) = (Ca::new(), Shutdown::new());
    ca.issue("server", 1, FAR);
    ca.issue("other", 2, FAR);
    let good = ca.tls("server");
    let with = |certificate: &str, key: &str| TlsConfig {
        certificate: ca.path(certificate),
        key: ca.path(key),
    };
    for (config, wanted) in [
        (with("missing.pem", "server.key"), "tls.certificate"),
        (with("server.pem", "missing.key"), "tls.key"),
        (with("server.key", "server.key"), "tls.certificate"),
        (with("server.pem", "server.pem"), "tls.key"),
        (with("server.pem", "other.key"), "do not go together"),
    ] {
        let error = for_clients(&config, &shutdown).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(wanted), "{error}");
    }
    assert!(for_clients(&good, &shutdown).await.unwrap().is_some());
    let links = LinksConfig {
        crl: ca.path("ca.pem"),
        ..ca.links("server")
    };
    let error = Links::new(&links, &shutdown).await.unwrap_err();
    assert!(error.to_string().contains("links.crl"), "{error}");
}

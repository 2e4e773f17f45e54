//! TLS: of clients, and between the processes.

#[path = "tls/recorder.rs"]
mod recorder;

use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tools::certificates::{Files, Revoked};
use tools::client::{Address, AddressError, Connection, Device, Trust};
use tools::cluster::{Detour, Role, Security, Topology};

use crate::person::Person;
use crate::world::{USUAL, World, soon};
use recorder::Recorder;

const TEXT: &str = "the quick brown fox jumps over the lazy dog";

/// What is sent of the password.
const PASSWORD: &str = "fe01ce2a7fbac8fafaed7c982a04e229";

/// TLS everywhere, and nothing else.
const SEALED: Security = Security {
    clients: true,
    clients_only: true,
    links: true,
};

/// TLS for clients who want it.
const BOTH: Security = Security {
    clients: true,
    clients_only: false,
    links: false,
};

fn trust(topology: &Topology) -> Trust {
    Trust::file(&topology.certificates().ca()).unwrap()
}

/// Leads the links of both msg_servers through ears.
fn listen_in(topology: &mut Topology) -> Vec<Recorder> {
    let mut ears = Vec::new();
    for role in [Role::DbProxy, Role::RouteServer, Role::LoginServer] {
        for msg_server in 0..2 {
            let ear = Recorder::before(topology.dialled(role)[0]);
            topology.detours.push(Detour {
                msg_server,
                role,
                index: 0,
                port: ear.port(),
            });
            ears.push(ear);
        }
    }
    ears
}

/// Alice writes to Bob; what everybody could overhear on the way, each link by itself.
async fn overheard(security: Security) -> Vec<Vec<u8>> {
    let mut ears = Vec::new();
    let world = World::start(USUAL, 2, |topology| {
        topology.security = security;
        ears = listen_in(topology);
    })
    .await;
    let secure = security.clients;
    let (ports, trust) = (
        &world.topology().ports,
        secure.then(|| trust(world.topology())),
    );
    let (direct, web) = match secure {
        true => (ports.msg[0].tls, ports.msg[1].websocket_tls),
        false => (ports.msg[0].tcp, ports.msg[1].websocket),
    };
    let (direct, web) = (Recorder::before(direct), Recorder::before(web));
    let alice = Address {
        trust: trust.clone(),
        ..Address::direct("127.0.0.1", direct.port())
    };
    let bob = Address {
        trust,
        websocket: Some("/chat".to_owned()),
        ..Address::direct("127.0.0.1", web.port())
    };
    let alice = Person::at(&alice, "demo1", Device::Windows).await;
    let mut bob = Person::at(&bob, "demo2", Device::Windows).await;
    assert_eq!(alice.says(bob.id(), TEXT).await, 1);
    assert_eq!(bob.reads().await, (1, alice.id(), TEXT.to_owned()));
    ears.extend([direct, web]);
    let heard = ears.iter().map(Recorder::heard).collect();
    drop((alice, bob));
    world.end().await;
    heard
}

fn contains(heard: &[u8], wanted: &str) -> bool {
    heard
        .windows(wanted.len())
        .any(|window| window == wanted.as_bytes())
}

/// D-40: who listens in reads nothing; without TLS he would.
#[tokio::test]
async fn who_listens_in_reads_nothing() {
    // Stock clients encrypt texts with a key that everybody has.
    let text = proto::text::encrypt(TEXT, proto::text::DEFAULT_KEY);
    let sealed = overheard(SEALED).await;
    for (link, heard) in sealed.iter().enumerate() {
        assert!(heard.len() > 500, "link {link}: {} bytes", heard.len());
        for word in [TEXT, &text, "demo1", "demo2", PASSWORD] {
            assert!(!contains(heard, word), "link {link} shows {word:?}");
        }
    }
    let open = overheard(Security::default()).await;
    let showing = open.iter().filter(|heard| contains(heard, &text)).count();
    // Both clients and both links of route_server; Alice's to db_proxy, unless there is another one, which nobody records; and
    // Bob's, where it looked for what it might have missed.
    assert!((4..=6).contains(&showing), "{showing}");
    let showing = open
        .iter()
        .filter(|heard| contains(heard, PASSWORD))
        .count();
    // Alice, and those of db_proxy, as above; Bob's WebSocket masks what goes up.
    assert!((1..=3).contains(&showing), "{showing}");
}

#[tokio::test]
async fn login_server_names_the_port_for_it() {
    let world = World::start(USUAL, 1, |topology| topology.security = BOTH).await;
    let (url, trust) = (world.cluster.login_url(), trust(world.topology()));
    let ports: Vec<u16> = world.topology().ports.msg.iter().map(|p| p.tls).collect();
    let https = world.topology().ports.login[0].https;
    let https = format!("https://127.0.0.1:{https}");
    for url in [&url, &https] {
        let named = Address::from_login_with(url, Some(&trust)).await.unwrap();
        assert!(ports.contains(&named.port), "{named:?}");
        Person::at(&named, "demo1", Device::Windows).await;
    }
    // Whoever wants none finds the others.
    let named = Address::from_login(&url).await.unwrap();
    assert!(!ports.contains(&named.port), "{named:?}");
    Person::at(&named, "demo1", Device::Windows).await;
    world.end().await;
}

#[tokio::test]
async fn without_plain_ports_nobody_gets_in_without_it() {
    let world = World::start(USUAL, 1, |topology| topology.security = SEALED).await;
    let (url, trust) = (world.cluster.login_url(), trust(world.topology()));
    assert!(url.starts_with("https://"), "{url}");
    let named = Address::from_login_with(&url, Some(&trust)).await.unwrap();
    Person::at(&named, "demo1", Device::Windows).await;
    let ports = &world.topology().ports;
    for port in [
        ports.login[0].http,
        ports.login[0].tcp,
        ports.msg[0].tcp,
        ports.msg[0].websocket,
    ] {
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }
    let plain = Address {
        trust: None,
        tls_port: None,
        ..named
    };
    let mut lost = Connection::connect(&plain).await.unwrap();
    lost.send(b"\0\0\0\x10 no handshake").await.unwrap();
    soon("the end", lost.next()).await.unwrap_err();
    let body = br#"{"code":0,"priorIP":"127.0.0.1","port":"0","tlsPort":"1"}"#;
    let only = Address::parse(body).unwrap().secured(None);
    assert!(matches!(only, Err(AddressError::OnlyTls)));
    world.end().await;
}

/// Waits until so many connections of msg_server 0 have ended for this reason.
async fn ended(world: &World, listener: &str, reason: &str) {
    let labels = [("listener", listener), ("reason", reason)];
    let name = "im_connections_closed_total";
    world.counts_to(Role::MsgServer, 0, name, &labels, 1).await;
}

#[tokio::test]
async fn strangers_are_counted_by_what_they_did() {
    let world = World::start(USUAL, 1, |topology| topology.security = BOTH).await;
    let foreign = tempfile::tempdir().unwrap();
    let foreign = Files::in_folder(foreign.path());
    foreign.issue("server", 1, &[], false, later()).unwrap();
    let (known, foreign) = (trust(world.topology()), Trust::file(&foreign.ca()).unwrap());
    let ports = world.topology().ports.msg[0];
    let at = |port, trust: Option<&Trust>| Address {
        trust: trust.cloned(),
        ..Address::direct("127.0.0.1", port)
    };

    let mut plain = Connection::connect(&at(ports.tls, None)).await.unwrap();
    plain
        .send(b"\0\0\0\x10\0\x01\0\x07\0\x01\0\0\0\0\0\0")
        .await
        .unwrap();
    soon("the end", plain.next()).await.unwrap_err();
    ended(&world, "clients_tls", "tls_not_spoken").await;

    let error = Connection::connect(&at(ports.tls, Some(&foreign))).await;
    let error = format!("{:#}", anyhow_of(error.unwrap_err()));
    assert!(error.contains("nobody who is trusted"), "{error}");
    ended(&world, "clients_tls", "tls_refused_by_peer").await;

    for (port, listener) in [(ports.tcp, "clients"), (ports.websocket, "websocket")] {
        assert!(Connection::connect(&at(port, Some(&known))).await.is_err());
        ended(&world, listener, "tls_not_expected").await;
    }
    // He who hangs up in the middle of it.
    let silent = TcpStream::connect(("127.0.0.1", ports.websocket_tls))
        .await
        .unwrap();
    drop(silent);
    ended(&world, "websocket_tls", "peer_closed").await;
    world.end().await;
}

fn anyhow_of(error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error)
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(30 * 24 * 3600)
}

#[tokio::test]
async fn a_new_certificate_is_for_who_comes_next_and_a_bad_one_for_nobody() {
    let world = World::start(USUAL, 2, |topology| topology.security = BOTH).await;
    let old = trust(world.topology());
    let at = |trust: &Trust| Address {
        trust: Some(trust.clone()),
        ..Address::direct("127.0.0.1", world.topology().ports.msg[0].tls)
    };
    let alice = Person::at(&at(&old), "demo1", Device::Windows).await;

    let folder = tempfile::tempdir().unwrap();
    let next = Files::in_folder(folder.path());
    next.issue("server", 2, &[], false, later()).unwrap();
    let (from, to) = (
        next.pair("server"),
        world.topology().certificates().pair("server"),
    );
    std::fs::copy(&from.0, &to.0).unwrap();
    std::fs::copy(&from.1, &to.1).unwrap();
    for index in 0..2 {
        world.signal(Role::MsgServer, index, Signal::HUP);
        world
            .line(Role::MsgServer, index, "new certificate in use")
            .await;
    }
    let new = Trust::file(&next.ca()).unwrap();
    assert!(Connection::connect(&at(&old)).await.is_err());
    let mut bob = Person::at(&at(&new), "demo2", Device::Windows).await;
    // Who was there before goes on.
    alice.says(bob.id(), TEXT).await;
    assert_eq!(bob.reads().await.2, TEXT);

    world.expect("new certificate is no good, the old one stays");
    std::fs::write(&to.1, "no key").unwrap();
    world.signal(Role::MsgServer, 0, Signal::HUP);
    world
        .line(Role::MsgServer, 0, "new certificate is no good")
        .await;
    let labels = [("use", "clients"), ("outcome", "refused")];
    let name = "im_tls_reloads_total";
    world.counts_to(Role::MsgServer, 0, name, &labels, 1).await;
    Connection::connect(&at(&new)).await.unwrap();
    drop((alice, bob));
    world.end().await;
}

#[tokio::test]
async fn a_revoked_process_is_not_let_in_until_it_is_forgiven() {
    const SERIAL: u64 = 77;
    let world = World::start(USUAL, 1, |topology| {
        topology.security = SEALED;
        let files = topology.certificates();
        files.issue("node", SERIAL, &[], true, later()).unwrap();
        let list = files.revoke(&[]).unwrap().display().to_string();
        let key = "FERROTALK_LINKS__CRL".to_owned();
        topology.environment.push((Role::RouteServer, key, list));
    })
    .await;
    let files = world.topology().certificates();
    files.revoke(&[Revoked(SERIAL)]).unwrap();
    world.signal(Role::RouteServer, 0, Signal::HUP);
    world
        .line(Role::RouteServer, 0, "new certificate in use")
        .await;
    world.expect("hangs up at once, will go on trying");
    world.kill_minus_nine(Role::MsgServer, 0).await;
    let labels = [
        ("listener", "servers"),
        ("reason", "tls_certificate_revoked"),
    ];
    let refused = async {
        let name = "im_connections_closed_total";
        while world.count(Role::RouteServer, 0, name, &labels).await == 0 {
            tokio::time::sleep(crate::world::LOOK).await;
        }
    };
    soon("a refusal", refused).await;
    let up = [("peer", "route_server")];
    assert_eq!(
        world
            .count(Role::MsgServer, 0, "im_link_connects_total", &up)
            .await,
        0
    );

    files.revoke(&[]).unwrap();
    world.signal(Role::RouteServer, 0, Signal::HUP);
    world.ready().await;
    assert_eq!(world.count(Role::MsgServer, 0, "im_link_up", &up).await, 1);
    world.end().await;
}

/// A port for TLS that hears nothing gives the place back; until then it says nothing either.
#[tokio::test]
async fn it_says_nothing_before_it_is_spoken_to() {
    let world = World::start(USUAL, 1, |topology| topology.security = BOTH).await;
    let port = world.topology().ports.msg[0].tls;
    let mut silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut heard = Vec::new();
    soon("the end of patience", silent.read_to_end(&mut heard))
        .await
        .unwrap();
    assert!(heard.is_empty(), "{heard:?}");
    ended(&world, "clients_tls", "too_slow").await;
    world.end().await;
}

//! Clients that speak WebSocket, among those that don't.

use futures_util::{SinkExt, StreamExt};
use proto::header::Header;
use proto::im::base_define::KickReasonType;
use proto::im::login::{ImKickUser, ImLoginRes};
use proto::im::other::ImHeartBeat;
use proto::{Body, Decoder, Pdu};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tools::client::{CloseReason, Connection, Device};
use tools::cluster::{Role, Topology};

use crate::person::{Person, Raw, login_request};
use crate::world::{PASSWORD, USUAL, World, soon};

/// A WebSocket on which a test writes every message itself.
struct Web(WebSocketStream<TcpStream>);

impl Web {
    /// Not logged in yet.
    async fn connect(world: &World, index: usize) -> Self {
        Self::of_page(world, index, None).await.unwrap()
    }

    /// As from a web page of this origin.
    async fn of_page(
        world: &World,
        index: usize,
        origin: Option<&str>,
    ) -> Result<Self, tungstenite::Error> {
        let stream = tcp(world, index).await;
        let mut request = "ws://127.0.0.1/any/path".into_client_request().unwrap();
        if let Some(origin) = origin {
            let headers = request.headers_mut();
            headers.insert("Origin", origin.parse().unwrap());
        }
        let connected = soon("an answer to the handshake", client_async(request, stream)).await;
        connected.map(|(stream, _)| Self(stream))
    }

    async fn send(&mut self, bytes: &[u8]) {
        let message = Message::Binary(bytes.to_vec().into());
        self.0.send(message).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        let next = soon("a message", self.0.next()).await;
        next.expect("a message before the end").unwrap()
    }

    /// The next message, which is one PDU, as a web client wants it.
    async fn pdu(&mut self) -> Pdu {
        let Message::Binary(bytes) = self.message().await else {
            panic!("no binary message");
        };
        let mut decoder = Decoder::new(u32::MAX);
        decoder.extend(&bytes);
        let pdu = decoder.next_pdu().unwrap().expect("a whole PDU");
        assert_eq!(decoder.buffered(), 0, "and no more than one");
        pdu
    }

    /// The next PDU of a type; others are dropped.
    async fn pdu_of<M: Body>(&mut self) -> Pdu {
        loop {
            let pdu = self.pdu().await;
            if pdu.command() == M::ID {
                return pdu;
            }
        }
    }

    /// Waits for the close frame, and for the end behind it.
    async fn is_closed_with(mut self, code: CloseCode) {
        loop {
            if let Message::Close(close) = self.message().await {
                assert_eq!(close.map(|close| close.code), Some(code));
                let end = soon("the end", self.0.next()).await;
                assert!(end.is_none(), "{end:?}");
                return;
            }
        }
    }
}

async fn tcp(world: &World, index: usize) -> TcpStream {
    let port = world.websocket(index).port;
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// Waits until so many connections of msg_server 0 have ended for this reason.
async fn ended(world: &World, reason: &str, count: u64) {
    let labels = [("listener", "websocket"), ("reason", reason)];
    let name = "im_connections_closed_total";
    world
        .counts_to(Role::MsgServer, 0, name, &labels, count)
        .await;
}

fn set(topology: &mut Topology, key: &str, value: &str) {
    let (key, value) = (format!("FERROTALK_{key}"), value.to_owned());
    topology.environment.push((Role::MsgServer, key, value));
}

#[tokio::test]
async fn a_web_client_and_a_phone_talk_across_msg_servers() {
    let world = World::usual(2).await;
    let mut web = Person::at(&world.websocket(0), "demo1", Device::Windows).await;
    let mut phone = Person::at(&world.msg(1), "demo2", Device::Android).await;
    for (n, text) in (0..).zip(["hello", &"long ".repeat(5_000), "\u{1f980}"]) {
        assert_eq!(web.says(phone.id(), text).await, 2 * n + 1);
        let heard = phone.reads().await;
        assert_eq!(heard, (2 * n + 1, web.id(), text.to_owned()));
        assert_eq!(phone.says(web.id(), text).await, 2 * n + 2);
        let heard = web.reads().await;
        assert_eq!(heard, (2 * n + 2, phone.id(), text.to_owned()));
    }
    web.logout().await.unwrap();
    assert_eq!(
        soon("the end of a session", web.wait_closed()).await,
        CloseReason::Logout
    );
    ended(&world, "logout", 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_web_client_is_a_desktop_that_displaces_and_is_displaced() {
    let short_grace = |topology: &mut Topology| set(topology, "LIMITS__KICK_GRACE_SECONDS", "1");
    let world = World::start(USUAL, 1, short_grace).await;
    let request = Pdu::new(&login_request("demo1", PASSWORD, Device::Windows), 1);
    let desktop = Person::at(&world.msg(1), "demo1", Device::Windows).await;

    let mut web = Web::connect(&world, 0).await;
    web.send(&request.to_frame()).await;
    let answer: ImLoginRes = web.pdu().await.decode().unwrap();
    assert_eq!(answer.result_code, 0);
    let displaced = CloseReason::Kicked {
        reason: KickReasonType::KickReasonDuplicateUser as i32,
    };
    assert_eq!(soon("a kick", desktop.wait_closed()).await, displaced);

    // It does not hang up by itself; the server does, with a close frame.
    let newer = Person::at(&world.msg(1), "demo1", Device::Mac).await;
    let kick: ImKickUser = web.pdu_of::<ImKickUser>().await.decode().unwrap();
    assert_eq!(kick.user_id, newer.id());
    web.is_closed_with(CloseCode::Normal).await;
    ended(&world, "kicked", 1).await;
    newer.ping().await.unwrap();
    world.end().await;
}

/// As the web client does it: header version 0, the first number 2, no flag.
#[tokio::test]
async fn a_web_client_may_write_version_0_and_cut_as_it_likes() {
    let world = World::usual(1).await;
    let mut web = Web::connect(&world, 0).await;
    let with_version_0 = |pdu: &Pdu| {
        let mut frame = Vec::new();
        let header = Header {
            version: 0,
            ..pdu.header
        };
        header.write(&mut frame);
        frame.extend_from_slice(&pdu.body);
        frame
    };
    let login = Pdu::new(&login_request("demo1", PASSWORD, Device::Windows), 2);
    let heartbeat = with_version_0(&Pdu::new(&ImHeartBeat {}, 3));
    let frame = with_version_0(&login);
    web.send(&frame[..7]).await;
    web.0.send(Message::Ping("here?".into())).await.unwrap();
    assert_eq!(web.message().await, Message::Pong("here?".into()));
    web.send(&[&frame[7..], &heartbeat, &heartbeat].concat())
        .await;
    let answer = web.pdu_of::<ImLoginRes>().await;
    assert_eq!(answer.seq_num(), 2);
    for _ in 0..2 {
        let echo = web.pdu_of::<ImHeartBeat>().await;
        assert_eq!(echo.to_frame(), heartbeat, "as it came");
    }
    web.0.close(None).await.unwrap();
    web.is_closed_with(CloseCode::Normal).await;
    ended(&world, "peer_closed", 1).await;
    world.end().await;
}

#[tokio::test]
async fn only_pages_that_are_named_may_connect() {
    let origins = r#"["https://chat.example.org"]"#;
    let world = World::start(USUAL, 1, |t| set(t, "WEBSOCKET__ORIGINS", origins)).await;
    for (n, origin) in (1..).zip(["https://evil.example.org", "null"]) {
        match Web::of_page(&world, 0, Some(origin)).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{origin}: {:?}", other.err()),
        }
        ended(&world, "origin_refused", n).await;
    }
    let page = Some("https://chat.example.org");
    let page = Web::of_page(&world, 0, page).await;
    page.unwrap();
    let app = Person::at(&world.websocket(0), "demo1", Device::Windows).await;
    app.ping().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn strangers_are_held_as_short_as_over_tcp() {
    let limits = |topology: &mut Topology| {
        set(topology, "LIMITS__LOGIN_SECONDS", "2");
        set(topology, "LIMITS__CONNECTIONS_PER_ADDRESS", "3");
    };
    let world = World::start(USUAL, 1, limits).await;
    // The two ports have one number of places.
    let places = [
        Connection::connect(&world.msg(0)).await.unwrap(),
        Connection::connect(&world.websocket(0)).await.unwrap(),
        Connection::connect(&world.websocket(0)).await.unwrap(),
    ];
    let refused = Web::of_page(&world, 0, None).await;
    assert!(refused.is_err());
    drop(places);
    ended(&world, "peer_closed", 2).await;
    let open = "im_connections";
    world
        .counts_to(Role::MsgServer, 0, open, &[("listener", "clients")], 0)
        .await;

    // Half a handshake, a handshake and no login.
    let mut half = tcp(&world, 0).await;
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let silent = Web::connect(&world, 0).await;
    silent.is_closed_with(CloseCode::Normal).await;
    ended(&world, "too_slow", 2).await;

    // No handshake, no WebSocket frame, no PDU, no login.
    let mut none = Raw(Connection::on(tcp(&world, 0).await));
    let frame = Pdu::new(&ImHeartBeat {}, 1).to_frame();
    none.0
        .send(&[&frame[..], b"\r\n\r\n"].concat())
        .await
        .unwrap();
    none.0.expect_close(crate::world::SOON).await.unwrap_err();
    ended(&world, "bad_handshake", 1).await;
    let mut bad = Web::connect(&world, 0).await;
    bad.0.get_mut().write_all(&frame).await.unwrap();
    bad.is_closed_with(CloseCode::Protocol).await;
    ended(&world, "bad_websocket_frame", 1).await;
    let mut large = Web::connect(&world, 0).await;
    large.send(&[0, 0, 0x20, 1]).await;
    large.is_closed_with(CloseCode::Size).await;
    ended(&world, "frame_too_long", 1).await;
    let mut wrong = Web::connect(&world, 0).await;
    let login = login_request("demo1", "wrong", Device::Windows);
    wrong.send(&Pdu::new(&login, 1).to_frame()).await;
    let answer: ImLoginRes = wrong.pdu().await.decode().unwrap();
    assert_ne!(answer.result_code, 0);
    wrong.is_closed_with(CloseCode::Normal).await;
    ended(&world, "login_refused", 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_drain_says_that_the_server_goes_away() {
    let world = World::usual(1).await;
    let mut web = Web::connect(&world, 0).await;
    let login = login_request("demo1", PASSWORD, Device::Windows);
    web.send(&Pdu::new(&login, 1).to_frame()).await;
    web.pdu_of::<ImLoginRes>().await;
    tokio::join!(world.end(), web.is_closed_with(CloseCode::Away));
}

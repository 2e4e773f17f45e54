//! Before the login: bytes that are no frames, commands that are none of a stranger's, logins that cannot be.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use proto::im::login::{ImLoginReq, ImLoginRes, ImRegistReq};
use proto::im::message::{ImClientTimeReq, ImClientTimeRsp};
use proto::im::other::ImHeartBeat;
use proto::{Body, CommandId, Pdu, commands};
use tokio::net::TcpSocket;
use tools::client::{Address, Client, Connection, Device, LoginError, Status, password_digest};
use tools::cluster::Role;

use super::{NOT_LET_IN, Unharmed, closed, socket_address};
use crate::person::{Person, Raw, login_request};
use crate::world::{PASSWORD, World};

const LOGINS: &str = "im_logins_total";

fn header_with_length(length: u32) -> [u8; 16] {
    let mut frame = [0; 16];
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame[5] = 1;
    frame
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    let too_short = (0..16).map(|length| header_with_length(length).to_vec());
    for bytes in too_short {
        let mut raw = Raw::connect(&world.msg(0)).await;
        raw.0.send(&bytes).await.unwrap();
        assert!(raw.is_closed().await.is_empty());
    }
    closed(&world, "frame_too_short", 16).await;

    let garbage: [&[u8]; 5] = [
        &header_with_length(u32::MAX),
        &header_with_length(8 * 1024 + 1),
        b"GET / HTTP/1.1\r\nHost: im.example.org\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0xff; 5000],
    ];
    for bytes in garbage {
        let mut raw = Raw::connect(&world.msg(0)).await;
        raw.0.send(bytes).await.unwrap();
        assert!(raw.is_closed().await.is_empty());
    }
    closed(&world, "frame_too_long", 4).await;
    // One of them begins as TLS does.
    closed(&world, "tls_not_expected", 1).await;

    // Logged in, a client may send larger frames, and no nonsense either.
    for length in [7, 400 * 1024 + 1] {
        let (mut raw, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
        raw.0.send(&header_with_length(length)).await.unwrap();
        raw.is_closed().await;
    }
    closed(&world, "frame_too_short", 17).await;
    closed(&world, "frame_too_long", 5).await;

    // Half a frame, and gone.
    let frame = Pdu::new(&login_request("demo1", PASSWORD, Device::Windows), 1).to_frame();
    for length in [0, 1, 15, 16, frame.len() - 1] {
        let mut raw = Raw::connect(&world.msg(0)).await;
        raw.0.send(&frame[..length]).await.unwrap();
    }
    closed(&world, "peer_closed", 5).await;
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn a_stranger_may_log_in_and_little_else() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    let harmless = [
        ImLoginReq::ID,
        ImRegistReq::ID,
        ImHeartBeat::ID,
        ImClientTimeReq::ID,
    ];
    let others = commands::all().map(|command| command.id);
    let others = others.chain([0, 0x0180, 0xffff].map(CommandId));
    let mut count = 0;
    for command in others.filter(|id| !harmless.contains(id)) {
        let mut raw = Raw::connect(&world.msg(0)).await;
        let pdu = Pdu::from_body(command, 9, Bytes::new());
        raw.0.send_pdu(&pdu).await.unwrap();
        assert!(raw.is_closed().await.is_empty(), "{command} is answered");
        count += 1;
    }
    closed(&world, "not_logged_in", count).await;

    let mut raw = Raw::connect(&world.msg(0)).await;
    let _echo: ImHeartBeat = raw.ask(&ImHeartBeat {}, 5).await;
    let time: ImClientTimeRsp = raw.ask(&ImClientTimeReq {}, 6).await;
    assert!(time.server_time > 1_700_000_000);
    let request = login_request("demo1", PASSWORD, Device::Windows);
    let answer: ImLoginRes = raw.ask(&request, 7).await;
    assert_eq!(answer.result_code, 0);
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn a_login_that_cannot_be_is_refused_with_its_code_and_closed() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    let good = || login_request("demo1", PASSWORD, Device::Windows);
    let bad_fields = [
        ImLoginReq {
            client_type: 0,
            ..good()
        },
        ImLoginReq {
            client_type: 3,
            ..good()
        },
        ImLoginReq {
            client_type: -1,
            ..good()
        },
        ImLoginReq {
            online_status: 0,
            ..good()
        },
        ImLoginReq {
            online_status: 4,
            ..good()
        },
        ImLoginReq {
            online_status: i32::MAX,
            ..good()
        },
    ];
    let wrong = [
        ImLoginReq {
            user_name: String::new(),
            ..good()
        },
        ImLoginReq {
            password: String::new(),
            ..good()
        },
        ImLoginReq {
            password: password_digest("Demo"),
            ..good()
        },
        ImLoginReq {
            password: PASSWORD.to_owned(),
            ..good()
        },
        ImLoginReq {
            user_name: "nobody".to_owned(),
            ..good()
        },
        ImLoginReq {
            user_name: "demo1' OR '1'='1".to_owned(),
            ..good()
        },
        ImLoginReq {
            user_name: "x".repeat(7000),
            ..good()
        },
        ImLoginReq {
            user_name: "\0\n\u{202e}".to_owned(),
            ..good()
        },
    ];
    let body = |request: &ImLoginReq| Pdu::new(request, 1).body;
    let (missing, no_name) = (Bytes::new(), body(&good()).slice(7..));
    let mut not_utf8 = body(&good()).to_vec();
    not_utf8[2] = 0xff;
    let unreadable = [Bytes::from(not_utf8), Bytes::from_static(&[0xff; 40])];

    let fields: Vec<Bytes> = bad_fields.iter().map(body).chain([missing]).collect();
    let wrong: Vec<Bytes> = wrong.iter().map(body).chain([no_name]).collect();
    for (outcome, bodies) in [
        ("bad_field", fields),
        ("refused", wrong),
        ("unreadable", unreadable.to_vec()),
    ] {
        for body in &bodies {
            let mut raw = Raw::connect(&world.msg(0)).await;
            let pdu = Pdu::from_body(ImLoginReq::ID, 0x1234, body.clone());
            raw.0.send_pdu(&pdu).await.unwrap();
            let answer: ImLoginRes = raw.answer(0x1234).await;
            assert_eq!(answer.result_code, NOT_LET_IN, "{outcome} {body:?}");
            assert_eq!(answer.user_info, None);
            assert!(raw.is_closed().await.is_empty());
        }
        let labels = [("outcome", outcome)];
        let count = bodies.len() as u64;
        world
            .counts_to(Role::MsgServer, 0, LOGINS, &labels, count)
            .await;
    }
    closed(&world, "login_refused", 18).await;
    unharmed.in_the_end(world).await;
}

/// D-28: nobody locks somebody else out.
#[tokio::test]
async fn guessing_is_stopped_where_it_comes_from_and_nowhere_else() {
    let world = World::usual(2).await;
    let guess = async |index: usize, password: &str| {
        let address = world.msg(index);
        match Person::try_at(&address, "demo2", password, Device::Windows).await {
            Ok(person) => Ok(person),
            Err(LoginError::Refused { code, message, .. }) => {
                assert_eq!(code, NOT_LET_IN);
                Err(message)
            }
            Err(error) => panic!("{error}"),
        }
    };
    for number in 1..=11 {
        let refusal = guess(number % 2, &format!("guess {number}")).await;
        assert_eq!(refusal.err().unwrap(), "wrong name or password");
    }
    for index in [0, 1] {
        let refusal = guess(index, PASSWORD).await;
        assert_eq!(
            refusal.err().unwrap(),
            "too many failures",
            "not even the right one"
        );
    }
    // The user himself, elsewhere, is not locked out; nor is anybody else here.
    let elsewhere = connection_from(Ipv4Addr::new(127, 0, 0, 2), &world.msg(0)).await;
    let login = Client::on(elsewhere).login("demo2", PASSWORD, Device::Windows, Status::Online);
    let (session, _events) = login.await.unwrap();
    session.ping().await.unwrap();
    Person::at(&world.msg(0), "demo1", Device::Windows).await;
    world.end().await;
}

async fn connection_from(source: Ipv4Addr, to: &Address) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    Connection::on(socket.connect(socket_address(to)).await.unwrap())
}

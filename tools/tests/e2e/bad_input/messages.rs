//! Messages that cannot be stored, too many of them, and receivers that do not read.

use bytes::Bytes;
use proto::im::base_define::{MsgType, SessionType};
use proto::im::login::ImLoginRes;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::{Body, Pdu};
use tokio::net::TcpSocket;
use tools::client::{Connection, Device};
use tools::cluster::Role;

use super::{CLOSED, Unharmed, closed, refused, socket_address};
use crate::person::{Person, Raw, login_request};
use crate::world::{PASSWORD, USUAL, World, soon};

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_answered_with_number_zero() {
    let world = World::usual(2).await;
    let unharmed = Unharmed::at_first(&world);
    let (mut alice, login) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let a = login.user_info.unwrap().user_id;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let b = bob.id();
    let text = || ImMsgData {
        to_session_id: b,
        msg_type: MsgType::SingleText as i32,
        msg_data: Bytes::from_static(b"text"),
        ..Default::default()
    };
    let sound = |bytes: usize| ImMsgData {
        msg_type: MsgType::SingleAudio as i32,
        msg_data: vec![7; bytes].into(),
        ..text()
    };
    let long = |bytes: usize| ImMsgData {
        msg_data: vec![b'x'; bytes].into(),
        ..text()
    };
    let to = |receiver: u32| ImMsgData {
        to_session_id: receiver,
        ..text()
    };
    let of_type = |msg_type: i32| ImMsgData { msg_type, ..text() };
    let keyed = |key: &[u8]| ImMsgData {
        client_msg_id: Some(Bytes::copy_from_slice(key)),
        ..text()
    };
    let refusals = [
        ("to_oneself", vec![to(a)]),
        ("no_receiver", vec![to(0)]),
        ("no_such_user", vec![to(4711), to(u32::MAX), to(1 << 31)]),
        (
            "no_such_group",
            vec![
                of_type(MsgType::GroupText as i32),
                ImMsgData {
                    msg_type: MsgType::GroupAudio as i32,
                    ..sound(5)
                },
            ],
        ),
        ("empty", vec![long(0), sound(0), sound(4)]),
        (
            "too_large",
            vec![long(64 * 1024 + 1), sound(256 * 1024 + 1)],
        ),
        (
            "bad_field",
            [0, 3, -1, 99, 0x13, i32::MIN].map(of_type).into(),
        ),
        ("bad_client_key", vec![keyed(b""), keyed(&[1; 65])]),
    ];
    for (reason, messages) in refusals {
        for message in &messages {
            let ack: ImMsgDataAck = alice.ask(message, 77).await;
            assert_eq!((ack.msg_id, ack.user_id), (0, a), "{reason}");
            assert_eq!(ack.session_id, message.to_session_id);
            let session_type = if message.msg_type & 0x10 == 0 {
                SessionType::Single
            } else {
                SessionType::Group
            };
            assert_eq!(ack.session_type, session_type as i32);
        }
        refused(&world, "CID_MSG_DATA", reason, messages.len() as u64).await;
    }

    // A body that is no message has no receiver to name.
    let pdu = Pdu::from_body(ImMsgData::ID, 78, Bytes::from_static(&[0xff; 9]));
    alice.0.send_pdu(&pdu).await.unwrap();
    let ack: ImMsgDataAck = alice.answer(78).await;
    assert_eq!((ack.msg_id, ack.user_id, ack.session_id), (0, a, 0));
    refused(&world, "CID_MSG_DATA", "unreadable", 1).await;

    // What is just small enough arrives; of all the rest nothing did.
    let largest = [long(64 * 1024), sound(256 * 1024), keyed(&[1; 64])];
    for (id, message) in (1..).zip(largest) {
        let ack: ImMsgDataAck = alice.ask(&message, 79).await;
        assert_eq!(ack.msg_id, id);
        let heard = bob.hears().await;
        assert_eq!((heard.id, heard.data), (id, message.msg_data));
    }
    let ids: Vec<u32> = bob
        .history(a, 2, 10)
        .await
        .unwrap()
        .iter()
        .map(|message| message.id)
        .collect();
    assert_eq!(ids, [2], "one that fills an answer comes alone");
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn every_message_of_a_flood_is_answered() {
    const FLOOD: u16 = 300;
    let world = World::usual(2).await;
    let unharmed = Unharmed::at_first(&world);
    let (mut alice, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let mut flood = Vec::new();
    for seq_num in 2..2 + FLOOD {
        let message = ImMsgData {
            to_session_id: bob.id(),
            msg_type: MsgType::SingleText as i32,
            msg_data: format!("number {seq_num}").into(),
            ..Default::default()
        };
        flood.extend_from_slice(&Pdu::new(&message, seq_num).to_frame());
    }
    alice.0.send(&flood).await.unwrap();
    let mut stored = Vec::new();
    let mut answered = Vec::new();
    while answered.len() < usize::from(FLOOD) {
        let pdu = alice.frame_of::<ImMsgDataAck>().await;
        let ack: ImMsgDataAck = pdu.decode().unwrap();
        answered.push(pdu.seq_num());
        if ack.msg_id != 0 {
            stored.push((pdu.seq_num(), ack.msg_id));
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, (2..2 + FLOOD).collect::<Vec<_>>(), "once each");

    // A burst is borne, the rest is refused; what is stored is in the order in which it was written.
    let refusals = u64::from(FLOOD) - stored.len() as u64;
    assert!(
        stored.len() >= 100 && refusals > 0,
        "{} stored",
        stored.len()
    );
    refused(&world, "CID_MSG_DATA", "too_fast", refusals).await;
    stored.sort_unstable();
    let ids: Vec<u32> = stored.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids, (1..=stored.len() as u32).collect::<Vec<_>>());
    for (seq_num, id) in stored {
        let heard = bob.hears().await;
        assert_eq!(heard.id, id);
        assert_eq!(heard.data, format!("number {seq_num}"));
    }
    unharmed.in_the_end(world).await;
}

/// D-31: what is not read does not pile up.
#[tokio::test]
async fn who_never_reads_is_hung_up_on_and_nobody_waits_for_him() {
    const QUEUE: &str = "FERROTALK_LIMITS__QUEUE_BYTES";
    const MOST: u32 = 1000;
    let world = World::start(USUAL, 2, |topology| {
        topology.limits = false;
        let bytes = (256 * 1024).to_string();
        topology
            .environment
            .push((Role::MsgServer, QUEUE.into(), bytes));
    })
    .await;
    let unharmed = Unharmed::at_first(&world);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(socket_address(&world.msg(0))).await.unwrap();
    let mut bob = Raw(Connection::on(stream));
    let request = login_request("demo2", PASSWORD, Device::Windows);
    let answer: ImLoginRes = bob.ask(&request, 1).await;
    let b = answer.user_info.unwrap().user_id;

    let alice = Person::at(&world.msg(1), "demo1", Device::Windows).await;
    let labels = [("listener", "clients"), ("reason", "slow_reader")];
    let slow = async || world.count(Role::MsgServer, 0, CLOSED, &labels).await;
    let mut sent = 0;
    while slow().await == 0 {
        assert!(sent < MOST, "he is still borne");
        for _ in 0..8 {
            let message = vec![b'x'; 60 * 1024];
            let id = alice.send_raw(b, MsgType::SingleText as i32, message);
            sent = id.await.unwrap().get();
        }
    }
    closed(&world, "slow_reader", 1).await;
    soon("the end", async { while bob.0.next().await.is_ok() {} }).await;

    // He finds what he has missed.
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    assert_eq!(bob.latest_id(alice.id()).await.unwrap(), sent);
    assert_eq!(bob.unread().await.unwrap().total_cnt, sent);
    unharmed.in_the_end(world).await;
}

//! The order of one client's messages while db_proxies come and go.

use std::time::Duration;

use im_base::shutdown::Shutdown;
use im_base::testkit::TestPeer;
use msg_server::Config;
use proto::im::base_define::{ClientType, UserInfo, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::im::server::{ImRoleSet, ImStopReceivePacket, ImValidateReq, ImValidateRsp};
use proto::{Body, Pdu};
use tokio::net::{TcpListener, TcpStream};

use crate::bed::text;

type Peer = TestPeer<TcpStream>;

/// What the next of the two db_proxies was asked, and which one that was.
async fn asked(dbs: &mut [Peer; 2]) -> (usize, Pdu) {
    let [one, other] = dbs;
    let (at, pdu) = tokio::select! {
        pdu = one.receive() => (0, pdu),
        pdu = other.receive() => (1, pdu),
    };
    (at, pdu.unwrap())
}

async fn asked_to_store(dbs: &mut [Peer; 2]) -> (usize, ImMsgData, u16) {
    loop {
        let (at, pdu) = asked(dbs).await;
        if pdu.command() == ImMsgData::ID {
            return (at, pdu.decode().unwrap(), pdu.seq_num());
        }
    }
}

async fn login(clients: std::net::SocketAddr, dbs: &mut [Peer; 2]) -> Peer {
    let mut client = TestPeer::new(TcpStream::connect(clients).await.unwrap());
    let request = ImLoginReq {
        user_name: "1".to_owned(),
        password: "x".to_owned(),
        online_status: UserStatType::UserStatusOnline as i32,
        client_type: ClientType::Windows as i32,
        ..Default::default()
    };
    client.send(&request, 1).await;
    let (at, pdu) = loop {
        let (at, pdu) = asked(dbs).await;
        if pdu.command() == ImValidateReq::ID {
            break (at, pdu);
        }
    };
    let answer = ImValidateRsp {
        user_name: "1".to_owned(),
        result_code: 0,
        user_info: Some(UserInfo {
            user_id: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    dbs[at].send(&answer, pdu.seq_num()).await;
    assert_eq!(client.expect::<ImLoginRes>().await.0.result_code, 0);
    client
}

fn message(body: &'static str) -> ImMsgData {
    ImMsgData {
        to_session_id: 2,
        msg_data: body.into(),
        ..text(1, 0)
    }
}

/// A db_proxy that is about to stop does not read any more what was on its way to it. What its client wrote after that goes to
/// another one, and not before.
#[tokio::test]
async fn a_message_does_not_overtake_another_by_way_of_another_db_proxy() {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let (one, other, routes) = (
        listen().await.unwrap(),
        listen().await.unwrap(),
        listen().await.unwrap(),
    );
    let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
    let mut config = Config::default();
    config.limits.enabled = false;
    config.clients.listen = "127.0.0.1:0".to_owned();
    config.announce.address1 = "127.0.0.1".to_owned();
    config.peers.login = vec![];
    config.peers.db = vec![address(&one), address(&other)];
    config.peers.route = vec![address(&routes)];
    config.websocket.listen = String::new();
    let shutdown = Shutdown::new();
    let started = msg_server::start(config, shutdown.clone()).await.unwrap();
    let mut dbs = [
        TestPeer::new(one.accept().await.unwrap().0),
        TestPeer::new(other.accept().await.unwrap().0),
    ];
    let mut route = TestPeer::new(routes.accept().await.unwrap().0);
    route.expect::<ImRoleSet>().await;
    let mut client = login(started.clients.unwrap(), &mut dbs).await;

    client.send(&message("1"), 1).await;
    client.send(&message("2"), 2).await;
    let (first, answered, number) = asked_to_store(&mut dbs).await;
    let (at, _open, _) = asked_to_store(&mut dbs).await;
    assert_eq!(at, first, "a conversation has one db_proxy");
    dbs[first].send(&ImStopReceivePacket { result: 0 }, 0).await;
    let stored = ImMsgData {
        msg_id: 1,
        ..answered
    };
    dbs[first].send(&stored, number).await;
    // it has been read by now that this db_proxy is about to stop
    client.expect::<ImMsgDataAck>().await;
    client.send(&message("3"), 3).await;
    client
        .send(
            &ImMsgData {
                to_session_id: 3,
                ..message("another")
            },
            4,
        )
        .await;

    let mut order = Vec::new();
    loop {
        let (at, asked, _) = asked_to_store(&mut dbs).await;
        assert_ne!(at, first);
        match &asked.msg_data[..] {
            b"another" => break,
            _ => order.push(asked.msg_data),
        }
    }
    let [one, other] = dbs;
    let (gone, mut left) = if first == 0 {
        (one, other)
    } else {
        (other, one)
    };
    drop(gone);
    while order.len() < 2 {
        order.push(left.expect::<ImMsgData>().await.0.msg_data);
    }
    assert_eq!(order, ["2", "3"]);
    drop((left, route));
    shutdown.run(Duration::from_secs(2)).await;
}

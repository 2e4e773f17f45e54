//! How the clients of a msg_server that is told to stop are moved.

use std::time::Duration;

use im_base::shutdown::Ending;
use im_base::task::Tasks;
use im_base::testkit::TestPeer;
use proto::im::base_define::{ClientType, KickReasonType};
use proto::im::ext::login::{ImReconnect, ImServersReq, ImServersRsp, ServerAddress};
use proto::im::ext::other::ImPace;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImMsgServInfo, ImServerKickUser, ImUserStatusUpdate};
use proto::{Body, capability};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::bed::{Bed, Known, text};

fn other_server() -> ServerAddress {
    ServerAddress {
        ip1: "10.0.0.9".to_owned(),
        ip2: "10.0.0.9".to_owned(),
        port: 8000,
        tls_port: None,
    }
}

#[tokio::test]
async fn who_understands_it_is_served_until_he_has_gone_and_the_others_are_closed() {
    let logins = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = logins.local_addr().unwrap().to_string();
    let mut bed = Bed::with(|config| {
        config.peers.login = vec![address];
        config.limits.drain_seconds = 3;
    })
    .await;
    let (stream, _) = logins.accept().await.unwrap();
    let mut login_server = TestPeer::new(stream);
    let pace = ImPace {
        heartbeat_ms: 60_000,
        capabilities: None,
    };
    login_server.send(&pace, 0).await;
    login_server.expect::<ImHeartBeat>().await;
    login_server.expect::<ImHeartBeat>().await;
    let mut able = bed
        .login_with(
            ClientType::Windows,
            1,
            Known::default(),
            capability::RECONNECT,
        )
        .await;
    let mut stock = bed.login(2, Known::default()).await;

    let (ended, ending) = oneshot::channel();
    let shutdown = bed.shutdown.clone();
    Tasks::default().spawn("shutdown", async move {
        let _unwanted = ended.send(shutdown.run(Duration::from_secs(20)).await);
    });
    loop {
        let (info, _) = login_server.expect::<ImMsgServInfo>().await;
        if info.max_conn_cnt == 0 {
            break;
        }
    }
    let (_, number) = login_server.expect::<ImServersReq>().await;
    let answer = ImServersRsp {
        server: vec![other_server()],
    };
    login_server.send(&answer, number).await;

    let (reconnect, _) = able.0.expect::<ImReconnect>().await;
    assert_eq!(reconnect.server, [other_server()]);
    assert_eq!(reconnect.within_ms, 3_000);
    assert!(reconnect.after_ms <= reconnect.within_ms);
    // closed without a word, as by any lost connection
    stock.0.expect_close().await;
    // served as before
    able.0.send(&ImHeartBeat {}, 9).await;
    assert_eq!(able.0.expect::<ImHeartBeat>().await.1, 9);
    let message = ImMsgData {
        to_session_id: 1,
        ..text(2, 5)
    };
    bed.route.send(&message, 0).await;
    assert_eq!(able.0.expect::<ImMsgData>().await.0.msg_id, 5);
    // the client has logged in elsewhere, and what it still sends here is answered
    let moved = ImServerKickUser {
        user_id: 1,
        client_type: ClientType::Windows as i32,
        reason: KickReasonType::KickReasonDuplicateUser as u32,
        login_stamp: None,
    };
    bed.route.send(&moved, 0).await;
    bed.route.send(&message, 0).await;
    bed.route.expect::<ImUserStatusUpdate>().await;
    let own = ImMsgData {
        to_session_id: 2,
        msg_id: 0,
        ..text(1, 0)
    };
    able.0.send(&own, 11).await;
    assert_eq!(able.0.receive().await.unwrap().command(), ImMsgDataAck::ID);
    drop(able);
    assert_eq!(ending.await.unwrap(), Ending::Clean);
}

#[tokio::test]
async fn without_another_server_everybody_is_closed_at_once() {
    let bed = Bed::with(|config| config.limits.drain_seconds = 3_000).await;
    let mut able = bed
        .login_with(
            ClientType::Windows,
            1,
            Known::default(),
            capability::RECONNECT,
        )
        .await;
    let mut stock = bed.login(2, Known::default()).await;
    let shutdown = bed.shutdown.clone();
    let (ending, (), ()) = tokio::join!(
        shutdown.run(Duration::from_secs(20)),
        able.0.expect_close(),
        stock.0.expect_close(),
    );
    assert_eq!(ending, Ending::Clean);
}

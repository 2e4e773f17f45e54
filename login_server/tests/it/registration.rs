//! msg_servers register, report their load, and go.

use im_base::net::listener;
use im_base::shutdown::Ending;
use im_base::telemetry::metrics::REFUSALS;
use proto::Pdu;
use proto::im::ext::login::{ImServersReq, ImServersRsp};
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImMsgServInfo, ImUserCntUpdate};
use tokio::time::timeout;

use crate::support::{CAME, PATIENCE, Server, WENT, announcement, config, entry, metric};

#[tokio::test]
async fn clients_go_where_the_load_is_least_for_the_capacity() {
    let server = Server::start().await;
    let mut large = server.msg_server(8000, 10, 100).await;
    let _small = server.msg_server(8001, 5, 10).await;
    assert_eq!(server.ask().await, Ok(8000));
    for _ in 0..60 {
        large.send(&CAME, 0).await;
    }
    server
        .until(|directory| entry(directory, 8000) == Some((70, 100)))
        .await;
    assert_eq!(server.ask().await, Ok(8001));
    for _ in 0..40 {
        large.send(&WENT, 0).await;
    }
    server
        .until(|directory| entry(directory, 8000) == Some((30, 100)))
        .await;
    assert_eq!(server.ask().await, Ok(8000));
}

#[tokio::test]
async fn one_that_stops_is_told_where_its_clients_could_go() {
    let server = Server::start().await;
    let mut stopping = server.msg_server(8000, 3, 100).await;
    let _half_full = server.msg_server(8001, 5, 10).await;
    let _full = server.msg_server(8002, 10, 10).await;
    let _emptiest = server.msg_server(8003, 10, 100).await;
    stopping.send(&announcement(8000, 3, 0), 0).await;
    for (most, expected) in [(9, vec![8003, 8001]), (1, vec![8003]), (0, vec![])] {
        stopping.send(&ImServersReq { most }, 7).await;
        let (answer, number) = stopping.expect::<ImServersRsp>().await;
        assert_eq!(number, 7);
        let ports: Vec<u32> = answer.server.iter().map(|server| server.port).collect();
        assert_eq!(ports, expected);
    }
}

/// D-20: who was sent somewhere counts there.
#[tokio::test]
async fn a_burst_of_clients_is_spread_before_the_first_has_logged_in() {
    let server = Server::start().await;
    let _peers = (
        server.msg_server(8000, 0, 100).await,
        server.msg_server(8001, 0, 100).await,
        server.msg_server(8002, 0, 100).await,
    );
    let mut named = Vec::new();
    for _ in 0..6 {
        named.push(server.ask().await.unwrap());
    }
    assert_eq!(named, [8000, 8001, 8002, 8000, 8001, 8002]);
}

/// D-20: a count has an end.
#[tokio::test]
async fn the_load_never_falls_below_zero() {
    let server = Server::start().await;
    let mut msg_server = server.msg_server(8000, 1, 10).await;
    for _ in 0..3 {
        msg_server.send(&WENT, 0).await;
    }
    // Any action but "came" is one that went.
    msg_server
        .send(
            &ImUserCntUpdate {
                user_action: 77,
                user_id: 5,
            },
            0,
        )
        .await;
    for _ in 0..2 {
        msg_server.send(&CAME, 0).await;
    }
    server
        .until(|directory| entry(directory, 8000) == Some((2, 10)))
        .await;
}

#[tokio::test]
async fn a_second_announcement_replaces_the_first() {
    let server = Server::start().await;
    let mut msg_server = server.msg_server(8000, 9, 10).await;
    msg_server.send(&announcement(8000, 3, 10), 0).await;
    server
        .until(|directory| entry(directory, 8000) == Some((3, 10)))
        .await;
    assert_eq!(server.started.directory.registered().len(), 1);
    assert_eq!(server.ask().await, Ok(8000));

    // It drains: clients that are there may stay, nobody else is sent.
    msg_server.send(&announcement(8000, 4, 0), 0).await;
    server
        .until(|directory| entry(directory, 8000) == Some((4, 0)))
        .await;
    assert_eq!(server.ask().await, Err(2));
    let _another = server.msg_server(8001, 9, 10).await;
    assert_eq!(server.ask().await, Ok(8001));
}

#[tokio::test]
async fn an_entry_goes_with_its_connection() {
    let server = Server::start().await;
    let gone = server.msg_server(8000, 0, 10).await;
    let mut broken = server.msg_server(8001, 0, 10).await;
    drop(gone);
    server
        .until(|directory| entry(directory, 8000).is_none())
        .await;
    assert_eq!(server.ask().await, Ok(8001));
    broken.send_bytes(&[0xff; 16]).await;
    broken.expect_close().await;
    server
        .until(|directory| directory.registered().is_empty())
        .await;
    assert_eq!(server.ask().await, Err(1));
    let _back = server.msg_server(8000, 2, 10).await;
    assert_eq!(server.ask().await, Ok(8000));
}

#[tokio::test]
async fn an_announcement_without_a_usable_address_is_turned_away() {
    let server = Server::start().await;
    for unusable in [
        announcement(0, 0, 10),
        announcement(65_536, 0, 10),
        ImMsgServInfo {
            ip1: String::new(),
            ..announcement(8000, 0, 10)
        },
    ] {
        let mut msg_server = server.server().await;
        msg_server.send(&unusable, 0).await;
        msg_server.expect_close().await;
    }
    assert!(server.started.directory.registered().is_empty());
    assert!(metric(REFUSALS, &[r#"reason="bad_announcement""#]) >= 3.0);
}

#[tokio::test]
async fn a_missing_second_address_is_the_first() {
    let server = Server::start().await;
    let mut msg_server = server.server().await;
    let info = ImMsgServInfo {
        ip2: String::new(),
        ..announcement(8000, 0, 10)
    };
    msg_server.send(&info, 0).await;
    server
        .until(|directory| !directory.registered().is_empty())
        .await;
    assert_eq!(
        server.started.directory.registered()[0].address.ip2,
        "10.0.0.1"
    );
}

#[tokio::test]
async fn what_cannot_be_read_or_comes_too_early_changes_nothing() {
    let server = Server::start().await;
    let mut msg_server = server.server().await;
    msg_server.send(&CAME, 0).await;
    msg_server.send(&ImHeartBeat {}, 0).await;
    let garbage = Pdu::from_body(<ImMsgServInfo as proto::Body>::ID, 0, vec![0xff; 9].into());
    msg_server.send_bytes(&garbage.to_frame()).await;
    msg_server.send(&announcement(8000, 0, 10), 0).await;
    server
        .until(|directory| entry(directory, 8000) == Some((0, 10)))
        .await;
    assert!(metric(REFUSALS, &[r#"reason="not_announced""#]) >= 1.0);
    assert!(
        metric(
            REFUSALS,
            &[
                r#"command="CID_OTHER_MSG_SERV_INFO""#,
                r#"reason="unreadable""#
            ]
        ) >= 1.0
    );
}

#[tokio::test]
async fn a_restarted_server_has_its_ports_again_and_learns_anew() {
    let first = Server::start().await;
    let mut msg_server = first.msg_server(8000, 0, 10).await;
    let idle_client = first.client().await;
    assert_eq!(first.ask().await, Ok(8000));
    let mut config = config();
    config.clients.http = first.http().to_string();
    config.clients.tcp = first.started.clients_tcp.unwrap().to_string();
    config.servers.listen = first.started.servers.to_string();

    assert_eq!(first.shutdown.run(PATIENCE).await, Ending::Clean);
    timeout(PATIENCE, msg_server.expect_close())
        .await
        .expect("told at once");
    assert!(first.started.directory.registered().is_empty());

    // Connections of the first one are still there while the second one starts.
    let second = Server::start_with(config).await;
    drop((msg_server, idle_client));
    assert_eq!(second.ask().await, Err(1));
    let _msg_server = second.msg_server(8000, 0, 10).await;
    assert_eq!(second.ask().await, Ok(8000));
    assert!(listener::bind(&second.http().to_string()).await.is_err());
}

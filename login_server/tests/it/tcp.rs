//! The question as a frame, and what else arrives on the two TCP ports.

use im_base::telemetry::metrics::{CONNECTIONS_CLOSED, HANDOUTS, REFUSALS};
use im_base::testkit::TestPeer;
use proto::im::login::{ImLoginReq, ImMsgServReq, ImMsgServRsp};
use proto::im::other::ImHeartBeat;
use proto::{CommandId, Header, Pdu};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, Server, announcement, metric};

/// Asks, and makes sure that the connection ends behind the answer.
async fn ask(mut client: TestPeer<TcpStream>) -> ImMsgServRsp {
    client.send(&ImMsgServReq {}, 4711).await;
    let (answer, seq_num) = client.expect::<ImMsgServRsp>().await;
    assert_eq!(seq_num, 4711);
    assert_eq!(client.receive().await, None);
    answer
}

fn refused(result_code: i32) -> ImMsgServRsp {
    ImMsgServRsp {
        result_code,
        prior_ip: None,
        backip_ip: None,
        port: None,
        tls_port: None,
    }
}

#[tokio::test]
async fn the_question_is_answered_on_both_ports() {
    let server = Server::start().await;
    assert_eq!(ask(server.client().await).await, refused(1));
    assert_eq!(ask(server.server().await).await, refused(1));
    let _msg_server = server.msg_server(8000, 7, 9).await;
    let named = ImMsgServRsp {
        result_code: 0,
        prior_ip: Some("10.0.0.1".to_owned()),
        backip_ip: Some("203.0.113.1".to_owned()),
        port: Some(8000),
        tls_port: None,
    };
    assert_eq!(ask(server.client().await).await, named);
    assert_eq!(ask(server.server().await).await, named);
    // Both places are taken by clients on their way.
    assert_eq!(ask(server.client().await).await, refused(2));
    assert!(metric(HANDOUTS, &[r#"transport="tcp""#, r#"outcome="ok""#]) >= 2.0);
}

#[tokio::test]
async fn a_command_from_the_future_is_counted_and_passed_over() {
    let server = Server::start().await;
    let unknown = [r#"from="client""#, r#"command="unknown""#];
    let before = metric(REFUSALS, &unknown);
    let mut client = server.client().await;
    let newer = Pdu::from_body(CommandId(0x01f0), 1, vec![1, 2, 3].into());
    client.send_bytes(&newer.to_frame()).await;
    assert_eq!(ask(client).await, refused(1));
    assert!(metric(REFUSALS, &unknown) > before);
}

/// What must end a connection, and the reason that is counted.
fn bad_input() -> Vec<(&'static str, Vec<u8>)> {
    let length = |length: u32| length.to_be_bytes().to_vec();
    let mut oversize = Vec::new();
    Header::new(CommandId(0x0101), 1, 100_000).write(&mut oversize);
    vec![
        (
            "frame_too_long",
            b"GET /msg_server HTTP/1.1\r\n\r\n".to_vec(),
        ),
        ("frame_too_long", vec![0xff; 5000]),
        ("frame_too_long", oversize),
        ("frame_too_short", length(0)),
        ("frame_too_short", length(15)),
        (
            "forbidden_command",
            Pdu::new(&ImLoginReq::default(), 1).to_frame().to_vec(),
        ),
        (
            "forbidden_command",
            Pdu::new(&ImMsgServRsp::default(), 1).to_frame().to_vec(),
        ),
    ]
}

async fn assert_closed(mut peer: TestPeer<TcpStream>, listener: &str, reason: &str, bytes: &[u8]) {
    let labels = [
        &*format!("listener={listener:?}"),
        &*format!("reason={reason:?}"),
    ];
    let before = metric(CONNECTIONS_CLOSED, &labels);
    peer.send_bytes(bytes).await;
    peer.expect_close().await;
    drop(peer);
    let counted = async {
        while metric(CONNECTIONS_CLOSED, &labels) <= before {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, counted)
        .await
        .unwrap_or_else(|_| panic!("{bytes:?} on {listener} is not counted as {reason}"));
}

#[tokio::test]
async fn bad_input_closes_with_a_counted_reason_and_others_are_served_on() {
    let server = Server::start().await;
    for (reason, bytes) in bad_input() {
        assert_closed(server.client().await, "clients_tcp", reason, &bytes).await;
        assert_closed(server.server().await, "servers", reason, &bytes).await;
    }
    // Commands of the other port's senders.
    for frame in [
        Pdu::new(&announcement(8000, 0, 10), 0).to_frame(),
        Pdu::new(&ImHeartBeat {}, 0).to_frame(),
    ] {
        assert_closed(
            server.client().await,
            "clients_tcp",
            "forbidden_command",
            &frame,
        )
        .await;
    }
    let registered = [
        Pdu::new(&announcement(8000, 0, 10), 0).to_frame(),
        Pdu::new(&ImMsgServReq {}, 0).to_frame(),
    ];
    assert_closed(
        server.server().await,
        "servers",
        "forbidden_command",
        &registered.concat(),
    )
    .await;
    assert_eq!(ask(server.client().await).await, refused(1));
}

#[tokio::test]
async fn a_frame_that_breaks_off_is_no_question() {
    let server = Server::start().await;
    let frame = Pdu::new(&ImMsgServReq {}, 1).to_frame();
    for cut in [1, 4, 15] {
        for mut peer in [server.client().await, server.server().await] {
            peer.send_bytes(&frame[..cut]).await;
        }
    }
    assert_eq!(ask(server.client().await).await, refused(1));
}

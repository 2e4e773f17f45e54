//! From a received command to its handler and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{HandlerError, Router, serve};
use im_base::net::{CloseReason, Connection, Outbox};
use im_base::telemetry::metrics;
use im_base::testkit::TestPeer;
use parking_lot::Mutex;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::ids::UserId;
use proto::im::login::{
    ImMsgServReq, ImPushShieldReq, ImPushShieldRsp, ImQueryPushShieldReq, ImQueryPushShieldRsp,
    ImRegistReq, ImRegistRes,
};
use proto::im::message::ImMsgDataReadAck;
use proto::im::other::ImHeartBeat;
use proto::{Body, CommandId, NoReply, Pdu, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::{Notify, Semaphore};

use crate::support::{CLIENT, apart, metric, pair};

const MAX_IN_FLIGHT: usize = 3;

/// A logged-in user. Settings above 100 wait until the gate lets one through.
#[derive(Clone)]
struct Session {
    user_id: UserId,
    gate: Arc<Semaphore>,
    started: Arc<Mutex<Vec<u32>>>,
    finished: Arc<AtomicUsize>,
}

impl Actor for Session {
    fn user_id(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Session {
    fn new() -> Self {
        Self {
            user_id: UserId::new(7).unwrap(),
            gate: Arc::new(Semaphore::new(0)),
            started: Arc::default(),
            finished: Arc::default(),
        }
    }

    fn started(&self) -> Vec<u32> {
        self.started.lock().clone()
    }
}

async fn set(session: Session, request: ImPushShieldReq) -> Result<ImPushShieldRsp, HandlerError> {
    let setting = request.shield_status;
    session.started.lock().push(setting);
    if setting > 100 {
        session.gate.acquire().await.unwrap().forget();
    }
    session.finished.fetch_add(1, Ordering::Relaxed);
    match setting {
        98 => Err(HandlerError::Close(CloseReason("broke_the_rules"))),
        99 => Err(HandlerError::Refused("not_today")),
        _ => Ok(ImPushShieldRsp {
            user_id: request.user_id,
            result_code: 0,
            shield_status: Some(setting),
            attach_data: None,
        }),
    }
}

fn get(session: &Session, _: ImQueryPushShieldReq) -> Result<ImQueryPushShieldRsp, HandlerError> {
    Ok(ImQueryPushShieldRsp {
        user_id: session.user_id.get(),
        ..Default::default()
    })
}

/// Done when the gate lets it through.
async fn read(session: Session, ack: ImMsgDataReadAck) -> Result<NoReply, HandlerError> {
    session.started.lock().push(ack.msg_id);
    session.gate.acquire().await.unwrap().forget();
    Ok(NoReply)
}

fn router() -> Router<Session> {
    metrics::init();
    Router::new(Role::Client, Role::MsgServer)
        .on(set)
        .on_sync(get)
        .on_hold(read)
        .on_sync(|_, _: ImRegistReq| Err::<ImRegistRes, _>(HandlerError::Refused("of_course")))
        .on_pdu::<ImHeartBeat>(|_, pdu| Ok(Some(pdu.clone())))
}

fn setting(shield_status: u32) -> ImPushShieldReq {
    ImPushShieldReq {
        user_id: 999,
        shield_status,
        attach_data: None,
    }
}

/// Serves until the other side ends it; the connection closes with it.
async fn serve_forever(mut connection: Connection<DuplexStream>, session: Session) -> CloseReason {
    let never = std::future::pending();
    let (reason, leftover) =
        serve(&mut connection, &router(), &session, MAX_IN_FLIGHT, never).await;
    leftover.finish().await;
    reason
}

/// Plays a client's part against a served connection.
async fn play<F: Future<Output = ()>>(script: impl FnOnce(TestPeer<DuplexStream>, Session) -> F) {
    let (connection, peer) = pair(CLIENT);
    let session = Session::new();
    let served = apart(serve_forever(connection, session.clone()));
    tokio::select! {
        reason = served => panic!("closed: {reason:?}"),
        () = script(peer, session) => {}
    }
}

/// How a connection ends after these bytes.
async fn end_after(bytes: &[u8]) -> CloseReason {
    let (connection, mut peer) = pair(CLIENT);
    peer.send_bytes(bytes).await;
    serve_forever(connection, Session::new()).await
}

/// Lets everything happen that can: the paused clock moves only when nobody has anything to do.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_session_acts_and_the_number_comes_back() {
    play(async |mut peer, _| {
        peer.send(&setting(1), 4711).await;
        let (reply, seq_num) = peer.expect::<ImPushShieldRsp>().await;
        assert_eq!((reply.user_id, reply.shield_status), (7, Some(1)));
        assert_eq!(seq_num, 4711);
        peer.send(&ImQueryPushShieldReq::default(), 65_535).await;
        assert_eq!(peer.expect::<ImQueryPushShieldRsp>().await.1, 65_535);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_command_is_counted_and_passed_over() {
    metrics::init();
    let unknown = [
        r#"from="client""#,
        r#"command="unknown""#,
        r#"reason="unknown_command""#,
    ];
    let before = metric(metrics::REFUSALS, &unknown);
    play(async |mut peer, _| {
        let newer = Pdu::from_body(CommandId(0x017f), 1, Default::default());
        peer.send_bytes(&newer.to_frame()).await;
        peer.send(&setting(1), 2).await;
        assert_eq!(peer.receive().await.unwrap().seq_num(), 2);
    })
    .await;
    assert_eq!(metric(metrics::REFUSALS, &unknown), before + 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_the_senders_closes() {
    let question = Pdu::new(&ImMsgServReq {}, 1).to_frame();
    assert_eq!(end_after(&question).await.0, "forbidden_command");
    let of_a_server = Pdu::new(&proto::im::server::ImMsgServInfo::default(), 1).to_frame();
    assert_eq!(end_after(&of_a_server).await.0, "forbidden_command");
    let labels = [
        r#"command="CID_OTHER_MSG_SERV_INFO""#,
        r#"reason="forbidden_command""#,
    ];
    assert_eq!(metric(metrics::REFUSALS, &labels), 1.0);
}

/// Where the command's own refusal has a field for it.
#[tokio::test(start_paused = true)]
async fn a_refusal_says_why() {
    play(async |mut peer, _| {
        peer.send(&ImRegistReq::default(), 8).await;
        let (reply, seq_num) = peer.expect::<ImRegistRes>().await;
        assert_eq!((reply.result_code, seq_num), (1, 8));
        assert_eq!(reply.reason.as_deref(), Some("of_course"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_body_gets_the_commands_refusal() {
    play(async |mut peer, session| {
        let garbage = Pdu::from_body(ImPushShieldReq::ID, 9, vec![0xff; 5].into());
        peer.send_bytes(&garbage.to_frame()).await;
        let (reply, seq_num) = peer.expect::<ImPushShieldRsp>().await;
        assert_eq!((reply.user_id, reply.result_code, seq_num), (7, 1, 9));
        assert!(session.started().is_empty());
    })
    .await;
    let labels = [
        r#"command="CID_LOGIN_REQ_PUSH_SHIELD""#,
        r#"reason="unreadable""#,
    ];
    assert_eq!(metric(metrics::REFUSALS, &labels), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error_becomes_the_refusal_or_the_end() {
    play(async |mut peer, _| {
        peer.send(&setting(99), 3).await;
        let (reply, seq_num) = peer.expect::<ImPushShieldRsp>().await;
        assert_eq!((reply.user_id, reply.result_code, seq_num), (7, 1, 3));
    })
    .await;
    assert_eq!(metric(metrics::REFUSALS, &[r#"reason="not_today""#]), 1.0);
    let end = end_after(&Pdu::new(&setting(98), 1).to_frame()).await;
    assert_eq!(end.0, "broke_the_rules");
}

#[tokio::test(start_paused = true)]
async fn replies_overtake_each_other_but_requests_start_in_order() {
    play(async |mut peer, session| {
        for (seq_num, wanted) in [(1, 101), (2, 2), (3, 102), (4, 4), (5, 5)] {
            peer.send(&setting(wanted), seq_num).await;
        }
        for overtaker in [2, 4, 5] {
            assert_eq!(peer.receive().await.unwrap().seq_num(), overtaker);
        }
        assert_eq!(session.started(), [101, 2, 102, 4, 5]);
        session.gate.add_permits(2);
        for waiting in [1, 3] {
            assert_eq!(peer.receive().await.unwrap().seq_num(), waiting);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_overtakes_a_request_that_holds_the_others_up() {
    play(async |mut peer, session| {
        let ack = ImMsgDataReadAck {
            msg_id: 50,
            ..Default::default()
        };
        peer.send(&setting(1), 1).await;
        peer.send(&ack, 2).await;
        peer.send(&setting(2), 3).await;
        assert_eq!(peer.receive().await.unwrap().seq_num(), 1);
        settle().await;
        assert_eq!(session.started(), [1, 50]);
        session.gate.add_permits(1);
        assert_eq!(peer.receive().await.unwrap().seq_num(), 3);
        assert_eq!(session.started(), [1, 50, 2]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_flight_stops_the_reading_until_one_has_landed() {
    play(async |mut peer, session| {
        for n in 1..=5 {
            peer.send(&setting(100 + n), n as u16).await;
        }
        settle().await;
        assert_eq!(session.started(), [101, 102, 103]);
        session.gate.add_permits(1);
        assert_eq!(peer.receive().await.unwrap().seq_num(), 1);
        settle().await;
        assert_eq!(session.started(), [101, 102, 103, 104]);
        session.gate.add_permits(4);
        for seq_num in 2..=5 {
            assert_eq!(peer.receive().await.unwrap().seq_num(), seq_num);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_after_a_burst_of_answers_was_written() {
    play(async |mut peer, _| {
        // More than one fill of the read buffer, and each fill answered with as much.
        let burst = Pdu::new(&ImHeartBeat {}, 5).to_frame().repeat(20_000);
        let (mut sender, mut receiver) = (0, 0);
        while sender < burst.len() {
            let end = burst.len().min(sender + 400_000);
            peer.send_bytes(&burst[sender..end]).await;
            sender = end;
            while receiver < sender / 16 {
                assert_eq!(peer.receive().await.unwrap().seq_num(), 5);
                receiver += 1;
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_no_answers_is_served_nothing_more() {
    // Large enough that a reader makes room for everything that waits at once.
    let (ours, theirs) = duplex(256 * 1024);
    let outbox = Outbox::new(1024 * 1024);
    let connection = Connection::new(ours, outbox.clone(), CLIENT, MAX_CLIENT_FRAME);
    let session = Session::new();
    let _served = apart(serve_forever(connection, session.clone()));
    let (mut answers, mut requests) = split(theirs);
    let _flood = apart(async move {
        let request = Pdu::new(&setting(1), 1).to_frame();
        while requests.write_all(&request).await.is_ok() {}
    });
    settle().await;
    let stuck_at = session.started().len();
    assert!(outbox.queued() < 70 * 1024, "{} bytes", outbox.queued());
    let mut buffer = vec![0; 1024 * 1024];
    answers.read_exact(&mut buffer).await.unwrap();
    assert!(
        session.started().len() > stuck_at,
        "it goes on once they are read"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_at_a_hang_up_is_finished() {
    let (mut connection, mut peer) = pair(CLIENT);
    let session = Session::new();
    peer.send(&setting(101), 1).await;
    peer.send(&setting(102), 2).await;
    drop(peer);
    let never = std::future::pending();
    let (reason, leftover) = serve(&mut connection, &router(), &session, 8, never).await;
    assert_eq!(reason, CloseReason::PEER_CLOSED);
    assert_eq!(session.started(), [101, 102]);
    assert_eq!(session.finished.load(Ordering::Relaxed), 0);
    session.gate.add_permits(2);
    leftover.finish().await;
    assert_eq!(session.finished.load(Ordering::Relaxed), 2);
}

/// D-39: nothing is done behind the end of a session.
#[tokio::test(start_paused = true)]
async fn an_end_from_outside_waits_for_what_is_in_flight_and_takes_up_nothing_more() {
    let (mut connection, mut peer) = pair(CLIENT);
    let session = Session::new();
    let told = Notify::new();
    let end = async {
        told.notified().await;
        CloseReason::SHUTDOWN
    };
    let script = async {
        peer.send(&setting(101), 1).await;
        settle().await;
        told.notify_one();
        settle().await;
        peer.send(&setting(2), 2).await;
        settle().await;
        session.gate.add_permits(1);
        assert_eq!(peer.receive().await.unwrap().seq_num(), 1);
        peer
    };
    let router = router();
    let served = async {
        let (reason, leftover) = serve(&mut connection, &router, &session, 8, end).await;
        leftover.finish().await;
        connection.close(reason).await;
        reason
    };
    let (reason, mut peer) = tokio::join!(served, script);
    assert_eq!(reason, CloseReason::SHUTDOWN);
    assert_eq!(session.started(), [101]);
    assert_eq!(peer.receive().await, None);
}

#[test]
#[should_panic(expected = "does not go from")]
fn a_path_the_protocol_does_not_have_is_no_row() {
    let _table = Router::<Session>::new(Role::DbProxy, Role::MsgServer).on(set);
}

#[test]
#[should_panic(expected = "in the table twice")]
fn a_command_is_in_a_table_once() {
    let _table = router().on(set);
}

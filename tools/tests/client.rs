//! The client library against a server that each test scripts by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "client/fake.rs"]
mod fake;

use std::time::Duration;

use bytes::Bytes;
use fake::{ME, Peer, login};
use proto::Body;
use proto::capability;
use proto::im::base_define::{UserStat, UserStatType};
use proto::im::buddy::{ImAllUserReq, ImAllUserRsp, ImUserStatNotify};
use proto::im::ext::other::ImNak;
use proto::im::login::{ImKickUser, ImLoginReq, ImLoginRes, ImLogoutReq, ImLogoutRsp};
use proto::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImMsgData,
    ImMsgDataAck,
};
use tools::client::{
    Account, Client, CloseReason, Connection, Device, EnterError, Event, LoginError, Outgoing,
    ReceiveError, RequestError, SendError, Status,
};

/// Longer than anything here takes; only a failing test waits for it.
const SOON: Duration = Duration::from_secs(10);

fn time_reply(server_time: u32) -> ImClientTimeRsp {
    ImClientTimeRsp { server_time }
}

fn ack(msg_id: u32) -> ImMsgDataAck {
    ImMsgDataAck {
        user_id: ME,
        session_id: 2,
        msg_id,
        session_type: 1,
    }
}

#[tokio::test]
async fn a_login_sends_the_digest_under_number_one() {
    let (address, listener) = fake::listen().await;
    let client = async {
        let client = Client::connect(&address).await.unwrap();
        client
            .login("alice", "123456", Device::Android, Status::Online)
            .await
    };
    let server = async {
        let mut peer = fake::accept(&listener).await;
        let (seq_num, request) = peer.expect::<ImLoginReq>().await;
        peer.reply(seq_num, &fake::accepted()).await;
        (seq_num, request, peer)
    };
    let (session, (seq_num, request, _peer)) = tokio::join!(client, server);
    assert_eq!(session.unwrap().0.user_id(), ME);
    assert_eq!(seq_num, 1);
    assert_eq!(request.user_name, "alice");
    assert_eq!(request.password, "e10adc3949ba59abbe56e057f20f883e");
    assert_eq!((request.client_type, request.online_status), (0x12, 1));
}

/// Too many failures, a server in trouble: nothing of that says that the token is no good.
#[tokio::test]
async fn a_token_is_forgotten_only_when_it_is_no_good() {
    let (address, listener) = fake::listen().await;
    let account = Account::new("alice", "123456", Device::Windows, Status::Online);
    let token = Bytes::from(vec![7; 32]);
    let given = ImLoginRes {
        capabilities: Some(capability::RESUME),
        resume_token: Some(token.clone()),
        ..fake::accepted()
    };
    let refused = |resume_refused| ImLoginRes {
        result_code: 6,
        resume_refused,
        ..Default::default()
    };
    let kept = ImLoginRes {
        resume_token: None,
        ..given.clone()
    };
    let client = async {
        drop(account.enter(&address).await.unwrap());
        let Err(EnterError::Login(error)) = account.enter(&address).await else {
            panic!("let in");
        };
        assert!(error.is_retryable(), "{error}");
        assert_eq!(account.token(), Some(token.clone()));
        drop(account.enter(&address).await.unwrap());
        assert_eq!(account.token(), Some(token.clone()), "no other was sent");
        let Err(EnterError::Login(error)) = account.enter(&address).await else {
            panic!("let in");
        };
        assert!(!error.is_retryable(), "{error}");
        assert_eq!(account.token(), None);
    };
    let server = async {
        let with_token = Some(token.clone());
        for (shown, answer) in [
            (None, given),
            (with_token.clone(), refused(None)),
            (with_token.clone(), kept),
            (with_token, refused(Some(true))),
            (None, refused(None)),
        ] {
            let mut peer = fake::accept(&listener).await;
            let (seq_num, request) = peer.expect::<ImLoginReq>().await;
            assert_eq!(request.resume_token, shown);
            assert_eq!(request.password.is_empty(), shown.is_some());
            peer.reply(seq_num, &answer).await;
        }
    };
    tokio::join!(client, server);
}

#[tokio::test]
async fn a_refused_login_keeps_its_code() {
    let (address, listener) = fake::listen().await;
    let client = async {
        let client = Client::connect(&address).await.unwrap();
        client
            .login("alice", "wrong", Device::Windows, Status::Online)
            .await
    };
    let server = async {
        let mut peer = fake::accept(&listener).await;
        let (seq_num, _) = peer.expect::<ImLoginReq>().await;
        let refusal = ImLoginRes {
            result_code: 6,
            ..Default::default()
        };
        peer.reply(seq_num, &refusal).await;
    };
    let (outcome, ()) = tokio::join!(client, server);
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, LoginError::Refused { code: 6, .. }),
        "{error}"
    );
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("wrong name or password"));
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (session, _events, mut peer) = login().await;
    let first = session.start(ImClientTimeReq {}).await.unwrap();
    let second = session.start(ImClientTimeReq {}).await.unwrap();
    let (seq_first, _) = peer.expect::<ImClientTimeReq>().await;
    let (seq_second, _) = peer.expect::<ImClientTimeReq>().await;
    assert_eq!((seq_first, seq_second), (2, 3));
    peer.reply(seq_second, &time_reply(22)).await;
    peer.reply(seq_first, &time_reply(11)).await;
    assert_eq!(first.reply().await.unwrap().server_time, 11);
    assert_eq!(second.reply().await.unwrap().server_time, 22);
}

#[tokio::test]
async fn pushes_between_are_events_even_under_a_request_s_number() {
    let (session, mut events, mut peer) = login().await;
    let waiting = session.start(ImClientTimeReq {}).await.unwrap();
    let (seq_num, _) = peer.expect::<ImClientTimeReq>().await;
    let text = Outgoing::text(ME, "hello");
    let push = ImMsgData {
        from_user_id: 2,
        to_session_id: ME,
        msg_id: 5,
        msg_type: text.kind,
        msg_data: text.data,
        ..Default::default()
    };
    peer.reply(seq_num, &push).await;
    let stat = UserStat {
        user_id: 2,
        status: UserStatType::UserStatusOffline as i32,
    };
    peer.reply(
        0,
        &ImUserStatNotify {
            user_stat: stat,
            ..Default::default()
        },
    )
    .await;
    peer.reply(seq_num, &time_reply(7)).await;
    assert_eq!(waiting.reply().await.unwrap().server_time, 7);
    let Some(Event::Message(message)) = events.next().await else {
        panic!("no message")
    };
    assert_eq!(
        (message.id, message.from, message.text().unwrap().as_str()),
        (5, 2, "hello")
    );
    assert_eq!(
        events.next().await,
        Some(Event::Presence {
            user_id: 2,
            online: false
        })
    );
    let (_, receipt) = peer.expect::<ImMsgDataAck>().await;
    assert_eq!((receipt.session_id, receipt.msg_id), (2, 5));
}

#[tokio::test]
async fn a_slow_answer_is_an_error_and_no_event() {
    let (session, mut events, mut peer) = login().await;
    let hasty = session.with_deadline(Duration::from_millis(1));
    let waiting = hasty.start(ImClientTimeReq {}).await.unwrap();
    let (late, _) = peer.expect::<ImClientTimeReq>().await;
    let error = waiting.reply().await.unwrap_err();
    assert!(matches!(error, RequestError::Deadline { .. }), "{error}");

    peer.reply(late, &time_reply(1)).await;
    let waiting = session.start(ImClientTimeReq {}).await.unwrap();
    let (seq_num, _) = peer.expect::<ImClientTimeReq>().await;
    peer.reply(seq_num, &time_reply(2)).await;
    assert_eq!(waiting.reply().await.unwrap().server_time, 2);
    drop(peer);
    assert_eq!(
        events.next().await,
        Some(Event::Closed(CloseReason::Server))
    );
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_closed_connection_ends_every_waiting_at_once() {
    let (session, _events, mut peer) = login().await;
    let waiting = session.start(ImClientTimeReq {}).await.unwrap();
    let sending = session
        .start_send(&Outgoing::text(2_u32, "x"))
        .await
        .unwrap();
    peer.expect::<ImClientTimeReq>().await;
    peer.expect::<ImMsgData>().await;
    drop(peer);
    let error = waiting.reply().await.unwrap_err();
    assert!(
        matches!(error, RequestError::Closed(CloseReason::Server)),
        "{error}"
    );
    let error = sending.stored().await.unwrap_err();
    assert!(
        matches!(error, SendError::Request(RequestError::Closed(_))),
        "{error}"
    );
    let error = session.time().await.unwrap_err();
    assert!(
        matches!(error, RequestError::Closed(CloseReason::Server)),
        "{error}"
    );
}

#[tokio::test]
async fn a_resend_has_the_same_key_and_another_message_has_not() {
    let (session, _events, mut peer) = login().await;
    let message = Outgoing::text(2_u32, "once");
    let mut keys: Vec<Option<Bytes>> = Vec::new();
    for outgoing in [&message, &message, &Outgoing::text(2_u32, "once")] {
        let sending = session.start_send(outgoing).await.unwrap();
        let (seq_num, data) = peer.expect::<ImMsgData>().await;
        keys.push(data.client_msg_id);
        peer.reply(seq_num, &ack(1)).await;
        assert_eq!(sending.stored().await.unwrap().get(), 1);
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    assert_eq!(keys[0].as_ref().unwrap().len(), 16);
}

#[tokio::test]
async fn an_ack_without_an_id_is_a_refusal() {
    let (session, _events, mut peer) = login().await;
    let sending = session
        .start_send(&Outgoing::text(2_u32, "x"))
        .await
        .unwrap();
    let (seq_num, _) = peer.expect::<ImMsgData>().await;
    peer.reply(seq_num, &ack(0)).await;
    assert!(matches!(sending.stored().await, Err(SendError::Refused)));
}

#[tokio::test]
async fn a_refusal_with_a_reason_is_the_answer_to_its_request() {
    let (session, _events, mut peer) = login().await;
    let message = Outgoing::text(2_u32, "hello");
    let sending = session.start_send(&message).await.unwrap();
    let (seq_num, _) = peer.expect::<ImMsgData>().await;
    let nak = ImNak {
        command: ImMsgData::ID.0.into(),
        reason: "too_fast".into(),
        retry_after_ms: Some(250),
    };
    peer.reply(seq_num, &nak).await;
    let refused = sending.stored().await.unwrap_err();
    let wanted = Duration::from_millis(250);
    assert!(
        matches!(&refused, SendError::Request(RequestError::Nak { reason, retry_after, .. })
            if reason == "too_fast" && *retry_after == Some(wanted)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_address_book_s_further_pages_are_events() {
    let (session, mut events, mut peer) = login().await;
    let page = |latest_update_time| ImAllUserRsp {
        user_id: ME,
        latest_update_time,
        ..Default::default()
    };
    let server = async {
        let (seq_num, _) = peer.expect::<ImAllUserReq>().await;
        peer.reply(seq_num, &page(1)).await;
        peer.reply(seq_num, &page(2)).await;
    };
    let (first, ()) = tokio::join!(session.all_users(0), server);
    assert_eq!(first.unwrap().latest_update_time, 1);
    assert_eq!(events.next().await, Some(Event::MoreUsers(page(2))));
}

#[tokio::test]
async fn a_kick_closes_with_its_reason() {
    let (session, mut events, mut peer) = login().await;
    peer.reply(
        0,
        &ImKickUser {
            user_id: ME,
            kick_reason: 1,
        },
    )
    .await;
    assert_eq!(events.next().await, Some(Event::Kicked { reason: 1 }));
    let kicked = CloseReason::Kicked { reason: 1 };
    assert_eq!(events.next().await, Some(Event::Closed(kicked.clone())));
    assert_eq!(session.wait_closed().await, kicked);
    peer.expect_end().await;
}

#[tokio::test]
async fn a_logout_is_answered_and_closed() {
    let (session, mut events, mut peer) = login().await;
    let server = async {
        let (seq_num, _) = peer.expect::<ImLogoutReq>().await;
        peer.reply(seq_num, &ImLogoutRsp { result_code: 0 }).await;
        drop(peer);
    };
    let (outcome, ()) = tokio::join!(session.logout(), server);
    outcome.unwrap();
    assert_eq!(
        events.next().await,
        Some(Event::Closed(CloseReason::Logout))
    );
}

#[tokio::test]
async fn a_dropped_session_sends_what_it_was_told_and_closes() {
    let (session, events, mut peer) = login().await;
    session.mark_read(2_u32, 9).await.unwrap();
    drop((session, events));
    peer.expect::<proto::im::message::ImMsgDataReadAck>().await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_frame_too_long_ends_the_session_with_that_reason() {
    let (session, _events, mut peer) = login().await;
    peer.raw(&0x7fff_ffff_u32.to_be_bytes()).await;
    assert!(matches!(session.wait_closed().await, CloseReason::Frame(_)));
}

#[tokio::test]
async fn a_slow_reader_of_events_is_told_how_many_are_lost() {
    let (session, mut events, mut peer) = login().await;
    let stat = UserStat {
        user_id: 2,
        status: 1,
    };
    let notify = ImUserStatNotify {
        user_stat: stat,
        ..Default::default()
    };
    for _ in 0..5000 {
        peer.reply(0, &notify).await;
    }
    round_trip(&session, &mut peer, 1).await;
    for _ in 0..4096 {
        assert!(matches!(events.next().await, Some(Event::Presence { .. })));
    }
    peer.reply(0, &notify).await;
    assert_eq!(events.next().await, Some(Event::Lagged { lost: 904 }));
    assert!(matches!(events.next().await, Some(Event::Presence { .. })));
}

/// Waits until everything that `peer` sent so far is read.
async fn round_trip(session: &tools::client::Session, peer: &mut Peer, latest_msg_id: u32) {
    let server = async {
        let (seq_num, _) = peer.expect::<ImGetLatestMsgIdReq>().await;
        let reply = ImGetLatestMsgIdRsp {
            latest_msg_id,
            ..Default::default()
        };
        peer.reply(seq_num, &reply).await;
    };
    let (latest, ()) = tokio::join!(session.latest_id(2_u32), server);
    assert_eq!(latest.unwrap(), latest_msg_id);
}

#[tokio::test]
async fn a_raw_connection_sends_anything_and_sees_the_close() {
    let (address, listener) = fake::listen().await;
    let mut raw = Connection::connect(&address).await.unwrap();
    let mut peer = fake::accept(&listener).await;
    raw.send(&[0, 0, 0, 0]).await.unwrap();
    assert_eq!(peer.bytes::<4>().await, [0; 4]);
    peer.reply(9, &time_reply(3)).await;
    assert_eq!(raw.receive(SOON).await.unwrap().seq_num(), 9);
    let nothing = raw.receive(Duration::from_millis(1)).await;
    assert!(matches!(nothing, Err(ReceiveError::Deadline(_))));
    peer.reply(0, &time_reply(4)).await;
    drop(peer);
    assert_eq!(raw.expect_close(SOON).await.unwrap().len(), 1);
}

//! What happens to messages that were on their way when something died.

use im_base::testkit::TestPeer;
use proto::im::base_define::{
    ClientType, GroupModifyType, KickReasonType, MsgInfo, MsgType, SessionType, UserStatType,
};
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use proto::im::ext::message::{ImRecallReq, ImSyncHint, MissedMessage};
use proto::im::ext::other::{ImFramesLost, ImPace, ImPeerLost};
use proto::im::group::ImGroupChangeMemberReq;
use proto::im::login::{ImKickUser, ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::im::server::ImServerKickUser;
use proto::{Body, capability};
use tokio::net::TcpStream;

use crate::bed::{Bed, GROUP, HELD, Known, REFUSED, in_group, messages, text};

fn stored(to: u32, msg_id: u32, age_ms: u32) -> MissedMessage {
    let msg_type = match to {
        GROUP => MsgType::GroupText,
        _ => MsgType::SingleText,
    };
    MissedMessage {
        to_session_id: to,
        message: MsgInfo {
            msg_id,
            from_session_id: 1,
            create_time: 1,
            msg_type: msg_type as i32,
            msg_data: "text".into(),
            ..Default::default()
        },
        group_version: None,
        age_ms,
        withheld: None,
    }
}

/// The hint comes when everything was handed out.
#[tokio::test]
async fn what_another_server_took_along_is_handed_out_once_and_not_to_whom_it_is_old() {
    let mut bed = Bed::new().await;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, in_group(2), capability::SYNC)
        .await;
    let mut carol = bed.login(3, Known::default()).await;
    bed.route
        .send(
            &ImMsgData {
                to_session_id: 2,
                ..text(1, 7)
            },
            0,
        )
        .await;
    *bed.stored.lock().await = vec![
        stored(2, 6, 0),
        stored(2, 7, 0),
        stored(GROUP, 3, 0),
        stored(3, 9, 0),
        // stored long before the logins: it was in the lists
        stored(3, 8, 60_000),
    ];
    bed.route.send(&ImPeerLost::default(), 0).await;
    bob.0.expect::<ImSyncHint>().await;
    // what was handed out is not again
    bed.route.send(&ImFramesLost { max_age_ms: 1_000 }, 0).await;
    bob.0.expect::<ImSyncHint>().await;
    assert_eq!(messages(&bed.got(&mut carol).await), [9]);
    bed.end().await;
}

/// Who is blocked gets his own message on his other devices; the one who blocks him never does.
#[tokio::test]
async fn what_is_withheld_is_for_its_sender_alone() {
    let mut bed = Bed::new().await;
    let mut sender = bed
        .login_with(ClientType::Android, 1, Known::default(), capability::SYNC)
        .await;
    let mut bob = bed.login(2, Known::default()).await;
    let relayed = ImMsgData {
        to_session_id: 2,
        withheld: Some(true),
        ..text(1, 5)
    };
    bed.route.send(&relayed, 0).await;
    *bed.stored.lock().await = vec![MissedMessage {
        withheld: Some(true),
        ..stored(2, 6, 0)
    }];
    bed.route.send(&ImPeerLost::default(), 0).await;
    sender.0.expect::<ImSyncHint>().await;
    assert_eq!(messages(&bed.got(&mut bob).await), [0; 0]);
    bed.end().await;
}

#[tokio::test]
async fn what_was_handed_out_before_is_not_again() {
    let mut bed = Bed::new().await;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, in_group(2), capability::SYNC)
        .await;
    for msg_id in [5, 7] {
        let message = ImMsgData {
            to_session_id: 2,
            ..text(1, msg_id)
        };
        bed.route.send(&message, 0).await;
    }
    assert_eq!(messages(&bed.got(&mut bob).await), [5, 7]);
    *bed.stored.lock().await = [5, 6, 7].map(|id| stored(2, id, 0)).to_vec();
    bed.stored.lock().await.push(stored(GROUP, 3, 0));
    bed.route.send(&ImPeerLost::default(), 0).await;
    let mut got = Vec::new();
    loop {
        let pdu = bob.0.receive().await.unwrap();
        if pdu.command() == ImSyncHint::ID {
            break;
        }
        got.push(pdu);
    }
    assert_eq!(messages(&got), [6, 3]);
    bed.end().await;
}

/// A client that is about to be told that it is logged in: its msg_server waits for route_server's answer, whose number is
/// given too.
async fn opening(bed: &mut Bed) -> (TestPeer<TcpStream>, u16) {
    let mut another = bed.login(3, Known::default()).await;
    bed.users.lock().await.insert(2, Known::default());
    let pace = ImPace {
        heartbeat_ms: 60_000,
        capabilities: None,
    };
    bed.route.send(&pace, 0).await;
    // what it says behind it has been read
    bed.got(&mut another).await;

    let stream = TcpStream::connect(bed.clients).await.unwrap();
    let mut client = TestPeer::new(stream);
    let request = ImLoginReq {
        user_name: "2".to_owned(),
        online_status: UserStatType::UserStatusOnline as i32,
        client_type: ClientType::Windows as i32,
        ..Default::default()
    };
    client.send(&request, 1).await;
    let (_, number) = bed.route.expect::<ImUsersStatReq>().await;
    (client, number)
}

/// A message that route_server passes on before it has read of the login is in the lists of the client, which is told only
/// then that it is logged in.
#[tokio::test]
async fn a_login_is_answered_when_route_server_has_read_of_it() {
    let mut bed = Bed::new().await;
    let (mut client, number) = opening(&mut bed).await;
    let message = |msg_id| ImMsgData {
        to_session_id: 2,
        ..text(1, msg_id)
    };
    bed.route.send(&message(4), 0).await;
    bed.route.send(&ImUsersStatRsp::default(), number).await;
    let first = client.receive().await.unwrap();
    assert_eq!(first.command(), ImLoginRes::ID);
    bed.route.send(&message(5), 0).await;
    for msg_id in [4, 5] {
        assert_eq!(client.expect::<ImMsgData>().await.0.msg_id, msg_id);
    }
    bed.end().await;
}

/// Who is displaced before he was told that he is logged in is told both, in that order.
#[tokio::test]
async fn a_kick_does_not_overtake_the_answer_to_the_login() {
    let mut bed = Bed::new().await;
    let (mut client, number) = opening(&mut bed).await;
    let kick = ImServerKickUser {
        user_id: 2,
        client_type: ClientType::Windows as i32,
        reason: KickReasonType::KickReasonDuplicateUser as u32,
        login_stamp: None,
    };
    bed.route.send(&kick, 0).await;
    bed.route.send(&ImUsersStatRsp::default(), number).await;
    let first = client.receive().await.unwrap();
    assert_eq!(first.command(), ImLoginRes::ID);
    client.expect::<ImKickUser>().await;
    bed.end().await;
}

/// The store has a message before its sender's msg_server knows so. Found by a look at that moment, it is not handed to
/// the device that has just sent it.
#[tokio::test]
async fn a_look_does_not_hand_a_client_its_own_message() {
    let mut bed = Bed::new().await;
    let mut alice = bed
        .login_with(ClientType::Windows, 1, Known::default(), capability::SYNC)
        .await;
    let mut bob = bed.login(2, Known::default()).await;
    let mut carol = bed.login(3, Known::default()).await;
    let message = |body: &str| ImMsgData {
        to_session_id: 2,
        msg_data: body.to_owned().into(),
        ..text(1, 0)
    };
    alice.0.send(&message(HELD), 5).await;
    let mut from_another = stored(3, 9, 0);
    from_another.message.from_session_id = 4;
    *bed.stored.lock().await = vec![stored(2, 1, 0), from_another];
    bed.route.send(&ImPeerLost::default(), 0).await;
    // the look is over that far
    assert_eq!(carol.0.expect::<ImMsgData>().await.0.msg_id, 9);
    carol.0.send(&message("another"), 5).await;
    loop {
        let pdu = alice.0.receive().await.unwrap();
        assert_ne!(pdu.command(), ImMsgData::ID, "she has it");
        if pdu.command() == ImSyncHint::ID {
            break;
        }
    }
    assert_eq!(messages(&bed.got(&mut bob).await), [1, 1]);
    bed.end().await;
}

/// One that hung is noticed late when nobody listened to it; what it stored before it hung is older by then.
#[tokio::test]
async fn a_look_goes_back_to_when_the_lost_server_was_last_heard() {
    let mut bed = Bed::new().await;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, Known::default(), capability::SYNC)
        .await;
    let lost = ImPeerLost {
        silent_ms: Some(30_000),
    };
    bed.route.send(&lost, 0).await;
    bob.0.expect::<ImSyncHint>().await;
    let questions = bed.questions.lock().await;
    assert!(questions.iter().any(|asked| asked.max_age_ms >= 30_000));
    drop(questions);
    bed.end().await;
}

/// A message may have been stored at the begin of a request that is as long as it may be.
#[tokio::test]
async fn a_look_goes_back_as_far_as_a_request_may_take() {
    let mut bed = Bed::with(|config| config.limits.request_seconds = 40).await;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, Known::default(), capability::SYNC)
        .await;
    bed.route.send(&ImPeerLost::default(), 0).await;
    bob.0.expect::<ImSyncHint>().await;
    let questions = bed.questions.lock().await;
    assert!(questions.iter().all(|asked| asked.max_age_ms >= 40_000));
    drop(questions);
    bed.end().await;
}

/// A database that breaks during a commit has stored the message or not.
#[tokio::test]
async fn a_message_that_the_store_failed_at_is_looked_for() {
    let bed = Bed::new().await;
    let mut alice = bed.login(1, Known::default()).await;
    let mut bob = bed.login(2, Known::default()).await;
    *bed.stored.lock().await = vec![stored(2, 1, 0)];
    let message = ImMsgData {
        to_session_id: 2,
        msg_data: REFUSED.into(),
        ..text(1, 0)
    };
    alice.0.send(&message, 5).await;
    assert_eq!(alice.0.expect::<ImMsgDataAck>().await.0.msg_id, 0);
    assert_eq!(bob.0.expect::<ImMsgData>().await.0.msg_id, 1);
    bed.end().await;
}

/// A change whose answer never comes may have been made: devices are told to ask.
#[tokio::test]
async fn a_change_that_is_not_answered_is_looked_for() {
    let bed = Bed::with(|config| config.limits.request_seconds = 1).await;
    let mut alice = bed
        .login_with(ClientType::Windows, 1, in_group(1), capability::SYNC)
        .await;
    let change = ImGroupChangeMemberReq {
        change_type: GroupModifyType::Add as i32,
        group_id: GROUP,
        member_id_list: vec![2],
        ..Default::default()
    };
    alice.0.send(&change, 5).await;
    alice.0.expect::<ImSyncHint>().await;
    let recall = ImRecallReq {
        session_type: SessionType::Group as i32,
        session_id: GROUP,
        msg_id: 1,
        ..Default::default()
    };
    alice.0.send(&recall, 6).await;
    alice.0.expect::<ImSyncHint>().await;
    bed.end().await;
}

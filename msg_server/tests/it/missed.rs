//! What happens to messages that were on their way when something died.

use im_base::testkit::TestPeer;
use proto::im::base_define::{ClientType, MsgInfo, MsgType, UserStatType};
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use proto::im::ext::message::{ImSyncHint, MissedMessage};
use proto::im::ext::other::{ImFramesLost, ImPace, ImPeerLost};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::ImMsgData;
use proto::im::other::ImHeartBeat;
use proto::{Body, capability};
use tokio::net::TcpStream;

use crate::bed::{Bed, GROUP, Known, in_group, messages, text};

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
        },
        group_version: None,
        age_ms,
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
    bed.route.send(&ImPeerLost {}, 0).await;
    bob.0.expect::<ImSyncHint>().await;
    // what was handed out is not again
    bed.route.send(&ImFramesLost { max_age_ms: 1_000 }, 0).await;
    bob.0.expect::<ImSyncHint>().await;
    assert_eq!(messages(&bed.got(&mut carol).await), [9]);
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
    bed.route.send(&ImPeerLost {}, 0).await;
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

/// A message that route_server passes on before it has read of the login is in the lists of the client, which is told only
/// then that it is logged in.
#[tokio::test]
async fn a_login_is_answered_when_route_server_has_read_of_it() {
    let mut bed = Bed::new().await;
    bed.users.lock().await.insert(2, Known::default());
    let pace = ImPace {
        heartbeat_ms: 60_000,
        capabilities: None,
    };
    bed.route.send(&pace, 0).await;
    // the link takes note of it with its next look
    bed.route.expect::<ImHeartBeat>().await;
    bed.route.expect::<ImHeartBeat>().await;

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

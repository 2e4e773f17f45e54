//! Messages, notices, kicks and signals on their way.

use im_base::testkit::TestPeer;
use proto::im::base_define::ServerUserStat;
use proto::im::ext::group::ImGroupInterest;
use proto::im::ext::other::ImNotice;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};
use proto::im::server::{ImOnlineUserInfo, ImRoleSet, ImServerKickUser};
use proto::im::switch_service::Imp2pCmdMsg;
use tokio::net::TcpStream;

use crate::support::{ANDROID, MsgServer, OFFLINE, ONLINE, Route, WINDOWS, message};

/// D-51: others do not get it.
#[tokio::test]
async fn a_message_goes_where_its_people_are_and_nowhere_else() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let mut receiver = route.msg_server(&[(2, WINDOWS)]).await;
    let mut other_device = route.msg_server(&[(1, ANDROID)]).await;
    let mut nobody = route.msg_server(&[(3, WINDOWS)]).await;

    // As an original msg_server sends it: with the client's number and its own note.
    let first = ImMsgData {
        attach_data: Some("note".into()),
        ..message(1, 2, 1)
    };
    sender.0.send(&first, 4711).await;
    sender.0.send(&message(1, 3, 1), 0).await;
    for peer in [&mut receiver, &mut other_device] {
        let pdu = peer.next_relayed().await;
        assert_eq!(pdu.seq_num(), 0);
        assert_eq!(
            pdu.decode::<ImMsgData>().unwrap(),
            first,
            "the body is as it came"
        );
    }
    let pdu = nobody.next_relayed().await;
    assert_eq!(
        pdu.decode::<ImMsgData>().unwrap().to_session_id,
        3,
        "the first one did not come here"
    );
    sender.is_served().await;
    route.end().await;
}

#[tokio::test]
async fn what_is_withheld_goes_to_devices_of_its_sender_alone() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let mut receiver = route.msg_server(&[(2, WINDOWS)]).await;
    let mut other_device = route.msg_server(&[(1, ANDROID)]).await;
    let withheld = ImMsgData {
        withheld: Some(true),
        ..message(1, 2, 1)
    };
    sender.0.send(&withheld, 0).await;
    sender.0.send(&message(1, 2, 2), 0).await;
    let got = other_device.next_relayed().await;
    assert_eq!(got.decode::<ImMsgData>().unwrap(), withheld);
    let got = receiver.next_relayed().await.decode::<ImMsgData>().unwrap();
    assert_eq!(got.msg_id, 2, "the first one did not come here");
    route.end().await;
}

#[tokio::test]
async fn notices_and_kicks_go_to_the_users_other_msg_servers() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let mut b = route.msg_server(&[(1, ANDROID)]).await;
    let read = ImMsgDataReadNotify {
        user_id: 1,
        session_id: 2,
        msg_id: 3,
        session_type: 1,
        shown_msg_id: None,
    };
    a.0.send(&read, 0).await;
    assert_eq!(
        b.next_relayed()
            .await
            .decode::<ImMsgDataReadNotify>()
            .unwrap(),
        read
    );
    let kick = ImServerKickUser {
        user_id: 1,
        client_type: ANDROID,
        reason: 1,
        login_stamp: Some(5),
    };
    a.0.send(&kick, 0).await;
    assert_eq!(
        b.next_relayed().await.decode::<ImServerKickUser>().unwrap(),
        kick
    );
    route.end().await;
}

#[tokio::test]
async fn a_notice_of_an_extension_goes_to_its_users_its_group_or_everybody() {
    let route = Route::start().await;
    let mut teller = route.msg_server(&[(1, WINDOWS)]).await;
    let mut users = route.msg_server(&[(2, WINDOWS), (3, ANDROID)]).await;
    let mut member = route.msg_server(&[(4, WINDOWS)]).await;
    let interest = ImGroupInterest {
        begun: vec![9],
        ended: vec![],
    };
    member.0.send(&interest, 0).await;
    member.is_served().await;
    let notice = |user_id: &[u32], group_id, body: &'static str| ImNotice {
        user_id: user_id.to_vec(),
        group_id,
        capability: 32,
        command: 0x028a,
        body: body.into(),
        ..Default::default()
    };
    let to_users = notice(&[1, 2, 3], None, "users");
    let to_group = notice(&[], Some(9), "group");
    let to_all = notice(&[], None, "all");
    for told in [&to_users, &to_group, &to_all] {
        teller.0.send(told, 0).await;
    }
    for (peer, wanted) in [
        (&mut users, [&to_users, &to_all]),
        (&mut member, [&to_group, &to_all]),
    ] {
        for wanted in wanted {
            let got = peer.next_relayed().await.decode::<ImNotice>().unwrap();
            assert_eq!(&got, wanted);
        }
    }
    route.end().await;
}

#[tokio::test]
async fn a_msg_server_that_was_away_gets_what_it_missed_but_no_stale_signals() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let away = route.msg_server(&[(2, WINDOWS)]).await;
    while sender.told().await != (2, ONLINE) {}
    drop(away);
    assert_eq!(sender.told().await, (2, OFFLINE));
    for msg_id in 1..=3 {
        sender.0.send(&message(1, 2, msg_id), 0).await;
    }
    let typing = Imp2pCmdMsg {
        from_user_id: 1,
        to_user_id: 2,
        cmd_msg_data: "{}".to_owned(),
    };
    sender.0.send(&typing, 0).await;
    let fleeting = ImNotice {
        user_id: vec![2],
        command: 0x038a,
        fleeting: Some(true),
        ..Default::default()
    };
    sender.0.send(&fleeting, 0).await;
    sender.is_served().await;

    let stream = TcpStream::connect(route.started.servers).await.unwrap();
    let mut back = MsgServer(TestPeer::new(stream));
    let user_stat_list = vec![ServerUserStat {
        user_id: 2,
        status: ONLINE,
        client_type: WINDOWS,
    }];
    back.0.send(&ImOnlineUserInfo { user_stat_list }, 0).await;
    back.0.send(&ImRoleSet { master: 1 }, 0).await;
    for msg_id in 1..=3 {
        let pdu = back.next_relayed().await;
        assert_eq!(pdu.decode::<ImMsgData>().unwrap(), message(1, 2, msg_id));
    }
    sender.0.send(&message(1, 2, 4), 0).await;
    let pdu = back.next_relayed().await;
    assert_eq!(
        pdu.decode::<ImMsgData>().unwrap().msg_id,
        4,
        "the signal is not repeated"
    );
    route.end().await;
}

//! What msg_servers get from a route_server, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use im_base::shutdown::{Ending, Shutdown};
use im_base::testkit::TestPeer;
use proto::im::base_define::{MsgType, ServerUserStat, UserStatType};
use proto::im::buddy::{ImUserStatNotify, ImUsersStatReq, ImUsersStatRsp};
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};
use proto::im::other::ImHeartBeat;
use proto::im::server::{
    ImOnlineUserInfo, ImRoleSet, ImServerKickUser, ImServerPcLoginStatusNotify, ImUserStatusUpdate,
};
use proto::im::switch_service::Imp2pCmdMsg;
use route_server::{Config, Started};
use tokio::net::TcpStream;

const WINDOWS: i32 = 0x01;
const ANDROID: i32 = 0x12;
const ONLINE: i32 = UserStatType::UserStatusOnline as i32;
const OFFLINE: i32 = UserStatType::UserStatusOffline as i32;

struct Route {
    started: Started,
    shutdown: Shutdown,
}

impl Route {
    async fn start() -> Self {
        let mut config = Config::default();
        config.servers.listen = "127.0.0.1:0".to_owned();
        let shutdown = Shutdown::new();
        let started = route_server::start(config, shutdown.clone()).await.unwrap();
        Self { started, shutdown }
    }

    /// A msg_server that has connected and said who is with it.
    async fn msg_server(&self, users: &[(u32, i32)]) -> MsgServer {
        let stream = TcpStream::connect(self.started.servers).await.unwrap();
        let mut peer = MsgServer(TestPeer::new(stream));
        let stat = |(user_id, client_type): &(u32, i32)| ServerUserStat {
            user_id: *user_id,
            status: ONLINE,
            client_type: *client_type,
        };
        let user_stat_list = users.iter().map(stat).collect();
        peer.0.send(&ImOnlineUserInfo { user_stat_list }, 0).await;
        peer.0.send(&ImRoleSet { master: 1 }, 0).await;
        peer.is_served().await;
        peer
    }

    async fn end(self) {
        let ending = self.shutdown.run(std::time::Duration::from_secs(10)).await;
        assert_eq!(ending, Ending::Clean);
    }
}

struct MsgServer(TestPeer<TcpStream>);

impl MsgServer {
    /// Everything sent before has been dealt with.
    async fn is_served(&mut self) {
        self.status(&[]).await;
    }

    async fn status(&mut self, users: &[u32]) -> Vec<i32> {
        let question = ImUsersStatReq {
            user_id: 1,
            user_id_list: users.to_vec(),
            attach_data: Some("note".into()),
        };
        self.0.send(&question, 77).await;
        let (answer, seq_num) = self.0.expect::<ImUsersStatRsp>().await;
        assert_eq!(seq_num, 77);
        assert_eq!(answer.attach_data, question.attach_data);
        answer
            .user_stat_list
            .iter()
            .map(|stat| stat.status)
            .collect()
    }

    async fn update(&mut self, user_id: u32, client_type: i32, status: i32) {
        let update = ImUserStatusUpdate {
            user_status: status as u32,
            user_id,
            client_type,
            ..Default::default()
        };
        self.0.send(&update, 0).await;
    }

    /// The next presence notice.
    async fn told(&mut self) -> (u32, i32) {
        let (notice, seq_num) = self.0.expect::<ImUserStatNotify>().await;
        assert_eq!(seq_num, 0);
        (notice.user_stat.user_id, notice.user_stat.status)
    }

    /// The next frame that is neither a heartbeat nor about presence.
    async fn next_relayed(&mut self) -> proto::Pdu {
        use proto::Body;
        let passed_over = [
            ImHeartBeat::ID,
            ImUserStatNotify::ID,
            ImServerPcLoginStatusNotify::ID,
        ];
        loop {
            let pdu = self.0.receive().await.unwrap();
            if !passed_over.contains(&pdu.command()) {
                return pdu;
            }
        }
    }
}

fn message(from: u32, to: u32, msg_id: u32) -> ImMsgData {
    ImMsgData {
        from_user_id: from,
        to_session_id: to,
        msg_id,
        create_time: 1,
        msg_type: MsgType::SingleText as i32,
        msg_data: "text".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn desktops_count_and_everybody_is_told() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS), (2, ANDROID)]).await;
    let mut b = route.msg_server(&[]).await;
    assert_eq!(
        b.status(&[1, 2, 3, 1, 0]).await,
        [ONLINE, OFFLINE, OFFLINE, ONLINE, OFFLINE]
    );

    b.update(2, WINDOWS, ONLINE).await;
    assert_eq!(
        b.told().await,
        (2, ONLINE),
        "whoever says so is told as well"
    );
    while a.told().await != (2, ONLINE) {}
    b.update(2, WINDOWS, OFFLINE).await;
    assert_eq!(a.told().await, (2, OFFLINE));
    assert_eq!(
        a.status(&[2]).await,
        [OFFLINE],
        "the phone is still there and does not count"
    );
    route.end().await;
}

#[tokio::test]
async fn a_lost_msg_server_takes_its_users_along() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let b = route.msg_server(&[(2, WINDOWS), (1, ANDROID)]).await;
    while a.told().await != (2, ONLINE) {}
    drop(b);
    assert_eq!(a.told().await, (2, OFFLINE));
    assert_eq!(a.status(&[1, 2]).await, [ONLINE, OFFLINE]);
    route.end().await;
}

#[tokio::test]
async fn phones_are_told_of_their_desktop_where_they_are() {
    let route = Route::start().await;
    let mut phone = route.msg_server(&[(1, ANDROID)]).await;
    let mut desktop = route.msg_server(&[]).await;
    desktop.update(1, WINDOWS, ONLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 1));
    desktop.update(1, WINDOWS, OFFLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 0));

    desktop.update(1, WINDOWS, ONLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 1));
    drop(desktop);
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!(
        (notice.user_id, notice.login_status),
        (1, 0),
        "its msg_server died"
    );
    route.end().await;
}

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
async fn notices_and_kicks_go_to_the_users_other_msg_servers() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let mut b = route.msg_server(&[(1, ANDROID)]).await;
    let read = ImMsgDataReadNotify {
        user_id: 1,
        session_id: 2,
        msg_id: 3,
        session_type: 1,
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

#[tokio::test]
async fn what_makes_no_sense_changes_nothing() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    a.update(0, WINDOWS, ONLINE).await;
    a.update(5, 99, ONLINE).await;
    a.update(6, WINDOWS, OFFLINE).await;
    a.0.send(&message(0, 0, 0), 0).await;
    a.0.send_bytes(
        &proto::Pdu::from_body(proto::CommandId(0x0301), 0, b"\xff".to_vec().into()).to_frame(),
    )
    .await;
    assert_eq!(a.status(&[1, 5, 6]).await, [ONLINE, OFFLINE, OFFLINE]);
    // Frames with impossible lengths end the connection, and its users with it.
    a.0.send_bytes(&[0, 0, 0, 3]).await;
    a.0.expect_close().await;
    let mut b = route.msg_server(&[]).await;
    assert_eq!(b.status(&[1]).await, [OFFLINE]);
    route.end().await;
}

#[tokio::test]
async fn a_route_server_that_stops_takes_nobody_offline() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let mut b = route.msg_server(&[(2, WINDOWS)]).await;
    while a.told().await != (2, ONLINE) {}
    route.end().await;
    for peer in [&mut a, &mut b] {
        while let Some(pdu) = peer.0.receive().await {
            if let Ok(notice) = pdu.decode::<ImUserStatNotify>() {
                assert_ne!(notice.user_stat.status, OFFLINE, "{notice:?}");
            }
        }
    }
}

//! A route_server on a free port, and msg_servers that speak to it.

use im_base::shutdown::{Ending, Shutdown};
use im_base::testkit::TestPeer;
use proto::im::base_define::{MsgType, ServerUserStat, UserStatType};
use proto::im::buddy::{ImUserStatNotify, ImUsersStatReq, ImUsersStatRsp};
use proto::im::message::ImMsgData;
use proto::im::other::ImHeartBeat;
use proto::im::server::{
    ImOnlineUserInfo, ImRoleSet, ImServerPcLoginStatusNotify, ImUserStatusUpdate,
};
use route_server::{Config, Started};
use tokio::net::TcpStream;

pub(crate) const WINDOWS: i32 = 0x01;
pub(crate) const ANDROID: i32 = 0x12;
pub(crate) const ONLINE: i32 = UserStatType::UserStatusOnline as i32;
pub(crate) const OFFLINE: i32 = UserStatType::UserStatusOffline as i32;

pub(crate) struct Route {
    pub(crate) started: Started,
    pub(crate) shutdown: Shutdown,
}

impl Route {
    pub(crate) async fn start() -> Self {
        let mut config = Config::default();
        config.servers.listen = "127.0.0.1:0".to_owned();
        let shutdown = Shutdown::new();
        let started = route_server::start(config, shutdown.clone()).await.unwrap();
        Self { started, shutdown }
    }

    /// A msg_server that has connected and said who is with it.
    pub(crate) async fn msg_server(&self, users: &[(u32, i32)]) -> MsgServer {
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

    pub(crate) async fn end(self) {
        let ending = self.shutdown.run(std::time::Duration::from_secs(10)).await;
        assert_eq!(ending, Ending::Clean);
    }
}

pub(crate) struct MsgServer(pub(crate) TestPeer<TcpStream>);

impl MsgServer {
    /// Everything sent before has been dealt with.
    pub(crate) async fn is_served(&mut self) {
        self.status(&[]).await;
    }

    pub(crate) async fn status(&mut self, users: &[u32]) -> Vec<i32> {
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

    pub(crate) async fn update(&mut self, user_id: u32, client_type: i32, status: i32) {
        let update = ImUserStatusUpdate {
            user_status: status as u32,
            user_id,
            client_type,
            ..Default::default()
        };
        self.0.send(&update, 0).await;
    }

    /// The next presence notice.
    pub(crate) async fn told(&mut self) -> (u32, i32) {
        let (notice, seq_num) = self.0.expect::<ImUserStatNotify>().await;
        assert_eq!(seq_num, 0);
        (notice.user_stat.user_id, notice.user_stat.status)
    }

    /// The next frame that is neither a heartbeat nor about presence.
    pub(crate) async fn next_relayed(&mut self) -> proto::Pdu {
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

pub(crate) fn message(from: u32, to: u32, msg_id: u32) -> ImMsgData {
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

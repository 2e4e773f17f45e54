//! A msg_server between a route_server and a db_proxy that do exactly what they are told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use im_base::shutdown::Shutdown;
use im_base::task::Tasks;
use im_base::testkit::TestPeer;
use msg_server::Config;
use proto::im::base_define::{
    ClientType, GroupModifyType, GroupVersionInfo, MsgType, UserInfo, UserStatType,
};
use proto::im::ext::group::{ImGroupMembers, ImGroupMembersReq};
use proto::im::ext::login::{ImResumeRevokeReq, ImResumeRevokeRsp};
use proto::im::ext::message::{ImMissedReq, ImMissedRsp, MissedMessage};
use proto::im::ext::other::ImNak;
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::ImMsgData;
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImRoleSet, ImValidateReq, ImValidateRsp};
use proto::{Body, Pdu};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, oneshot};

pub(crate) const GROUP: u32 = 40;

/// A message with this text is answered by the database when the next one is that has another.
pub(crate) const HELD: &str = "held";

/// A message with this text may have been stored, the database says.
pub(crate) const REFUSED: &str = "refused";

#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) groups: Vec<(u32, u32)>,
    /// `None`: a small directory.
    pub(crate) contacts: Option<Vec<u32>>,
}

pub(crate) struct Bed {
    pub(crate) shutdown: Shutdown,
    pub(crate) clients: std::net::SocketAddr,
    pub(crate) route: TestPeer<TcpStream>,
    pub(crate) users: Arc<Mutex<HashMap<u32, Known>>>,
    /// What the store has of late.
    pub(crate) stored: Arc<Mutex<Vec<MissedMessage>>>,
    /// What was asked of that.
    pub(crate) questions: Arc<Mutex<Vec<ImMissedReq>>>,
    /// Questions for a group's members, answered when the test likes.
    pub(crate) asked: mpsc::Receiver<oneshot::Sender<(u32, Vec<u32>)>>,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(|config| config.limits.enabled = false).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let db = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let routes = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::default();
        config.clients.listen = "127.0.0.1:0".to_owned();
        config.announce.address1 = "127.0.0.1".to_owned();
        config.peers.login = vec![];
        config.peers.db = vec![db.local_addr().unwrap().to_string()];
        config.peers.route = vec![routes.local_addr().unwrap().to_string()];
        config.websocket.listen = String::new();
        set(&mut config);
        let users: Arc<Mutex<HashMap<u32, Known>>> = Arc::default();
        let (ask, asked) = mpsc::channel(16);
        let (connected, is_connected) = oneshot::channel();
        let shutdown = Shutdown::new();
        let stored: Arc<Mutex<Vec<MissedMessage>>> = Arc::default();
        let questions: Arc<Mutex<Vec<ImMissedReq>>> = Arc::default();
        let late = Late {
            stored: stored.clone(),
            questions: questions.clone(),
        };
        let answering = database(db, users.clone(), late, ask, connected);
        Tasks::default().spawn("database", answering);
        let started = msg_server::start(config, shutdown.clone()).await.unwrap();
        let (stream, _) = routes.accept().await.unwrap();
        let mut route = TestPeer::new(stream);
        route.expect::<ImRoleSet>().await;
        is_connected.await.unwrap();
        Self {
            shutdown,
            clients: started.clients.unwrap(),
            route,
            users,
            stored,
            questions,
            asked,
        }
    }

    pub(crate) async fn login(&self, id: u32, known: Known) -> Client {
        self.login_on(ClientType::Windows, id, known).await
    }

    pub(crate) async fn login_on(&self, device: ClientType, id: u32, known: Known) -> Client {
        self.login_with(device, id, known, 0).await
    }

    pub(crate) async fn login_with(
        &self,
        device: ClientType,
        id: u32,
        known: Known,
        capabilities: u64,
    ) -> Client {
        self.users.lock().await.insert(id, known);
        let stream = TcpStream::connect(self.clients).await.unwrap();
        let mut client = Client(TestPeer::new(stream), id);
        let request = ImLoginReq {
            user_name: id.to_string(),
            password: "x".to_owned(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: device as i32,
            capabilities: (capabilities != 0).then_some(capabilities),
            ..Default::default()
        };
        client.0.send(&request, 1).await;
        let (answer, _) = client.0.expect::<ImLoginRes>().await;
        assert_eq!(answer.result_code, 0);
        assert_eq!(answer.capabilities(), capabilities);
        // the session is open when its heartbeat is answered
        client.0.send(&ImHeartBeat {}, 2).await;
        client.0.expect::<ImHeartBeat>().await;
        client
    }

    pub(crate) async fn changed(
        &mut self,
        change_type: GroupModifyType,
        now: &[u32],
        who: u32,
        version: u32,
    ) {
        let notice = ImGroupChangeMemberNotify {
            user_id: 1,
            change_type: change_type as i32,
            group_id: GROUP,
            cur_user_id_list: now.to_vec(),
            chg_user_id_list: vec![who],
            group_version: Some(version),
        };
        self.route.send(&notice, 0).await;
    }

    pub(crate) async fn group_message(&mut self, msg_id: u32, version: u32) {
        let message = ImMsgData {
            to_session_id: GROUP,
            msg_type: MsgType::GroupText as i32,
            group_version: Some(version),
            ..text(1, msg_id)
        };
        self.route.send(&message, 0).await;
    }

    /// Everything that the client got until now.
    pub(crate) async fn got(&mut self, client: &mut Client) -> Vec<Pdu> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(1_000);
        let msg_id = NEXT.fetch_add(1, Ordering::Relaxed);
        let marker = ImMsgData {
            to_session_id: client.1,
            ..text(999_999, msg_id)
        };
        self.route.send(&marker, 0).await;
        let mut got = Vec::new();
        loop {
            let pdu = client.0.receive().await.unwrap();
            if pdu.command() == ImMsgData::ID && pdu.decode::<ImMsgData>().unwrap().msg_id == msg_id
            {
                return got;
            }
            got.push(pdu);
        }
    }

    pub(crate) async fn end(self) {
        drop(self.route);
        self.shutdown.run(Duration::from_secs(2)).await;
    }
}

struct Late {
    stored: Arc<Mutex<Vec<MissedMessage>>>,
    questions: Arc<Mutex<Vec<ImMissedReq>>>,
}

async fn database(
    listener: TcpListener,
    known: Arc<Mutex<HashMap<u32, Known>>>,
    late: Late,
    ask: mpsc::Sender<oneshot::Sender<(u32, Vec<u32>)>>,
    connected: oneshot::Sender<()>,
) {
    let (stream, _) = listener.accept().await.unwrap();
    connected.send(()).unwrap();
    let mut peer = TestPeer::new(stream);
    let mut held = Vec::new();
    while let Some(pdu) = peer.receive().await {
        if pdu.command() == ImValidateReq::ID {
            let request: ImValidateReq = pdu.decode().unwrap();
            let id: u32 = request.user_name.parse().unwrap();
            let user = known.lock().await.get(&id).cloned().unwrap_or_default();
            let version = |(group_id, version): &(u32, u32)| GroupVersionInfo {
                group_id: *group_id,
                version: *version,
            };
            let answer = ImValidateRsp {
                user_name: request.user_name,
                result_code: 0,
                user_info: Some(UserInfo {
                    user_id: id,
                    ..Default::default()
                }),
                group_version_list: user.groups.iter().map(version).collect(),
                by_contact: user.contacts.is_some().then_some(true),
                contact_id: user.contacts.unwrap_or_default(),
                ..Default::default()
            };
            peer.send(&answer, pdu.seq_num()).await;
        } else if pdu.command() == ImMsgData::ID {
            let message: ImMsgData = pdu.decode().unwrap();
            let body = message.msg_data.clone();
            let stored = ImMsgData {
                msg_id: 1,
                group_version: Some(2),
                ..message
            };
            if body == REFUSED {
                let nak = ImNak {
                    command: ImMsgData::ID.0.into(),
                    reason: "store_failed".to_owned(),
                    retry_after_ms: Some(1_000),
                };
                peer.send(&nak, pdu.seq_num()).await;
                continue;
            }
            held.push((stored, pdu.seq_num()));
            if body != HELD {
                for (stored, number) in held.drain(..) {
                    peer.send(&stored, number).await;
                }
            }
        } else if pdu.command() == ImMissedReq::ID {
            late.questions.lock().await.push(pdu.decode().unwrap());
            let answer = ImMissedRsp {
                message: late.stored.lock().await.clone(),
                ..Default::default()
            };
            peer.send(&answer, pdu.seq_num()).await;
        } else if pdu.command() == ImResumeRevokeReq::ID {
            let request: ImResumeRevokeReq = pdu.decode().unwrap();
            let answer = ImResumeRevokeRsp {
                user_id: request.user_id,
                result_code: 0,
                attach_data: request.attach_data,
            };
            peer.send(&answer, pdu.seq_num()).await;
        } else if pdu.command() == ImGroupMembersReq::ID {
            let request: ImGroupMembersReq = pdu.decode().unwrap();
            let (answer, answered) = oneshot::channel();
            let _over = ask.send(answer).await;
            let Ok((version, member_id)) = answered.await else {
                return;
            };
            let answer = ImGroupMembers {
                group_id: request.group_id,
                version,
                member_id,
                attach_data: None,
            };
            peer.send(&answer, pdu.seq_num()).await;
        }
    }
}

pub(crate) struct Client(pub(crate) TestPeer<TcpStream>, pub(crate) u32);

pub(crate) fn text(from_user_id: u32, msg_id: u32) -> ImMsgData {
    ImMsgData {
        from_user_id,
        msg_id,
        create_time: 1,
        msg_type: MsgType::SingleText as i32,
        msg_data: "text".into(),
        ..Default::default()
    }
}

pub(crate) fn messages(got: &[Pdu]) -> Vec<u32> {
    got.iter()
        .filter(|pdu| pdu.command() == ImMsgData::ID)
        .map(|pdu| pdu.decode::<ImMsgData>().unwrap().msg_id)
        .collect()
}

pub(crate) fn in_group(version: u32) -> Known {
    Known {
        groups: vec![(GROUP, version)],
        contacts: None,
    }
}

use std::time::Duration;

use bytes::Bytes;
use db_proxy::logic::admin::Admin;
use db_proxy::{Config, Started};
use im_base::shutdown::{Ending, Shutdown};
use im_base::testkit::TestPeer;
use proto::im::base_define::MsgType;
use proto::im::group::{ImGroupCreateReq, ImGroupCreateRsp};
use proto::im::message::{ImMsgData, ImMsgDataReadAck, ImMsgDataReadNotify};
use proto::{Body, Request};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Everything a question is sent with comes back with its answer.
pub(crate) const NOTE: Bytes = Bytes::from_static(b"note");

/// A db_proxy with users `demo1` … and a msg_server connected to it.
pub(crate) struct Proxy {
    started: Started,
    shutdown: Shutdown,
    pub(crate) admin: Admin,
    link: TestPeer<TcpStream>,
    numbers: u16,
    _folder: TempDir,
}

impl Proxy {
    pub(crate) async fn start(users: u32, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let admin = Admin::open(&url).await.unwrap();
        admin.ensure_demo_users(users, "demo").await.unwrap();
        let mut config = Config::default();
        config.servers.listen = "127.0.0.1:0".to_owned();
        config.store.url = url;
        configure(&mut config);
        let shutdown = Shutdown::new();
        let started = db_proxy::start(config, shutdown.clone()).await.unwrap();
        let link = TestPeer::new(TcpStream::connect(started.servers).await.unwrap());
        Self {
            started,
            shutdown,
            admin,
            link,
            numbers: 0,
            _folder: folder,
        }
    }

    /// Asks, and checks that number and note come back.
    pub(crate) async fn ask<Q>(&mut self, mut question: Q) -> Q::Reply
    where
        Q: Request,
        Q::Reply: Body,
    {
        self.numbers += 1;
        question.attach(Some(NOTE));
        self.link.send(&question, self.numbers).await;
        let (mut answer, number) = self.link.expect::<Q::Reply>().await;
        assert_eq!(number, self.numbers);
        assert_eq!(answer.detach(), Some(NOTE));
        answer
    }

    /// Sends a message and returns it as it came back.
    pub(crate) async fn store(&mut self, message: ImMsgData) -> ImMsgData {
        self.numbers += 1;
        self.link.send(&message, self.numbers).await;
        self.link.expect::<ImMsgData>().await.0
    }

    /// Marks something as read and waits until that is stored.
    pub(crate) async fn ask_read(&mut self, mark: ImMsgDataReadAck) {
        self.numbers += 1;
        self.link.send(&mark, self.numbers).await;
        self.link.expect::<ImMsgDataReadNotify>().await;
    }

    pub(crate) async fn create(&mut self, user_id: u32, members: &[u32]) -> ImGroupCreateRsp {
        self.ask(creation(user_id, members)).await
    }

    pub(crate) async fn end(self) {
        let Started { servers, .. } = self.started;
        let ending = self.shutdown.run(Duration::from_secs(10)).await;
        assert_eq!(ending, Ending::Clean, "{servers}");
    }
}

pub(crate) fn creation(user_id: u32, members: &[u32]) -> ImGroupCreateReq {
    ImGroupCreateReq {
        user_id,
        group_type: 2,
        group_name: "group".to_owned(),
        group_avatar: "avatar".to_owned(),
        member_id_list: members.to_vec(),
        attach_data: None,
        request_key: None,
    }
}

pub(crate) fn message(from_user_id: u32, to_session_id: u32, msg_type: MsgType) -> ImMsgData {
    ImMsgData {
        from_user_id,
        to_session_id,
        msg_type: msg_type as i32,
        msg_data: Bytes::from_static(b"hello"),
        ..ImMsgData::default()
    }
}

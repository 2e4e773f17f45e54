//! Whole db_proxies on one store, with a Redis between them.

use db_proxy::logic::admin::Admin;
use db_proxy::logic::password::client_password;
use db_proxy::store::{SqliteStore, UserStore};
use db_proxy::{Config, Started};
use im_base::shutdown::{Ending, Shutdown};
use im_base::testkit::TestPeer;
use proto::im::buddy::{ImChangeSignInfoReq, ImUsersInfoReq};
use proto::im::server::ImValidateReq;
use proto::{Body, Request};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::bed::{SOON, Server, free_port};

/// A db_proxy, and a msg_server connected to it.
struct Proxy {
    shutdown: Shutdown,
    link: TestPeer<TcpStream>,
    numbers: u16,
}

impl Proxy {
    async fn start(store: &str, cache: &str) -> Self {
        let mut config = Config::default();
        config.servers.listen = "127.0.0.1:0".to_owned();
        config.store.url = store.to_owned();
        config.cache.url = cache.to_owned();
        config.cache.timeout_ms = 1_000;
        config.limits.failures_per_account = 3;
        let shutdown = Shutdown::new();
        let Started { servers, .. } = db_proxy::start(config, shutdown.clone()).await.unwrap();
        Self {
            shutdown,
            link: TestPeer::new(TcpStream::connect(servers).await.unwrap()),
            numbers: 0,
        }
    }

    async fn ask<Q>(&mut self, request: &Q) -> Q::Reply
    where
        Q: Request<Reply: Body>,
    {
        self.numbers += 1;
        self.link.send(request, self.numbers).await;
        self.link.expect::<Q::Reply>().await.0
    }

    async fn signature(&mut self) -> String {
        let asked = ImUsersInfoReq {
            user_id: 1,
            user_id_list: vec![1],
            attach_data: None,
        };
        let mut found = self.ask(&asked).await.user_info_list;
        found.pop().unwrap().sign_info().to_owned()
    }

    async fn sign(&mut self, signature: &str) {
        let change = ImChangeSignInfoReq {
            user_id: 1,
            sign_info: signature.to_owned(),
            attach_data: None,
        };
        assert_eq!(self.ask(&change).await.result_code, 0);
    }

    async fn login(&mut self, password: &str) -> u32 {
        let request = ImValidateReq {
            user_name: "demo1".to_owned(),
            password: client_password(password),
            client_address: Some("192.0.2.1".to_owned()),
            ..Default::default()
        };
        self.ask(&request).await.result_code
    }

    async fn end(self) {
        assert_eq!(self.shutdown.run(SOON).await, Ending::Clean);
    }
}

async fn store() -> (String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let admin = Admin::open(&url).await.unwrap();
    admin.ensure_demo_users(2, "demo").await.unwrap();
    (url, folder)
}

#[tokio::test]
async fn a_change_at_one_is_seen_at_the_other() {
    let Some(mut server) = Server::start(&[]).await else {
        return;
    };
    let (store, _folder) = store().await;
    let mut one = Proxy::start(&store, &server.url()).await;
    let mut two = Proxy::start(&store, &server.url()).await;
    for round in 0..10 {
        let text = format!("as of {round}");
        assert_ne!(two.signature().await, text);
        one.sign(&text).await;
        assert_eq!(two.signature().await, text);
        assert_eq!(one.signature().await, text);
    }
    // what is read is the copy: a change behind everybody's back is not seen yet
    let path = store.strip_prefix("sqlite:").unwrap();
    let back = SqliteStore::open(path).await.unwrap();
    let change = db_proxy::store::ProfileChange {
        sign_info: Some("behind your back".to_owned()),
        ..Default::default()
    };
    let first = proto::ids::UserId::new(1).unwrap();
    back.change_profile(first, &change).await.unwrap();
    assert_eq!(two.signature().await, "as of 9");
    // without Redis it is the store's word again
    server.kill();
    assert_eq!(two.signature().await, "behind your back");
    one.sign("alone").await;
    assert_eq!(two.signature().await, "alone");
    server.start_again().await;
    one.sign("together").await;
    assert_eq!(one.signature().await, "together");
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn a_process_starts_and_serves_without_redis() {
    let (store, _folder) = store().await;
    let url = format!("redis://:secret@127.0.0.1:{}/0", free_port());
    let mut proxy = Proxy::start(&store, &url).await;
    proxy.sign("alone").await;
    assert_eq!(proxy.signature().await, "alone");
    assert_eq!(proxy.login("demo").await, 0);
    assert_eq!(proxy.login("wrong").await, 1);
    proxy.end().await;
}

#[tokio::test]
async fn guesses_spread_over_two_have_one_budget() {
    let Some(mut server) = Server::start(&[]).await else {
        return;
    };
    let (store, _folder) = store().await;
    let mut one = Proxy::start(&store, &server.url()).await;
    let mut two = Proxy::start(&store, &server.url()).await;
    for _ in 0..2 {
        assert_eq!(one.login("guess").await, 1);
        assert_eq!(two.login("guess").await, 1);
    }
    // the right password is refused unseen now, at both
    assert_eq!(one.login("demo").await, 6);
    assert_eq!(two.login("demo").await, 6);
    server.kill();
    // each has counted two of them for itself, and goes on from there
    for _ in 0..2 {
        assert_eq!(two.login("guess").await, 1);
    }
    assert_eq!(two.login("demo").await, 6);
    assert_eq!(one.login("demo").await, 0);
    one.end().await;
    two.end().await;
}

//! A running login_server and those who talk to it.

use std::net::SocketAddr;
use std::time::Duration;

use im_base::shutdown::Shutdown;
use im_base::telemetry::metrics;
use im_base::testkit::TestPeer;
use login_server::directory::{Address, Directory};
use login_server::{Config, Started, start};
use proto::im::server::{ImMsgServInfo, ImUserCntUpdate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Generous: it is only reached when a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server on ports of its own, with all else as by default.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.clients.http = "127.0.0.1:0".to_owned();
    config.clients.tcp = "127.0.0.1:0".to_owned();
    config.servers.listen = "127.0.0.1:0".to_owned();
    config
}

/// A running server.
pub(crate) struct Server {
    pub(crate) started: Started,
    pub(crate) shutdown: Shutdown,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        metrics::init();
        let shutdown = Shutdown::new();
        let started = start(config, shutdown.clone()).await.unwrap();
        Self { started, shutdown }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.started.clients_http.unwrap()
    }

    /// A connection to the clients' TCP port.
    pub(crate) async fn client(&self) -> TestPeer<TcpStream> {
        connect(self.started.clients_tcp.unwrap()).await
    }

    /// A connection to the registration port.
    pub(crate) async fn server(&self) -> TestPeer<TcpStream> {
        connect(self.started.servers).await
    }

    /// A msg_server that has announced itself with this port.
    pub(crate) async fn msg_server(
        &self,
        port: u32,
        load: u32,
        capacity: u32,
    ) -> TestPeer<TcpStream> {
        let mut msg_server = self.server().await;
        msg_server
            .send(&announcement(port, load, capacity), 0)
            .await;
        self.until(|directory| entry(directory, port) == Some((load, capacity)))
            .await;
        msg_server
    }

    /// Waits until the server knows something.
    pub(crate) async fn until(&self, holds: impl Fn(&Directory) -> bool) {
        let directory = &self.started.directory;
        let wait = async {
            while !holds(directory) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("it knows only {:?}", directory.registered()));
    }

    /// Asks over HTTP and returns the `port` of the answer, or its code.
    pub(crate) async fn ask(&self) -> Result<u16, u8> {
        let answer = request(self.http(), b"GET /msg_server HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let field = |name: &str| {
            let line = answer.lines().find(|line| line.contains(name))?;
            let value = line.split_once(": ")?.1;
            Some(value.trim_matches(['"', ','].as_slice()).to_owned())
        };
        match field("\"code\"").expect("a code").as_str() {
            "0" => Ok(field("\"port\"").unwrap().parse().unwrap()),
            code => Err(code.parse().unwrap()),
        }
    }
}

/// Load and capacity of the msg_server with that port.
pub(crate) fn entry(directory: &Directory, port: u32) -> Option<(u32, u32)> {
    let registered = directory.registered();
    let found = registered
        .iter()
        .find(|server| u32::from(server.address.port) == port)?;
    Some((found.load, found.capacity))
}

pub(crate) fn announcement(port: u32, load: u32, capacity: u32) -> ImMsgServInfo {
    ImMsgServInfo {
        ip1: "10.0.0.1".to_owned(),
        ip2: "203.0.113.1".to_owned(),
        port,
        max_conn_cnt: capacity,
        cur_conn_cnt: load,
        host_name: "test".to_owned(),
        tls_port: None,
    }
}

pub(crate) fn address(port: u16) -> Address {
    Address {
        ip1: "10.0.0.1".to_owned(),
        ip2: "203.0.113.1".to_owned(),
        port,
        tls_port: 0,
    }
}

/// A client came to the msg_server that sends this.
pub(crate) const CAME: ImUserCntUpdate = ImUserCntUpdate {
    user_action: 1,
    user_id: 5,
};

/// A client left it.
pub(crate) const WENT: ImUserCntUpdate = ImUserCntUpdate {
    user_action: 2,
    user_id: 5,
};

async fn connect(address: SocketAddr) -> TestPeer<TcpStream> {
    TestPeer::new(TcpStream::connect(address).await.unwrap())
}

/// Sends bytes and returns all that comes back until the server closes.
pub(crate) async fn request(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .expect("the server closes by itself")
        .unwrap();
    answer
}

/// The sum of a metric over all its series that carry these labels, written as `name="value"`.
pub(crate) fn metric(name: &str, labels: &[&str]) -> f64 {
    let text = metrics::init().render();
    text.lines()
        .filter(|line| line.starts_with(&format!("{name}{{")))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

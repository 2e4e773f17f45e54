//! login_server: names the msg_server that a client is to go to.
//!
//! msg_servers register and report their load ([`directory`]); clients ask over HTTP ([`http`]) or with a frame
//! ([`tcp`]) and get the least loaded one. All it knows comes from the registrations and goes with them: it stores
//! nothing and dials nobody, so any number of login_servers can run side by side.

pub mod config;
pub mod directory;
pub mod handlers;
pub mod http;
pub mod tcp;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use im_base::admin::Readiness;
use im_base::app::{self, Program};
use im_base::net::listener;
use im_base::net::socket::TcpListener;
use im_base::net::tls::{Acceptor, Links};
use im_base::shutdown::Shutdown;
use tracing::info;

pub use config::Config;
use directory::Directory;

/// Who this program is.
pub const PROGRAM: Program = Program {
    name: "login_server",
    about: "Names the least loaded msg_server to clients",
    version: env!("CARGO_PKG_VERSION"),
};

/// A server that runs.
pub struct Started {
    /// Where clients ask over HTTP; `None` when that is switched off.
    pub clients_http: Option<SocketAddr>,
    /// Where clients ask over HTTPS; `None` when that is switched off.
    pub clients_https: Option<SocketAddr>,
    /// Where clients ask with a frame; `None` when that is switched off.
    pub clients_tcp: Option<SocketAddr>,
    /// Where msg_servers register.
    pub servers: SocketAddr,
    /// What it knows.
    pub directory: Arc<Directory>,
    /// What it needs to be ready: nothing but its listeners. Without a msg_server it answers all the same, and says so.
    pub readiness: Readiness,
}

/// Runs the server as its own program would, with these arguments (the first is the program's name).
pub fn run(args: Vec<OsString>) -> ExitCode {
    app::run(PROGRAM, args, async |config: Config, shutdown| {
        Ok(start(config, shutdown).await?.readiness)
    })
}

/// Starts the server; it ends with `shutdown`. The error names the key whose address cannot be listened on.
pub async fn start(config: Config, shutdown: Shutdown) -> anyhow::Result<Started> {
    let http = bind("clients.http", &config.clients.http).await?;
    let https = bind("clients.https", &config.clients.https).await?;
    let tcp = bind("clients.tcp", &config.clients.tcp).await?;
    let tls = Acceptor::for_clients(&config.tls, &shutdown).await?;
    let links = Links::new(&config.links, &shutdown).await?;
    let servers = listener::bind(&config.servers.listen)
        .await
        .context("servers.listen")?;
    let started = Started {
        clients_http: http.as_ref().map(TcpListener::local_addr).transpose()?,
        clients_https: https.as_ref().map(TcpListener::local_addr).transpose()?,
        clients_tcp: tcp.as_ref().map(TcpListener::local_addr).transpose()?,
        servers: servers.local_addr()?,
        directory: Arc::default(),
        readiness: Readiness::new(),
    };

    let directory = &started.directory;
    let router = http::router(directory.clone(), config.announce);
    let limits = config.limits.of_clients();
    if let Some(http) = http {
        let router = router.clone();
        im_base::net::http::serve(http, "clients_http", limits, None, &shutdown, router);
    }
    if let Some(https) = https {
        im_base::net::http::serve(https, "clients_https", limits, tls, &shutdown, router);
    }
    if let Some(tcp) = tcp {
        tcp::serve_clients(
            tcp,
            config.limits.of_clients(),
            directory.clone(),
            &shutdown,
        );
    }
    tcp::serve_msg_servers(
        servers,
        config.limits.of_servers(),
        links.map(|links| links.acceptor),
        directory.clone(),
        &shutdown,
    );
    info!(
        http = started.clients_http.map(display),
        https = started.clients_https.map(display),
        tcp = started.clients_tcp.map(display),
        servers = %started.servers,
        "listening"
    );
    Ok(started)
}

/// Binds the address of a key; empty is off.
async fn bind(key: &'static str, address: &str) -> anyhow::Result<Option<TcpListener>> {
    if address.is_empty() {
        return Ok(None);
    }
    listener::bind(address).await.context(key).map(Some)
}

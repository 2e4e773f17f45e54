//! msg_server: owns the sessions of clients.
//!
//! It holds nothing that outlives them: messages go to db_proxy before anything else, presence is announced to
//! route_server, load to login_server. A message's way through it: [`handlers`]`/msg.rs::send`, `links/db.rs`, back
//! in `send`, `fanout.rs`; on the receivers' msg_server `handlers/msg.rs::deliver`.

mod api;
mod clock;
mod config;
mod delivered;
mod drain;
mod fanout;
mod groups;
mod handlers;
mod links;
mod members;
mod missed;
mod notice;
mod presence;
mod reach;
mod roster;
mod server;
mod session;
mod trace;
mod users;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use im_base::admin::Readiness;
use im_base::app::{self, Program};
use im_base::net::listener::{self, Places};
use im_base::net::socket::TcpListener;
use im_base::net::tls::{Acceptor, Links};
use im_base::net::ws::Origins;
use im_base::peer::LinkConfig;
use im_base::shutdown::Shutdown;
use tracing::{debug, info};

pub use config::Config;

use server::MsgServer;
use session::Door;

/// Who this program is.
pub const PROGRAM: Program = Program {
    name: "msg_server",
    about: "Owns the sessions of clients",
    version: env!("CARGO_PKG_VERSION"),
};

/// A server that runs.
pub struct Started {
    /// Where clients connect.
    pub clients: Option<SocketAddr>,
    /// Where clients connect with TLS.
    pub clients_tls: Option<SocketAddr>,
    /// Where clients that speak WebSocket connect.
    pub websocket: Option<SocketAddr>,
    /// Where they connect with TLS.
    pub websocket_tls: Option<SocketAddr>,
    /// Where back offices connect, if there is a key.
    pub api: Option<SocketAddr>,
    /// What it needs to serve clients: a db_proxy and a route_server.
    pub readiness: Readiness,
}

/// Runs the program with these arguments (the first is its name) to its exit code.
pub fn run(args: Vec<OsString>) -> ExitCode {
    app::run(PROGRAM, args, async |config: Config, shutdown| {
        Ok(start(config, shutdown).await?.readiness)
    })
}

/// Starts the server; it ends with `shutdown`.
pub async fn start(config: Config, shutdown: Shutdown) -> anyhow::Result<Started> {
    let tls = Acceptor::for_clients(&config.tls, &shutdown).await?;
    let links = Links::new(&config.links, &shutdown).await?;
    let clients = bind(&config.clients.listen).await;
    let clients = clients.context("clients.listen")?;
    let clients_tls = bind(&config.clients.tls).await.context("clients.tls")?;
    let websocket = bind(&config.websocket.listen).await;
    let websocket = websocket.context("websocket.listen")?;
    let websocket_tls = bind(&config.websocket.tls).await.context("websocket.tls")?;
    let api_key = match config.api.listen.is_empty() {
        true => None,
        false => api::Key::load(&config.api)?,
    };
    let api = match api_key {
        Some(key) => bind(&config.api.listen)
            .await
            .context("api.listen")?
            .map(|(listener, address)| (listener, address, key)),
        None => None,
    };
    let link = LinkConfig {
        tls: links.map(|links| links.dialer),
        ..LinkConfig::default()
    };
    let port = |bound: &Bound| bound.as_ref().map_or(0, |(_, address)| address.port());
    let ports = [port(&clients), port(&clients_tls)];
    let server = MsgServer::start(&config, ports, &link, &shutdown);
    // A connection is a connection, whatever it speaks.
    let places = Places::from(config.limits.connections());
    let web = Door::WebSocket(Origins::new(&config.websocket.origins).into());
    let open = |bound: Bound, door: &Door, tls: Option<Acceptor>| {
        let (listener, address) = bound?;
        session::accept(listener, door.clone(), tls, places.clone(), server.clone());
        Some(address)
    };
    let clients = open(clients, &Door::Direct, None);
    let clients_tls = open(clients_tls, &Door::Direct, tls.clone());
    let websocket = open(websocket, &web, None);
    let websocket_tls = open(websocket_tls, &web, tls);
    info!(
        clients = clients.map(display),
        clients_tls = clients_tls.map(display),
        websocket = websocket.map(display),
        websocket_tls = websocket_tls.map(display),
        "listening"
    );
    let api = match api {
        Some((listener, address, key)) => {
            api::serve(listener, key, server.clone());
            info!(%address, "serving the HTTP API");
            Some(address)
        }
        None => {
            debug!("the HTTP API is not served: it has no key or no address");
            None
        }
    };
    let (db, route) = (server.clone(), server);
    let readiness = Readiness::new()
        .require("a link to a db_proxy", move || db.db.is_up())
        .require("a link to a route_server", move || route.routes.is_up());
    Ok(Started {
        clients,
        clients_tls,
        websocket,
        websocket_tls,
        api,
        readiness,
    })
}

/// A listener and where it listens; none for an empty address.
type Bound = Option<(TcpListener, SocketAddr)>;

async fn bind(address: &str) -> anyhow::Result<Bound> {
    if address.is_empty() {
        return Ok(None);
    }
    let listener = listener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Some((listener, address)))
}

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
use im_base::net::ws::Origins;
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
    pub clients: SocketAddr,
    /// Where clients that speak WebSocket connect.
    pub websocket: Option<SocketAddr>,
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
    let listener = listener::bind(&config.clients.listen)
        .await
        .context("clients.listen")?;
    let clients = listener.local_addr()?;
    let websocket = bind(&config.websocket.listen)
        .await
        .context("websocket.listen")?;
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
    let server = MsgServer::start(&config, clients, &shutdown);
    // A connection is a connection, whatever it speaks.
    let places = Places::from(config.limits.connections());
    session::accept(listener, Door::Tcp, places.clone(), server.clone());
    let websocket = match websocket {
        Some((listener, address)) => {
            let door = Door::WebSocket(Origins::new(&config.websocket.origins).into());
            session::accept(listener, door, places, server.clone());
            Some(address)
        }
        None => None,
    };
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
        websocket,
        api,
        readiness,
    })
}

/// A listener and where it listens; none for an empty address.
async fn bind(address: &str) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    if address.is_empty() {
        return Ok(None);
    }
    let listener = listener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Some((listener, address)))
}

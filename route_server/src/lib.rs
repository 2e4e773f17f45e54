//! route_server: knows who is online where, and passes frames on to the msg_servers that need them.
//!
//! All it knows is soft: each msg_server announces its users when it connects, and takes them along when its
//! connection ends. It dials nobody and stores nothing.

mod config;
mod handlers;
mod interest;
mod presence;
mod relay;
mod route;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use im_base::admin::Readiness;
use im_base::app::{self, Program};
use im_base::net::listener;
use im_base::net::tls::Links;
use im_base::shutdown::Shutdown;

pub use config::Config;

/// Who this program is.
pub const PROGRAM: Program = Program {
    name: "route_server",
    about: "Knows who is online where and relays between msg_servers",
    version: env!("CARGO_PKG_VERSION"),
};

/// A server that runs.
pub struct Started {
    /// Where msg_servers connect.
    pub servers: SocketAddr,
    /// What it needs to be ready: nothing but its listener.
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
    let links = Links::new(&config.links, &shutdown).await?;
    let listener = listener::bind(&config.servers.listen)
        .await
        .context("servers.listen")?;
    let servers = listener.local_addr()?;
    route::accept(listener, links.map(|links| links.acceptor), &shutdown);
    Ok(Started {
        servers,
        readiness: Readiness::new(),
    })
}

//! db_proxy: the only process that knows SQL. Users, conversations and messages behind typed requests.
//!
//! A request's way: [`handlers`] (wire to domain and back), [`logic`] (the rules), [`store`] (the database). It is
//! stateless: any number may share one database.

mod config;
mod handlers;
mod server;

/// The rules: what may be stored, who may log in. No SQL, no wire types.
pub mod logic;

/// Where state is durable: a trait per entity, and the databases that implement them.
pub mod store;

/// Copies that may be flushed at any moment.
pub mod cache;

/// Moving everything there is from one database into another.
pub mod transfer;

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
    name: "db_proxy",
    about: "Owns the database: users, conversations, messages",
    version: env!("CARGO_PKG_VERSION"),
};

/// A server that runs.
pub struct Started {
    /// Where msg_servers connect.
    pub servers: SocketAddr,
    /// What it needs to be ready: its store was opened before it listened.
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
    let password = config.store.password()?;
    let store = store::open_with(&config.store.url, password.as_deref());
    let store = store.await.context("store.url")?;
    let epoch = store.store_epoch().await.context("store.url")?;
    let caches = cache::open(
        config.cache.settings(
            epoch,
            config.limits.failures(),
            config.registration.counted(&config.limits),
        )?,
        &shutdown,
    )
    .await
    .context("cache.url")?;
    let links = Links::new(&config.links, &shutdown).await?;
    let listener = listener::bind(&config.servers.listen)
        .await
        .context("servers.listen")?;
    let servers = listener.local_addr()?;
    let tls = links.map(|links| links.acceptor);
    handlers::begin_counting();
    server::accept(listener, tls, &config, store, caches, &shutdown);
    Ok(Started {
        servers,
        readiness: Readiness::new(),
    })
}

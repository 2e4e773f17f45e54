//! A db_proxy that keeps everything in memory: the protocol between servers as it is, the rules of the store in their
//! shortest form. Its processes may crash; what is committed stays, as in a database.

mod handlers;
mod store;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use im_base::dispatch;
use im_base::dispatch::router::Actor;
use im_base::net::listener::{self, ConnectionLimits};
use im_base::net::{CloseReason, Connection, Outbox, Pace};
use im_base::shutdown::Shutdown;
use parking_lot::Mutex;
use proto::decoder::MAX_SERVER_FRAME;

#[cfg(test)]
pub(crate) use store::Stored;
pub(crate) use store::{Group, Store};

/// Where it listens.
pub(crate) const PORT: u16 = 10600;

const OUTBOX_BYTES: usize = 64 * 1024 * 1024;

/// Requests of one msg_server at work at the same time.
const IN_FLIGHT: usize = 8192;

/// What all of its processes share.
pub(crate) struct Model {
    pub(crate) store: Mutex<Store>,
    /// How long answers take.
    chance: Mutex<fastrand::Rng>,
    slowest: Duration,
}

impl Actor for Model {}

impl Model {
    pub(crate) fn new(store: Store, seed: u64, slowest: Duration) -> Self {
        Self {
            store: Mutex::new(store),
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            slowest,
        }
    }

    /// Lets as much time pass as a database takes. Whatever is asked in the meantime is done in the meantime.
    async fn work(&self) {
        let most = self.slowest.as_millis() as u64;
        let wait = self.chance.lock().u64(0..=most);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// One process of it, until it crashes.
pub(crate) async fn run(model: Arc<Model>) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    let listener = listener::bind(&format!("0.0.0.0:{PORT}")).await?;
    let router = Arc::new(handlers::router());
    listener::accept(
        listener,
        "servers",
        ConnectionLimits::NONE,
        None,
        &shutdown,
        move |stream, _address| {
            let (model, router) = (model.clone(), router.clone());
            async move {
                let outbox = Outbox::new(OUTBOX_BYTES);
                let mut connection =
                    Connection::new(stream, outbox, Pace::SERVERS, MAX_SERVER_FRAME);
                let end = pending::<CloseReason>();
                let served =
                    dispatch::serve(&mut connection, &router, &model, IN_FLIGHT, end).await;
                let (reason, leftover) = served;
                leftover.finish().await;
                connection.close(reason).await;
                reason
            }
        },
    );
    pending().await
}

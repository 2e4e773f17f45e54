//! db_proxy: everything that is stored.

mod lane;

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use im_base::net::Outbox;
use im_base::peer::{CallError, Link, LinkConfig, Peer, Pool};
use im_base::shutdown::Shutdown;
use proto::im::server::ImStopReceivePacket;
use proto::{Body, Pdu, Role};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

pub(crate) use self::lane::Lane;
use self::lane::Turn;
use crate::handlers::msg::ConversationKey;

/// The db_proxies. All are equal; a key (a conversation, a user) stays with one of them while it lives.
///
/// A call that is lost with its link is made again, on another link or when one comes up, until its time is over:
/// every request is either a read or keyed so that doing it twice is doing it once.
pub(crate) struct Db {
    pool: OnceLock<Pool>,
    came_up: Notify,
    within: Duration,
    /// Makes keys of this process differ from those of any other and of its own last run.
    run: u64,
    next_key: AtomicU64,
}

impl Db {
    pub(crate) fn start(
        addresses: &[String],
        link: &LinkConfig,
        within: Duration,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let db = Arc::new(Self {
            pool: OnceLock::new(),
            came_up: Notify::new(),
            within,
            run: fastrand::u64(..),
            next_key: AtomicU64::new(1),
        });
        let start = |address: &String| {
            Link::start(
                Role::DbProxy,
                address.clone(),
                link.clone(),
                db.clone(),
                shutdown,
            )
        };
        let links = addresses.iter().map(start).collect();
        db.pool.get_or_init(|| Pool::new(links));
        db
    }

    /// Whether any db_proxy is connected.
    pub(crate) fn is_up(&self) -> bool {
        self.pool.get().is_some_and(Pool::is_up)
    }

    /// A key for a message whose client gave none, so that storing it again after a lost link is storing it once.
    pub(crate) fn fresh_key(&self) -> Bytes {
        let number = self.next_key.fetch_add(1, Ordering::Relaxed);
        Bytes::copy_from_slice(&((u128::from(self.run) << 64) | u128::from(number)).to_be_bytes())
    }

    /// Asks the db_proxy that has `key` now. The first poll queues the request, so that requests of one session keep
    /// their order as long as no db_proxy comes or goes. Dropping the future gives up the answer, not the request.
    pub(crate) async fn call<Q: Body, R: Body>(
        &self,
        key: impl Hash,
        request: &Q,
    ) -> Result<R, CallError> {
        self.ask(key, request, None).await
    }

    /// As [`call`](Self::call), and behind what was asked before in the same lane with the same key, whatever becomes of
    /// db_proxies meanwhile.
    pub(crate) async fn call_in_order<Q: Body, R: Body>(
        &self,
        lane: &Lane,
        key: ConversationKey,
        request: &Q,
    ) -> Result<R, CallError> {
        let turn = lane.begin(key);
        self.ask(key, request, Some(&turn)).await
    }

    async fn ask<Q: Body, R: Body>(
        &self,
        key: impl Hash,
        request: &Q,
        turn: Option<&Turn<'_>>,
    ) -> Result<R, CallError> {
        let deadline = Instant::now() + self.within;
        let mut failed = None;
        // Of several failures the one that leaves open what happened.
        let mut lost = None;
        loop {
            // Before the look at the links: one that comes up in between is not missed.
            let came_up = self.came_up.notified();
            let others = turn.map(Turn::others);
            let pool = self.pool.get();
            let link = pool.and_then(|pool| {
                pool.pick_except(&key, failed.as_ref())
                    .or_else(|| pool.pick(&key))
                    .cloned()
            });
            if let (Some(turn), Some(others), Some(link)) = (turn, others, &link)
                && !turn.take(link)
            {
                match timeout_at(deadline, others).await {
                    Ok(()) => continue,
                    Err(_) => return Err(lost.unwrap_or(CallError::NotConnected)),
                }
            }
            let error = match &link {
                Some(link) => match link.call(request, deadline - Instant::now()).await {
                    Ok(answer) => return Ok(answer),
                    Err(CallError::NotConnected) => CallError::NotConnected,
                    Err(CallError::Lost) => *lost.insert(CallError::Lost),
                    Err(error) => return Err(error),
                },
                None => CallError::NotConnected,
            };
            turn.into_iter().for_each(Turn::give_up);
            let error = lost.unwrap_or(error);
            debug!(command = Q::COMMAND.name, %error, "db_proxy call will be tried again");
            let others = pool.is_some_and(|pool| pool.pick_except(&key, link.as_ref()).is_some());
            failed = link;
            if !others && timeout_at(deadline, came_up).await.is_err() {
                return Err(error);
            }
            if Instant::now() >= deadline {
                return Err(error);
            }
        }
    }
}

impl Peer for Db {
    fn connected(&self, _link: &Link, _outbox: &Outbox) {
        // Nothing to say: db_proxy takes requests from whoever connects.
        self.came_up.notify_waiters();
    }

    fn received(&self, link: &Link, pdu: Pdu) {
        if pdu.command() == ImStopReceivePacket::ID {
            debug!(?link, "db_proxy is about to stop");
            link.rest();
        }
    }
}

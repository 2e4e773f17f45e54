//! Waiting until every route_server knows what was announced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use im_base::peer::{Link, Pool};
use im_base::shutdown::Shutdown;
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// A route_server that takes longer hangs; what it did not pass on is made up for when its link is lost.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks all route_servers something of no account: the answer says that they have read everything before it. One question
/// serves everybody who waited when it was asked.
#[derive(Debug)]
pub(super) struct Confirm {
    wanted: AtomicU64,
    asked: Notify,
    confirmed: watch::Sender<u64>,
}

impl Default for Confirm {
    fn default() -> Self {
        Self {
            wanted: AtomicU64::new(0),
            asked: Notify::new(),
            confirmed: watch::Sender::new(0),
        }
    }
}

impl Confirm {
    /// Completes when the route_servers have read what was queued for them before, or have had [`PATIENCE`] for it.
    /// Cancel-safe.
    pub(super) async fn wait(&self) {
        let ticket = self.wanted.fetch_add(1, Ordering::AcqRel) + 1;
        self.asked.notify_one();
        let mut confirmed = self.confirmed.subscribe();
        let _late = timeout(PATIENCE, confirmed.wait_for(|done| *done >= ticket)).await;
    }

    /// Answers those who wait, until the stop stage.
    pub(super) async fn run(&self, pool: &Pool, shutdown: &Shutdown) {
        loop {
            tokio::select! {
                () = self.asked.notified() => {}
                () = shutdown.stopping() => return,
            }
            let ticket = self.wanted.load(Ordering::Acquire);
            // Another make of route_server knows no such promise, and need not be waited for.
            let links = pool.live().filter(|link| link.is_paced());
            join_all(links.map(ask)).await;
            self.confirmed.send_replace(ticket);
        }
    }
}

async fn ask(link: &Arc<Link>) {
    let nobody = ImUsersStatReq::default();
    let _lost_or_late = timeout(PATIENCE, link.call::<_, ImUsersStatRsp>(&nobody, PATIENCE)).await;
}

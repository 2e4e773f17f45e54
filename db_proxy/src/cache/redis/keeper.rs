use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, cmd};
use im_base::peer::backoff::Backoff;
use im_base::telemetry::metrics::{CACHE_UNDELIVERED, CACHE_UP};
use metrics::gauge;
use tokio::time::{Instant, interval, timeout};
use tracing::{debug, info, warn};

use super::link::{Link, Live, Trouble};
use super::user;

/// Between attempts to reach a Redis that is away.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    most: Duration::from_secs(5),
};

/// A Redis that was up for that long may go down without being waited for longer than the first time.
const STEADY: Duration = Duration::from_secs(10);

/// Between two looks whether a change was left lying, and whether the server is still what it was.
const LOOK: Duration = Duration::from_secs(1);

/// Between two warnings.
const QUIET: Duration = Duration::from_secs(60);

/// Changes that are delivered at once.
const BATCH: usize = 100;

/// The task that brings a link up, delivers what could not be delivered, and says so. Nobody who serves a request waits
/// for it.
#[derive(Debug)]
pub struct Keeper {
    link: Arc<Link>,
    failures: u32,
    /// Somebody was told that it is away.
    warned: bool,
    last_warning: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            failures: 0,
            warned: false,
            last_warning: None,
        }
    }

    /// Works until `end` completes.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                () = self.keep() => {}
            }
        }
    }

    /// One time up and down.
    async fn keep(&mut self) {
        let live = loop {
            match self.prepare().await {
                Ok(live) => break live,
                Err(trouble) => {
                    self.failed(&trouble);
                    let wait = BACKOFF.wait(self.failures, fastrand::f64());
                    tokio::time::sleep(wait).await;
                }
            }
        };
        let since = Instant::now();
        self.link.bring_up(live);
        gauge!(CACHE_UP).set(1.0);
        self.say_back();
        self.tend().await;
        gauge!(CACHE_UP).set(0.0);
        if since.elapsed() >= STEADY {
            self.failures = 0;
        }
        let trouble = self.link.trouble.lock().take();
        if let Some(trouble) = trouble {
            self.failed(&trouble);
            tokio::time::sleep(BACKOFF.wait(self.failures, fastrand::f64())).await;
        }
    }

    /// A connection on which Redis answers in time, takes writes, and knows of every change.
    async fn prepare(&self) -> Result<Live, Trouble> {
        let live = self.link.connect().await?;
        let key = self.link.key("probe");
        self.link
            .ask_on(&live, async |connection, _| -> RedisResult<()> {
                let mut probe = cmd("SET");
                let probe = probe.arg(key).arg(1).arg("PX").arg(1_000);
                probe.query_async(connection).await
            })
            .await?;
        self.deliver(&live).await?;
        Ok(live)
    }

    /// As many as there are now; what comes meanwhile is sent by whoever made the change, or is left for the next look.
    async fn deliver(&self, live: &Live) -> Result<(), Trouble> {
        let mut left = self.link.undelivered.len();
        while left > 0 {
            let batch = self.link.undelivered.some(BATCH.min(left));
            if batch.is_empty() {
                break;
            }
            user::deliver(&self.link, live, &batch).await?;
            left = left.saturating_sub(batch.len());
        }
        gauge!(CACHE_UNDELIVERED).set(self.link.undelivered.len() as f64);
        Ok(())
    }

    /// Until the link is down: delivers what somebody gave up waiting for.
    async fn tend(&self) {
        let mut looks = interval(LOOK);
        let mut before = 0;
        while self.link.is_up() {
            tokio::select! {
                () = self.link.wake.notified() => {}
                _ = looks.tick() => self.link.look().await,
            }
            let now = self.link.undelivered.len();
            // those of a moment ago may be on their way still
            if now > 0 && before > 0 {
                self.redeliver().await;
            }
            before = now;
            gauge!(CACHE_UNDELIVERED).set(now as f64);
        }
    }

    async fn redeliver(&self) {
        let batch = self.link.undelivered.some(BATCH);
        let asked = self.link.ask(async |connection, live| {
            user::deliver_on(&self.link, connection, live, &batch).await
        });
        // a Redis that fails here is down by now, or will be asked again
        if asked.await.is_some() {
            user::delivered(&self.link, &batch);
        }
    }

    fn failed(&mut self, trouble: &Trouble) {
        self.failures = self.failures.saturating_add(1);
        let address = self.link.settings.address.shown();
        let quiet = self.last_warning.is_some_and(|at| at.elapsed() < QUIET);
        if self.warned || quiet {
            debug!(address, %trouble, "still no cache");
            return;
        }
        self.warned = true;
        self.last_warning = Some(Instant::now());
        warn!(address, %trouble, "cache is away, going on without");
    }

    fn say_back(&mut self) {
        let address = self.link.settings.address.shown();
        if std::mem::take(&mut self.warned) || self.last_warning.is_none() {
            info!(address, "cache is in use");
        } else {
            debug!(address, "cache is in use");
        }
    }
}

/// Waits a while for Redis at the start of a process, so that it is in use from the first request on when it is there.
pub(in crate::cache) async fn first_attempt(link: &Link, most: Duration) {
    let _late = timeout(most, link.wait(true)).await;
}

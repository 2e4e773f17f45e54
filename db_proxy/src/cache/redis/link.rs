use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, RedisError, RedisResult};
use deadpool_redis::{Manager, Pool, Runtime};
use im_base::telemetry::metrics::CACHE_FAILURES;
use metrics::counter;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::address::{Address, AddressError};
use super::undelivered::Undelivered;

/// Answers in a row that have to be late before Redis is taken for slow. A single one may be this machine's own doing.
const LATE_IN_A_ROW: u32 = 3;

/// How long it may take to connect and to be let in, which nobody but the keeper waits for.
const CONNECT: Duration = Duration::from_secs(5);

/// What a link needs to know.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    pub address: Address,
    /// How long an answer may take; whoever waits for it goes on without.
    pub timeout: Duration,
    /// How long a copy is kept.
    pub lifetime: Duration,
    /// The store's epoch.
    pub epoch: u64,
}

/// The connection to Redis, while there is one that is worth asking.
///
/// Owned by all caches of a process; the [`Keeper`](super::Keeper) alone brings it up.
pub struct Link {
    pub(super) settings: LinkSettings,
    pool: Pool,
    /// `None`: nobody asks.
    live: ArcSwapOption<Live>,
    late: AtomicU32,
    /// Why it went down the last time.
    pub(super) trouble: parking_lot::Mutex<Option<Trouble>>,
    /// The keeper has something to do.
    pub(super) wake: Notify,
    up: watch::Sender<bool>,
    pub(super) undelivered: Undelivered,
}

/// A connection that answers in time.
pub(super) struct Live {
    connection: MultiplexedConnection,
    /// Names this run of the Redis server as the one that is written to.
    run: String,
}

/// Why Redis did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("{0}")]
    Redis(Arc<RedisError>),
    #[error("this is a node of a Redis Cluster, which is not supported: {0}")]
    Cluster(Arc<RedisError>),
    #[error("the server was a replica meanwhile")]
    Replaced,
    #[error("cannot connect: {0}")]
    Connect(String),
}

impl Trouble {
    /// The metric's label.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Late(_) => "late",
            Self::Cluster(_) => "refused",
            Self::Redis(error) if error.code().is_some() => "refused",
            Self::Redis(_) | Self::Replaced => "lost",
            Self::Connect(_) => "connect",
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some("MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT") => Self::Cluster(Arc::new(error)),
            _ => Self::Redis(Arc::new(error)),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.settings.address.shown())
            .field("up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(settings: LinkSettings) -> Result<Self, AddressError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            // ours are shorter; this one frees what was given up
            .set_response_timeout(Some(CONNECT));
        let manager = Manager::new_with_config(settings.address.info.clone(), config)
            .map_err(|_| AddressError)?;
        let pool = Pool::builder(manager)
            .max_size(1)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(settings.timeout))
            .build()
            .map_err(|_| AddressError)?;
        Ok(Self {
            settings,
            pool,
            live: ArcSwapOption::empty(),
            late: AtomicU32::new(0),
            trouble: parking_lot::Mutex::new(None),
            wake: Notify::new(),
            up: watch::Sender::new(false),
            undelivered: Undelivered::default(),
        })
    }

    /// Whether it is asked now.
    pub fn is_up(&self) -> bool {
        self.live.load().is_some()
    }

    /// Waits until it is asked, or not. Cancel-safe.
    pub async fn wait(&self, up: bool) {
        let mut seen = self.up.subscribe();
        // the sender is in self
        drop(seen.wait_for(|now| *now == up).await);
    }

    /// Asks, unless nobody is to. `None` after a failure, which is counted.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut MultiplexedConnection, &Live) -> RedisResult<T>,
    ) -> Option<T> {
        let live = self.live.load_full()?;
        match self.ask_on(&live, question).await {
            Ok(answer) => {
                self.late.store(0, Ordering::Relaxed);
                Some(answer)
            }
            Err(trouble) => {
                counter!(CACHE_FAILURES, "reason" => trouble.reason()).increment(1);
                let late = matches!(trouble, Trouble::Late(_));
                if !late || self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_IN_A_ROW {
                    self.take_down(&live, trouble);
                }
                None
            }
        }
    }

    /// Asks on a connection, up or not.
    pub(super) async fn ask_on<T>(
        &self,
        live: &Live,
        question: impl AsyncFnOnce(&mut MultiplexedConnection, &Live) -> RedisResult<T>,
    ) -> Result<T, Trouble> {
        let mut connection = live.connection.clone();
        let limit = self.settings.timeout;
        match timeout(limit, question(&mut connection, live)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_timeout() => Err(Trouble::Late(limit)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Trouble::Late(limit)),
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Live, Trouble> {
        let checked_out = self.pool.get().await;
        let checked_out = checked_out.map_err(|error| Trouble::Connect(error.to_string()))?;
        let mut live = Live {
            connection: MultiplexedConnection::clone(&checked_out),
            run: String::new(),
        };
        live.run = match self.ask_on(&live, run).await {
            Ok(run) => run,
            // a Redis that lets nobody look at it
            Err(Trouble::Redis(error)) if error.code() == Some("NOPERM") => String::new(),
            Err(trouble) => return Err(trouble),
        };
        Ok(live)
    }

    /// Looks whether the server was something else meanwhile: one that was a replica for a while, with no connection broken
    /// by it, has copies from before.
    pub(super) async fn look(&self) {
        let Some(live) = self.live.load_full().filter(|live| !live.run.is_empty()) else {
            return;
        };
        let now = self.ask(run);
        if now.await.is_some_and(|now| now != live.run) {
            self.take_down(&live, Trouble::Replaced);
        }
    }

    pub(super) fn bring_up(&self, live: Live) {
        self.late.store(0, Ordering::Relaxed);
        self.live.store(Some(Arc::new(live)));
        self.up.send_replace(true);
    }

    /// From now on nobody asks, unless somebody else has taken it down before and it is up anew.
    fn take_down(&self, failed: &Arc<Live>, trouble: Trouble) {
        let none: Option<Arc<Live>> = None;
        let before = self.live.compare_and_swap(&Some(Arc::clone(failed)), none);
        if before
            .as_ref()
            .is_some_and(|live| Arc::ptr_eq(live, failed))
        {
            *self.trouble.lock() = Some(trouble);
            self.up.send_replace(false);
            self.wake.notify_one();
        }
    }

    /// The key of a copy of something.
    pub(super) fn copy_key(&self, live: &Live, name: impl fmt::Display) -> String {
        format!("{}{}:{name}", self.prefix(), live.run)
    }

    /// The key of something that outlives a restart of Redis.
    pub(super) fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix())
    }

    /// How long a copy is kept.
    pub(super) fn lifetime_ms(&self) -> u64 {
        u64::try_from(self.settings.lifetime.as_millis()).unwrap_or(u64::MAX)
    }

    fn prefix(&self) -> String {
        format!("ferrotalk:1:{{{:016x}}}:", self.settings.epoch)
    }
}

/// A server keeps its run's id until it is started anew, and takes another replication id whenever it begins to be
/// written to.
async fn run(connection: &mut MultiplexedConnection, _: &Live) -> RedisResult<String> {
    let mut both = String::new();
    for section in ["server", "replication"] {
        let mut info = deadpool_redis::redis::cmd("INFO");
        both += &info.arg(section).query_async::<String>(connection).await?;
    }
    Ok(run_id(&both))
}

fn run_id(info: &str) -> String {
    let field = |name| info.lines().find_map(|line| line.strip_prefix(name));
    let fields = ["run_id:", "master_replid:"].map(field);
    let fields = fields.into_iter().flatten().map(str::trim);
    fields.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{ErrorKind, ServerErrorKind};

    use super::*;

    #[test]
    fn a_cluster_is_called_one() {
        for kind in [ServerErrorKind::Moved, ServerErrorKind::ClusterDown] {
            let error = RedisError::from((ErrorKind::Server(kind), "slot 1"));
            let said = Trouble::from(error).to_string();
            assert!(said.contains("Redis Cluster"), "{said}");
        }
    }

    #[test]
    fn a_run_has_an_id() {
        let info = "# Server\r\nrun_id:abc\r\ntcp_port:1\r\n";
        assert_eq!(run_id(info), "abc");
        let replication = "# Replication\r\nmaster_replid:def\r\nmaster_replid2:0\r\n";
        assert_eq!(run_id(&format!("{info}{replication}")), "abc-def");
        assert_eq!(run_id("# Server\r\n"), "");
    }
}

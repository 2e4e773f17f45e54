//! An installation for one test: real processes, a folder of its own, and everything they say.

use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use tools::accounts::Accounts;
use tools::client::Address;
use tools::cluster::{Cluster, Counts, LogLine, LogSink, PortPlan, Role, Topology};

use crate::pair::{Fresh, Servers};

/// Longer than anything here takes on a busy machine; only a failing test waits for it.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Between two looks at something that cannot be waited for otherwise.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// The password of every demo user.
pub(crate) const PASSWORD: &str = "demo";

/// One of each, and two msg_servers; on MariaDB also two db_proxies.
pub(crate) const USUAL: Counts = Counts {
    login: 1,
    route: 1,
    db: 1,
    msg: 2,
};

/// Installations that run at once: more would starve each other on a small machine.
static PLACES: Semaphore = Semaphore::const_new(4);

/// A running installation. End it with [`World::end`], which looks through the logs.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    topology: Topology,
    said: Said,
    expected: Mutex<Vec<String>>,
    /// On MariaDB and Redis.
    fresh: Option<Fresh>,
    _last_words: LastWords,
    _dir: TempDir,
    _place: SemaphorePermit<'static>,
}

impl World {
    /// The usual processes and users demo1 … demo<count>.
    pub(crate) async fn usual(users: u32) -> Self {
        Self::start(USUAL, users, |_| {}).await
    }

    /// Starts processes and waits until a login would succeed.
    pub(crate) async fn start(counts: Counts, users: u32, set: impl FnOnce(&mut Topology)) -> Self {
        Self::start_on(Servers::of_this_run(), counts, users, set).await
    }

    /// As [`start`](Self::start), on these databases; two db_proxies or more share them. Without any, on SQLite and memory.
    pub(crate) async fn start_on(
        servers: Option<Servers>,
        mut counts: Counts,
        users: u32,
        set: impl FnOnce(&mut Topology),
    ) -> Self {
        let place = place().await;
        let dir = tempfile::tempdir().unwrap();
        let fresh = match servers {
            Some(servers) => {
                counts.db = counts.db.max(2);
                Some(servers.fresh().await)
            }
            None => None,
        };
        let ports = PortPlan::from_base(free_base(counts), counts).unwrap();
        let mut topology = Topology::new(dir.path(), ports).unwrap();
        topology.program = FERROTALK.into();
        if let Some(fresh) = &fresh {
            topology.store.clone_from(&fresh.store);
            topology.cache.clone_from(&fresh.cache);
        }
        set(&mut topology);
        let accounts = Accounts::open(&topology.store).await.unwrap();
        accounts.ensure_demo_users(users).await.unwrap();
        let said = Said::default();
        let cluster = launch(&topology, &said).await;
        let world = Self {
            cluster,
            topology,
            _last_words: LastWords(said.clone()),
            said,
            expected: Mutex::default(),
            fresh,
            _dir: dir,
            _place: place,
        };
        if world.fresh.is_some() {
            // A busy machine has Redis answer late; db_proxy goes on without.
            world.expect("trouble=no answer within");
        }
        world
    }

    /// Stops every process and starts all of them again.
    pub(crate) async fn restart(mut self) -> Self {
        self.cluster.stop().await;
        drop(self.cluster);
        self.cluster = launch(&self.topology, &self.said).await;
        self
    }

    /// Lines with this text are part of the story.
    pub(crate) fn expect(&self, text: &str) {
        self.expected.lock().unwrap().push(text.to_owned());
    }

    /// Drains everything and fails if a process had something to warn of.
    pub(crate) async fn end(self) {
        let children = self.cluster.processes();
        soon("a clean stop of everything", self.cluster.stop()).await;
        for child in children {
            let wanted = format!("ended program=\"{}\" ending=Clean", child.role);
            self.line(child.role, child.index, &wanted).await;
        }
        if let Some(fresh) = &self.fresh {
            fresh.remove().await;
        }
        let expected = self.expected.lock().unwrap();
        let unexpected: Vec<String> = self
            .said
            .texts()
            .into_iter()
            .filter(|line| is_alarming(line) && !expected.iter().any(|text| line.contains(text)))
            .collect();
        assert!(unexpected.is_empty(), "unexpected: {unexpected:#?}");
    }

    /// Where clients reach a msg_server.
    pub(crate) fn msg(&self, index: usize) -> Address {
        Address::direct("127.0.0.1", self.topology.ports.msg[index].tcp)
    }

    /// Where clients reach a msg_server over WebSocket.
    pub(crate) fn websocket(&self, index: usize) -> Address {
        let port = self.topology.ports.msg[index].websocket;
        format!("ws://127.0.0.1:{port}/chat").parse().unwrap()
    }

    /// The ports and files of the installation.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Asks login_server for an address, until it names one.
    pub(crate) async fn address(&self) -> Address {
        soon("an address from login_server", async {
            loop {
                match Address::from_login(&self.cluster.login_url()).await {
                    Ok(address) => return address,
                    Err(_) => sleep(LOOK).await,
                }
            }
        })
        .await
    }

    /// Every db_proxy, by index.
    pub(crate) fn db_proxies(&self) -> Range<usize> {
        0..self.topology.ports.db.len()
    }

    /// Waits until every process is in use again.
    pub(crate) async fn ready(&self) {
        self.cluster.ready(SOON).await.unwrap();
    }

    /// The number of a running process.
    pub(crate) fn pid(&self, role: Role, index: usize) -> u32 {
        let pid = self.cluster.pid(role, index);
        pid.unwrap_or_else(|| panic!("{role}.{index} does not run"))
    }

    /// Sends a process a signal; the cluster starts it again when it ends.
    pub(crate) fn signal(&self, role: Role, index: usize, signal: Signal) -> u32 {
        let pid = self.pid(role, index);
        kill_process(raw_pid(pid), signal).unwrap();
        pid
    }

    /// kill -9, and waits for the process that takes its place.
    pub(crate) async fn kill_minus_nine(&self, role: Role, index: usize) {
        self.expect("ended (signal: 9 (SIGKILL)); starting it again");
        let old = self.signal(role, index, Signal::KILL);
        soon("a new process", self.cluster.restarted(role, index, old)).await;
    }

    /// Waits for a line of a process, or about it.
    pub(crate) async fn line(&self, role: Role, index: usize, wanted: &str) -> String {
        let prefix = format!("{role}.{index} ");
        let found = async {
            loop {
                let matches = |l: &String| l.starts_with(&prefix) && l.contains(wanted);
                if let Some(line) = self.said.texts().into_iter().find(matches) {
                    return line;
                }
                sleep(LOOK).await;
            }
        };
        soon(&format!("{prefix}{wanted}"), found).await
    }

    /// A counter or gauge of a process, summed over the series that have these labels.
    pub(crate) async fn count(
        &self,
        role: Role,
        index: usize,
        name: &str,
        labels: &[(&str, &str)],
    ) -> u64 {
        let admin = self.topology.ports_of(role, index);
        let (_, port) = admin.iter().find(|(name, _)| *name == "admin").unwrap();
        let text = metrics(*port).await;
        let value = |line: &str| line.rsplit_once(' ')?.1.parse::<f64>().ok();
        let fits = |line: &&str| {
            let series = line.strip_prefix(name);
            let named = series.is_some_and(|rest| rest.starts_with(['{', ' ']));
            named
                && labels
                    .iter()
                    .all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
        };
        text.lines().filter(fits).filter_map(value).sum::<f64>() as u64
    }

    /// Waits until a counter or gauge has a value.
    pub(crate) async fn counts_to(
        &self,
        role: Role,
        index: usize,
        name: &str,
        labels: &[(&str, &str)],
        wanted: u64,
    ) {
        self.all_count_to(role, index..index + 1, name, labels, wanted)
            .await;
    }

    /// As [`counts_to`](Self::counts_to), over all db_proxies: which one is asked is not a test's to know.
    pub(crate) async fn db_proxies_count_to(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        wanted: u64,
    ) {
        self.all_count_to(Role::DbProxy, self.db_proxies(), name, labels, wanted)
            .await;
    }

    async fn all_count_to(
        &self,
        role: Role,
        indices: Range<usize>,
        name: &str,
        labels: &[(&str, &str)],
        wanted: u64,
    ) {
        let mut last = 0;
        let counting = async {
            loop {
                last = 0;
                for index in indices.clone() {
                    last += self.count(role, index, name, labels).await;
                }
                if last == wanted {
                    return;
                }
                sleep(LOOK).await;
            }
        };
        let counted = timeout(SOON, counting).await;
        assert!(
            counted.is_ok(),
            "{role} {indices:?} count {last} and not {wanted} of {name}{labels:?}"
        );
    }
}

/// Shows what the processes said when a test fails.
struct LastWords(Said);

impl Drop for LastWords {
    #[expect(clippy::print_stderr, reason = "of use to whoever reads the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let all = self.0.texts();
            let last = &all[all.len().saturating_sub(80)..];
            eprintln!("the processes' last words:\n{}", last.join("\n"));
        }
    }
}

/// Waits until an installation may be started, until the permit is dropped.
pub(crate) async fn place() -> SemaphorePermit<'static> {
    PLACES.acquire().await.unwrap()
}

/// The program under test.
pub(crate) const FERROTALK: &str = env!("CARGO_BIN_EXE_ferrotalk");

/// What the processes said.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<LogLine>>>);

impl Said {
    fn sink(&self) -> LogSink {
        let lines = self.0.clone();
        LogSink::new(move |line| lines.lock().unwrap().push(line))
    }

    fn texts(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines
            .iter()
            .map(|line| {
                let about = if line.about { "about it: " } else { "" };
                format!("{}.{} {about}{}", line.role, line.index, line.text)
            })
            .collect()
    }
}

async fn launch(topology: &Topology, said: &Said) -> Cluster {
    let cluster = Cluster::start(topology.clone(), said.sink()).unwrap();
    if let Err(error) = cluster.ready(SOON).await {
        panic!("{error}: {:#?}", said.texts());
    }
    cluster
}

/// Whether somebody should look at a line: a warning, an error, a panic, a process that ended unasked.
pub(crate) fn is_alarming(line: &str) -> bool {
    let level = line.split_whitespace().nth(2);
    matches!(level, Some("WARN" | "ERROR"))
        || line.contains("panicked")
        || line.contains("about it: ")
}

/// The first port of a plan, below those that the system gives to outgoing connections: a process that is started
/// again finds its ports free, and nobody who dials a dead one meets himself.
pub(crate) fn free_base(counts: Counts) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const STEP: u16 = 220;
    const COUNT: u16 = 100;
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let next = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let base = FIRST + STEP * next;
        let plan = PortPlan::from_base(base, counts).unwrap();
        if plan.check_free(true).is_ok() {
            return base;
        }
    }
    panic!("no free ports from {FIRST} on");
}

pub(crate) fn raw_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

/// Waits for something that has to happen.
pub(crate) async fn soon<T>(what: &str, happening: impl Future<Output = T>) -> T {
    match timeout(SOON, happening).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Everything that a process counts.
pub(crate) async fn metrics(port: u16) -> String {
    let reading = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        std::io::Result::Ok(text)
    };
    soon("metrics", reading).await.unwrap()
}

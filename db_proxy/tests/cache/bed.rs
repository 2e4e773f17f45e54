use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use db_proxy::cache::redis::{
    Address, Link, LinkSettings, RedisDepartments, RedisFailures, RedisGroups, RedisUsers, link,
};
use db_proxy::cache::{MemoryDepartments, MemoryFailures, MemoryGroups, MemoryUsers};
use db_proxy::logic::limiter::FailureLimits;
use im_base::task::Tasks;

/// Longer than anything here takes; only a failing test waits for it.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const LIMITS: FailureLimits = FailureLimits {
    per_account: 3,
    per_address: 6,
    window: Duration::from_millis(1_500),
    capacity: 1_000,
};

/// A Redis of this test's own. It ends with its shell, which ends with our end of its standard input: also when this
/// process is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    options: Vec<String>,
}

impl Server {
    /// `None`, and a word on standard error, where the program is not installed.
    pub(crate) async fn start(options: &[&str]) -> Option<Self> {
        let missing = Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err();
        if missing {
            left_out("redis-server is not installed");
            return None;
        }
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self {
            child: run(port, &folder, &options),
            port,
            folder,
            options,
        };
        server.listens().await;
        Some(server)
    }

    /// kill -9, and a new one in its place on what it saved.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.start_again().await;
    }

    pub(crate) fn kill(&mut self) {
        // the shell kills it when its input ends
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.child = run(self.port, &self.folder, &self.options);
        self.listens().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    async fn listens(&self) {
        soon("a Redis that listens", async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port below those that the system gives away by itself: nobody takes it while a server is down for a moment.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: std::ops::Range<u32> = 22_000..32_000;
    let count = PORTS.end - PORTS.start;
    let start = std::process::id().wrapping_mul(97) % count;
    let mut ports = (0..count).map(|_| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(PORTS.start + (start + next) % count).unwrap()
    });
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

fn run(port: u16, folder: &tempfile::TempDir, options: &[String]) -> Child {
    let script = "redis-server \"$@\" >/dev/null & read -r _; kill -9 $!; wait";
    Command::new("sh")
        .args(["-c", script, "sh", "--port", &port.to_string()])
        .args([
            "--bind",
            "127.0.0.1",
            "--appendonly",
            "no",
            "--save",
            "",
            "--dir",
        ])
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A test that cannot be made here says so; where nothing may be left out, it fails.
#[expect(clippy::print_stderr, reason = "said where a test's words go")]
fn left_out(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "left out: {why}");
    eprintln!("left out: {why}");
}

/// A Redis that other tests use as well.
async fn shared() -> Option<String> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    if let Ok(url) = std::env::var("FERROTALK_TEST_REDIS") {
        return Some(url);
    }
    if let Some(server) = SERVER.get() {
        return Some(server.url());
    }
    let own = Server::start(&[]).await?;
    // of two that start at once, one goes again
    Some(SERVER.get_or_init(|| own).url())
}

pub(crate) fn settings(url: &str, epoch: u64) -> LinkSettings {
    LinkSettings {
        address: Address::parse(url, None).unwrap(),
        // a busy machine is not a slow Redis
        timeout: Duration::from_secs(5),
        lifetime: Duration::from_secs(60),
        epoch,
    }
}

/// A link with its keeper at work, not waited for.
pub(crate) fn linking(settings: LinkSettings) -> Arc<Link> {
    let (link, keeper) = link(settings).unwrap();
    // it ends with the test's runtime
    Tasks::default().spawn("cache", keeper.run(std::future::pending()));
    link
}

/// A link that is up, in a room of its own.
pub(crate) async fn linked() -> Option<Arc<Link>> {
    linked_to(&shared().await?, fastrand::u64(..)).await
}

pub(crate) async fn linked_to(url: &str, epoch: u64) -> Option<Arc<Link>> {
    let link = linking(settings(url, epoch));
    soon("a link", link.wait(true)).await;
    Some(link)
}

pub(crate) async fn soon<T>(what: &str, happening: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, happening).await {
        Ok(happened) => happened,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub(crate) async fn memory_users() -> Option<MemoryUsers> {
    Some(MemoryUsers::default())
}

pub(crate) async fn redis_users() -> Option<RedisUsers> {
    Some(RedisUsers::new(linked().await?))
}

pub(crate) async fn memory_departments() -> Option<MemoryDepartments> {
    Some(MemoryDepartments::default())
}

pub(crate) async fn redis_departments() -> Option<RedisDepartments> {
    Some(RedisDepartments::new(linked().await?))
}

pub(crate) async fn memory_groups() -> Option<MemoryGroups> {
    Some(MemoryGroups::default())
}

pub(crate) async fn redis_groups() -> Option<RedisGroups> {
    Some(RedisGroups::new(linked().await?))
}

pub(crate) async fn memory_failures() -> Option<MemoryFailures> {
    Some(MemoryFailures::new(LIMITS))
}

pub(crate) async fn redis_failures() -> Option<RedisFailures> {
    Some(RedisFailures::new(linked().await?, LIMITS))
}

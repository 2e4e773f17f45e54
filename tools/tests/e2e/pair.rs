//! On which databases the installations run: SQLite and memory, or with `FERROTALK_E2E_PAIR=mysql` MariaDB and Redis.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, raw_sql};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::soon;

/// Databases of a Redis that nobody has told otherwise.
const REDIS_DATABASES: u32 = 16;

/// A MariaDB or MySQL whose user may create databases, and a Redis, that serve all tests.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    /// `mysql://USER:PASSWORD@HOST:PORT`
    pub(crate) mysql: String,
    /// `redis://HOST:PORT`
    pub(crate) redis: String,
}

impl Servers {
    /// Those that the environment names, if this run is one on them.
    pub(crate) fn of_this_run() -> Option<Self> {
        match variable("FERROTALK_E2E_PAIR").as_deref() {
            None | Some("sqlite") => return None,
            Some("mysql") => {}
            Some(other) => panic!("FERROTALK_E2E_PAIR={other}: sqlite or mysql"),
        }
        let needed = |name| {
            let value = variable(name);
            value.unwrap_or_else(|| {
                panic!("FERROTALK_E2E_PAIR=mysql needs {name}; scripts/databases prints it")
            })
        };
        Some(Self {
            mysql: needed("FERROTALK_TEST_MYSQL"),
            redis: needed("FERROTALK_TEST_REDIS"),
        })
    }

    /// As [`of_this_run`](Self::of_this_run), for a story that is about them.
    #[expect(
        clippy::print_stderr,
        reason = "nothing is left out without being said"
    )]
    pub(crate) fn or_left_out(story: &str) -> Option<Self> {
        let servers = Self::of_this_run();
        if servers.is_none() {
            eprintln!("left out: {story}: it needs MariaDB and Redis, FERROTALK_E2E_PAIR=mysql");
        }
        servers
    }

    /// An empty database on each.
    pub(crate) async fn fresh(self) -> Fresh {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e_{}_{number}", std::process::id());
        // Installations that run at the same time are two or three.
        let redis = number % REDIS_DATABASES;
        let mysql = self.mysql.trim_end_matches('/').to_owned();
        statement(&mysql, format!("CREATE DATABASE {name}")).await;
        flush(&self.redis, redis).await;
        Fresh {
            store: format!("{mysql}/{name}"),
            cache: format!("{}/{redis}", self.redis.trim_end_matches('/')),
            mysql,
            name,
        }
    }
}

/// What one installation uses.
pub(crate) struct Fresh {
    pub(crate) store: String,
    pub(crate) cache: String,
    mysql: String,
    name: String,
}

impl Fresh {
    /// Drops the database. After a test that failed it stays, to be looked at.
    pub(crate) async fn remove(&self) {
        statement(&self.mysql, format!("DROP DATABASE {}", self.name)).await;
    }
}

/// A MariaDB and a Redis for one test, which may kill them.
pub(crate) struct Private {
    pub(crate) servers: Servers,
    dir: TempDir,
}

impl Private {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let said = databases("start", dir.path(), &[]);
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim_start_matches('=').to_owned()
        };
        Self {
            servers: Servers {
                mysql: value("FERROTALK_TEST_MYSQL"),
                redis: value("FERROTALK_TEST_REDIS"),
            },
            dir,
        }
    }

    /// kill -9 of `mysql` or `redis`.
    pub(crate) fn kill(&self, which: &str) {
        databases("kill", self.dir.path(), &[which]);
    }

    /// Starts it again, where it was, and with what it had stored.
    pub(crate) fn start_again(&self, which: &str) {
        databases("start", self.dir.path(), &[which]);
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        databases("remove", self.dir.path(), &[]);
    }
}

/// Runs `scripts/databases`. It takes a second or three, in which the test's own tasks stand still; the processes don't.
fn databases(action: &str, dir: &Path, which: &[&str]) -> String {
    let script: PathBuf = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/databases").into();
    let Output { status, stdout, .. } = Command::new(script)
        .arg(action)
        .arg(dir)
        .args(which)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let said = String::from_utf8(stdout).unwrap();
    assert!(status.success() || std::thread::panicking(), "{said}");
    said
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn statement(url: &str, sql: String) {
    let running = async {
        let mut connection = MySqlConnection::connect(url).await?;
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    };
    soon("a statement", running).await.unwrap();
}

async fn flush(url: &str, number: u32) {
    let address = url.strip_prefix("redis://").unwrap();
    let flushing = async {
        let mut stream = TcpStream::connect(address.trim_end_matches('/')).await?;
        let commands = format!("SELECT {number}\r\nFLUSHDB\r\nQUIT\r\n");
        stream.write_all(commands.as_bytes()).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        std::io::Result::Ok(said)
    };
    let said = soon("an empty Redis", flushing).await.unwrap();
    assert_eq!(said, "+OK\r\n+OK\r\n+OK\r\n");
}

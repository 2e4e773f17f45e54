//! A MariaDB and a Redis of the run's own, started from the PATH in a folder, which may be killed and stopped.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, getuid, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::schedule::Database;

/// How long a database may take until it answers: one that was killed looks through its log first.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks.
const POLL: Duration = Duration::from_millis(50);

/// Where programs of servers are that are not in everybody's PATH.
const MORE_PATHS: &str = ":/usr/local/sbin:/usr/sbin:/sbin";

/// The database that is made.
const NAME: &str = "ferrotalk";

/// Both of them. Dropping it kills them.
#[derive(Debug)]
pub struct Databases {
    dir: PathBuf,
    ports: [u16; 2],
    password: String,
    /// Locked while one is started or ended.
    running: [Mutex<Option<Child>>; 2],
}

impl Databases {
    /// Makes and starts them in a folder. Ports are free ones from `first` on, below those that the system gives to
    /// outgoing connections.
    pub async fn start(dir: &Path, first: u16) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let mut free = (first..).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let mut port = || free.next().context("no port is free");
        let databases = Self {
            dir: dir.to_owned(),
            ports: [port()?, port()?],
            password: format!("{:032x}", fastrand::u128(..)),
            running: [Mutex::new(None), Mutex::new(None)],
        };
        databases.make().await?;
        databases.run(Database::Mariadb).await?;
        // The user is there; making it again would fail.
        std::fs::remove_file(databases.dir.join("init.sql")).context("removing init.sql")?;
        databases.run(Database::Redis).await?;
        Ok(databases)
    }

    /// Where one listens.
    pub fn address(&self, database: Database) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[place(database)]).into()
    }

    /// How one is reached through a port of this machine: its own, or one in front of it.
    pub fn url(&self, database: Database, port: u16) -> String {
        match database {
            Database::Mariadb => format!(
                "mysql://ferrotalk:{}@127.0.0.1:{port}/{NAME}",
                self.password
            ),
            Database::Redis => format!("redis://127.0.0.1:{port}/0"),
        }
    }

    /// Starts one, if it does not run, and waits until it answers.
    pub async fn run(&self, database: Database) -> anyhow::Result<()> {
        let mut running = self.running[place(database)].lock().await;
        if running.is_none() {
            *running = Some(self.spawn(database)?);
        }
        let began = Instant::now();
        while !answers(database, self.address(database)).await {
            ensure!(
                began.elapsed() < START_DEADLINE,
                "{database} does not answer after {} s; see {}",
                START_DEADLINE.as_secs(),
                self.log(database).display()
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Sends a signal to a running one.
    pub async fn signal(&self, database: Database, signal: Signal) {
        let running = self.running[place(database)].lock().await;
        send(running.as_ref(), signal);
    }

    /// Ends one by a signal and waits until it has ended.
    pub async fn end(&self, database: Database, signal: Signal) -> anyhow::Result<()> {
        let mut running = self.running[place(database)].lock().await;
        send(running.as_ref(), signal);
        if let Some(mut child) = running.take() {
            child
                .wait()
                .await
                .with_context(|| format!("waiting for {database}"))?;
        }
        Ok(())
    }

    /// The tables of a MariaDB that the system's own user administers, and the user that db_proxies are.
    async fn make(&self) -> anyhow::Result<()> {
        let data = self.dir.join("mariadb");
        let made = program("mariadb-install-db")
            .arg("--no-defaults")
            .arg(argument("--datadir=", &data))
            .args(["--skip-test-db", "--auth-root-authentication-method=normal"])
            .args(as_root())
            .stdin(Stdio::null())
            .output()
            .await
            .context(missing("mariadb-install-db", "mariadb-server-core"))?;
        ensure!(
            made.status.success(),
            "mariadb-install-db failed: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut sql = String::new();
        writeln!(sql, "CREATE DATABASE IF NOT EXISTS {NAME};")?;
        writeln!(
            sql,
            "CREATE USER ferrotalk@'127.0.0.1' IDENTIFIED BY '{}';",
            self.password
        )?;
        writeln!(sql, "GRANT ALL ON {NAME}.* TO ferrotalk@'127.0.0.1';")?;
        std::fs::write(self.dir.join("init.sql"), sql).context("writing init.sql")
    }

    fn spawn(&self, database: Database) -> anyhow::Result<Child> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log(database))
            .context("opening a log")?;
        let port = self.ports[place(database)];
        let mut command = match database {
            Database::Mariadb => {
                let mut command = program("mariadbd");
                command
                    .arg("--no-defaults")
                    .arg(argument("--datadir=", &self.dir.join("mariadb")))
                    .arg(argument("--socket=", &self.dir.join("mariadb.sock")))
                    .arg(format!("--port={port}"))
                    .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
                    .args(["--skip-log-bin", "--character-set-server=utf8mb4"])
                    .args(["--max-connections=500", "--max-allowed-packet=64M"])
                    .args([
                        "--innodb-flush-log-at-trx-commit=1",
                        "--innodb-buffer-pool-size=128M",
                    ])
                    .args(["--innodb-log-file-size=64M", "--performance-schema=OFF"])
                    .args(as_root());
                let init = self.dir.join("init.sql");
                if init.exists() {
                    command.arg(argument("--init-file=", &init));
                }
                command
            }
            Database::Redis => {
                let mut command = program("redis-server");
                command
                    .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                    .args(["--daemonize", "no", "--maxmemory", "64mb"])
                    .args(["--maxmemory-policy", "allkeys-lru"])
                    .arg("--port")
                    .arg(port.to_string())
                    .arg("--dir")
                    .arg(&self.dir);
                command
            }
        };
        let package = match database {
            Database::Mariadb => "mariadb-server-core",
            Database::Redis => "redis-server",
        };
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("opening a log")?)
            .stderr(log)
            // A Ctrl-C at the terminal is not for it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context(missing(database, package))
    }

    fn log(&self, database: Database) -> PathBuf {
        self.dir.join(format!("{database}.log"))
    }
}

fn place(database: Database) -> usize {
    match database {
        Database::Mariadb => 0,
        Database::Redis => 1,
    }
}

fn program(name: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(MORE_PATHS);
    // The place is looked for here, for a command's own PATH is not used for that on every system.
    let found = std::env::split_paths(&path).map(|dir| dir.join(name));
    let place = found.into_iter().find(|file| file.is_file());
    let mut command = Command::new(place.unwrap_or_else(|| name.into()));
    command.env("PATH", path);
    command
}

fn missing(name: impl std::fmt::Display, package: &str) -> String {
    format!("starting {name} (Debian: apt-get install {package})")
}

fn argument(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(path);
    argument
}

/// MariaDB refuses to run as root unless it is told to.
fn as_root() -> Option<&'static str> {
    getuid().is_root().then_some("--user=root")
}

fn send(child: Option<&Child>, signal: Signal) {
    let id = child.and_then(Child::id);
    if let Some(pid) = id.and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _already_ended = kill_process(pid, signal);
    }
}

/// Whether it says something that means that it works: MariaDB greets, Redis answers.
async fn answers(database: Database, address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let mut greeting = [0; 5];
        match database {
            // A packet's header, and the version of the protocol: another number is an error's.
            Database::Mariadb => stream.read_exact(&mut greeting).await?,
            Database::Redis => {
                stream.write_all(b"PING\r\n").await?;
                stream.read_exact(&mut greeting).await?
            }
        };
        anyhow::Ok(match database {
            Database::Mariadb => greeting[4] == 10,
            Database::Redis => greeting == *b"+PONG",
        })
    };
    let answered = tokio::time::timeout(Duration::from_secs(1), asking).await;
    matches!(answered, Ok(Ok(true)))
}

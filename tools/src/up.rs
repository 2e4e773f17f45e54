//! `ferrotalk up`: an installation on this machine in one command.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::accounts::{Accounts, DEMO_PASSWORD};
use crate::cluster::{
    Cluster, ClusterError, Counts, LogSink, PortPlan, Security, Topology, default_store,
};
use crate::transfer::store_password;

/// After this long without being ready, what is missing is said, and again each time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run a whole installation on this machine
#[derive(Args, Debug)]
#[command(after_help = "\
Prints one line on standard output when a login would succeed:
  ready login=http://127.0.0.1:8080
The processes' logs follow on standard error. A process that dies is started again. Ctrl-C drains and stops all;
a second Ctrl-C kills them.

Examples:
  ferrotalk up --demo-users 10                       users demo1 … demo10, password demo
  ferrotalk up --dir /tmp/a --port-base 20000        a second installation beside the first
  ferrotalk up --store mysql://im:secret@127.0.0.1:3306/im --cache redis://127.0.0.1:6379/0 --db-proxies 2
  FERROTALK_PASSWORD=demo ferrotalk chat --user demo1
  ferrotalk up --tls --plain off --tls-links         nothing without TLS; chat --tls --login https://127.0.0.1:8081

A URL with a password is better kept out of the list of processes: FERROTALK_STORE=mysql://… ferrotalk up. The processes
are given it in files of DIR/run that nobody else can read.

Ports: 8080 HTTP, 8008 and 8100 login_server; 8200 route_server; 10600 db_proxy; 8400 HTTP API, whose key is in
DIR/api.key; 8000, 8001 … msg_servers, 9090, 9091 … their WebSockets; 8170 … admin (/healthz, /readyz, /metrics). With
--port-base P: P, P+1, P+2; P+3; P+4; P+5; P+10 …, P+50 …; P+70 …; a further login, route or db process i has
P+100+10*i and up. With --tls also 8081 HTTPS login_server; 8443, 8444 … msg_servers, 9443, 9444 … their WebSockets;
with a base P+6; P+30 …, P+200 …. DIR/run.json says who listens where.")]
pub struct UpArgs {
    /// Where the database, configuration and run.json are kept
    #[arg(long, value_name = "DIR", default_value = "./data")]
    dir: PathBuf,
    /// How many msg_servers
    #[arg(long, value_name = "N", default_value_t = 2)]
    msg_servers: u16,
    /// How many login_servers
    #[arg(long, value_name = "N", default_value_t = 1)]
    login_servers: u16,
    /// How many route_servers
    #[arg(long, value_name = "N", default_value_t = 1)]
    route_servers: u16,
    /// How many db_proxies. All of them use one store; SQLite has one writer at a time, so that with it more are of
    /// use only while one is started again
    #[arg(long, value_name = "N", default_value_t = 1)]
    db_proxies: u16,
    /// Shift every port: login HTTP is P, the others follow
    #[arg(long, value_name = "P")]
    port_base: Option<u16>,
    /// Make users demo1 … demoN, password demo, and let anybody make an account
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    demo_users: u32,
    /// The store, if it is not DIR/ferrotalk.db: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE, of MySQL or
    /// MariaDB. The database is made if this user may, its tables in any case
    #[arg(
        long,
        value_name = "URL",
        env = "FERROTALK_STORE",
        hide_env_values = true
    )]
    store: Option<String>,
    /// The cache: memory:, which each db_proxy has for itself, or redis://HOST:PORT/NUMBER, which all of them share
    #[arg(
        long,
        value_name = "URL",
        env = "FERROTALK_CACHE",
        hide_env_values = true,
        default_value = "memory:"
    )]
    cache: String,
    /// Switch rate and per-address limits off, for load tests
    #[arg(long)]
    no_limits: bool,
    /// Open ports for TLS beside the others. The certificates are those of DIR/tls, made if they are not there as
    /// `ferrotalk cert dev` does; clients are to trust DIR/tls/ca.pem
    #[arg(long)]
    tls: bool,
    /// Ports without TLS for clients: `off` leaves nothing but TLS
    #[arg(long, value_enum, default_value_t = Plain::On, requires_if("off", "tls"))]
    plain: Plain,
    /// TLS between the processes, with a certificate on both sides
    #[arg(long)]
    tls_links: bool,
}

/// Whether clients find ports without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Plain {
    On,
    Off,
}

/// Runs the command until it is interrupted.
pub async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    // Before anything runs, so that no signal finds the default of dying at once.
    let mut stop = Stop::listen()?;
    let topology = topology(&args)?;
    std::fs::create_dir_all(&topology.dir)
        .with_context(|| format!("creating {}", topology.dir.display()))?;
    // Also without demo users: a store that does not open is said here, once, and not by processes that are started
    // again and again.
    let password = store_password()?;
    let accounts = Accounts::open_with(&topology.store, password.as_deref())
        .await
        .context("opening the store")?;
    if args.demo_users > 0 {
        let made = accounts
            .ensure_demo_users(args.demo_users)
            .await
            .context("making demo users")?;
        eprintln!(
            "{made} demo users made, password {DEMO_PASSWORD}; demo1 to demo{} exist",
            args.demo_users
        );
    }
    drop(accounts);
    let cluster = Cluster::start(topology, LogSink::stderr())?;
    let ran = tokio::select! {
        ran = serve(&cluster) => ran,
        () = stop.asked() => Ok(()),
    };
    eprintln!("stopping; Ctrl-C again kills");
    tokio::select! {
        () = cluster.stop() => {}
        () = stop.asked() => cluster.kill().await,
    }
    ran?;
    Ok(ExitCode::SUCCESS)
}

/// Says when it is ready; returns only when it never will be.
async fn serve(cluster: &Cluster) -> anyhow::Result<()> {
    loop {
        match cluster.ready(PATIENCE).await {
            Ok(()) => break,
            Err(error @ ClusterError::NotReady { .. }) => eprintln!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
    println!("ready login={}", cluster.login_url());
    std::future::pending().await
}

fn topology(args: &UpArgs) -> anyhow::Result<Topology> {
    let counts = Counts {
        login: args.login_servers,
        route: args.route_servers,
        db: args.db_proxies,
        msg: args.msg_servers,
    };
    let ports = match args.port_base {
        Some(base) => PortPlan::from_base(base, counts)?,
        None => PortPlan::default_ports(counts)?,
    };
    // Absolute, for the store's URL is read by other processes.
    let dir = std::path::absolute(&args.dir).context("reading the current folder")?;
    if dir.to_str().is_none() {
        let dir = dir.display();
        bail!("--dir {dir}: the name is not UTF-8, as it would have to be in a configuration");
    }
    let mut topology = Topology::new(&dir, ports).context("finding this program's own file")?;
    topology.store = args.store.clone().unwrap_or_else(|| default_store(&dir));
    topology.cache.clone_from(&args.cache);
    topology.limits = !args.no_limits;
    topology.open_registration = args.demo_users > 0;
    topology.security = Security {
        clients: args.tls,
        clients_only: args.plain == Plain::Off,
        links: args.tls_links,
    };
    Ok(topology)
}

/// Ctrl-C and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    /// Cancel-safe.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

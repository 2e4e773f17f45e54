//! The processes that a run starts for itself, with links between them that can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::databases::Databases;
use super::link::{CuttableLink, Passage};
use super::schedule::{Database, Links};
use crate::accounts::Accounts;
use crate::cluster::{
    Cluster, Counts, Detour, LogLine, LogSink, PortPlan, Role, Topology, default_store,
};

/// How long everything may take until a login would succeed.
const READY: Duration = Duration::from_secs(120);

/// Ports that a topology of this size has room in, databases included.
const PORTS: u16 = 300;

/// Where bases of ports are looked for: below the ports that the system gives to outgoing connections, of which there are many.
const BASES: std::ops::Range<u16> = 14_000..30_000;

/// What to start.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) dir: PathBuf,
    pub(super) counts: Counts,
    /// Demo users.
    pub(super) users: u32,
    /// The first port, if it matters.
    pub(super) port_base: Option<u16>,
    pub(super) store: StorePlan,
}

/// Where messages are stored.
#[derive(Clone, Debug)]
pub(super) enum StorePlan {
    /// In a file of the folder.
    Sqlite,
    /// In a MariaDB and a Redis of the run's own.
    Own,
    /// Elsewhere.
    Given { store: String, cache: String },
}

/// A link, and where it leads.
#[derive(Debug)]
struct Line {
    /// The msg_server and the process, or the database.
    place: Place,
    link: CuttableLink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Processes(usize, Role, usize),
    Database(Database),
}

/// What runs.
#[derive(Debug)]
pub(super) struct Installation {
    pub(super) cluster: Cluster,
    pub(super) databases: Option<Databases>,
    links: Vec<Line>,
}

impl Installation {
    /// Starts everything and waits until a login would succeed.
    pub(super) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let base = match plan.port_base {
            Some(base) => base,
            None => free_base(plan.counts)?,
        };
        let ports = PortPlan::from_base(base, plan.counts)?;
        let mut topology =
            Topology::new(&plan.dir, ports).context("finding this program's own file")?;
        topology.limits = false;
        let mut links = Vec::new();
        for msg_server in 0..topology.ports.msg.len() {
            for role in [Role::DbProxy, Role::RouteServer, Role::LoginServer] {
                for (index, port) in topology.dialled(role).into_iter().enumerate() {
                    let link = link_to((Ipv4Addr::LOCALHOST, port).into()).await?;
                    topology.detours.push(Detour {
                        msg_server,
                        role,
                        index,
                        port: link.port(),
                    });
                    let place = Place::Processes(msg_server, role, index);
                    links.push(Line { place, link });
                }
            }
        }
        let mut databases = None;
        let direct = match &plan.store {
            StorePlan::Sqlite => {
                topology.store = default_store(&plan.dir);
                topology.store.clone()
            }
            StorePlan::Given { store, cache } => {
                topology.store.clone_from(store);
                topology.cache.clone_from(cache);
                store.clone()
            }
            StorePlan::Own => {
                let own = Databases::start(&plan.dir.join("databases"), base + PORTS - 20).await?;
                for database in [Database::Mariadb, Database::Redis] {
                    let link = link_to(own.address(database)).await?;
                    let url = own.url(database, link.port());
                    match database {
                        Database::Mariadb => topology.store = url,
                        Database::Redis => topology.cache = url,
                    }
                    let place = Place::Database(database);
                    links.push(Line { place, link });
                }
                let port = own.address(Database::Mariadb).port();
                let direct = own.url(Database::Mariadb, port);
                databases = Some(own);
                direct
            }
        };
        let accounts = Accounts::open(&direct).await.context("opening the store")?;
        accounts
            .ensure_demo_users(plan.users)
            .await
            .context("making users")?;
        let cluster = Cluster::start(topology, log_file(&plan.dir)?)?;
        cluster.ready(READY).await?;
        Ok(Self {
            cluster,
            databases,
            links,
        })
    }

    /// Sets what these links do.
    pub(super) fn set(&self, links: Links, passage: Passage) {
        let concerned = |place: Place| match (links, place) {
            (Links::Database(wanted), Place::Database(database)) => wanted == database,
            (Links::One(msg, role, index), place) => place == Place::Processes(msg, role, index),
            (Links::From(msg), Place::Processes(from, ..)) => msg == from,
            (Links::To(role, index), Place::Processes(_, to, at)) => role == to && index == at,
            _ => false,
        };
        for line in self.links.iter().filter(|line| concerned(line.place)) {
            line.link.set(passage);
        }
    }

    /// Every login_server's URL.
    pub(super) fn logins(&self) -> Vec<String> {
        let logins = self.cluster.topology().ports.login.iter();
        logins
            .map(|ports| format!("http://127.0.0.1:{}", ports.http))
            .collect()
    }

    /// Ends everything.
    pub(super) async fn stop(self) {
        self.cluster.stop().await;
    }
}

async fn link_to(target: SocketAddr) -> anyhow::Result<CuttableLink> {
    let link = CuttableLink::to(target).await;
    link.context("listening for a link that can be cut")
}

/// What the processes say goes to a file of the folder.
fn log_file(dir: &Path) -> anyhow::Result<LogSink> {
    use std::io::Write;
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let path = dir.join("chaos.log");
    let file =
        std::fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    Ok(LogSink::new(move |line: LogLine| {
        let text = format!("{}.{} {}\n", line.role, line.index, line.text);
        // A full disk shows elsewhere.
        drop((&file).write_all(text.as_bytes()));
    }))
}

fn free_base(counts: Counts) -> anyhow::Result<u16> {
    let bases: Vec<u16> = BASES.step_by(PORTS.into()).collect();
    let first = fastrand::usize(0..bases.len());
    for base in bases.iter().cycle().skip(first).take(bases.len()) {
        if PortPlan::from_base(*base, counts)?.check_free(true).is_ok() {
            return Ok(*base);
        }
    }
    bail!("no free ports; name some with --port-base")
}

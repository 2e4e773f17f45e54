//! What to start, and the configuration that each process gets.

use std::fmt;
use std::path::{Path, PathBuf};

use db_proxy::store::sqlite_path;
use serde::Serialize;
use toml::{Table, Value, toml};

use super::ports::{PortPlan, local};
use crate::certificates::{Files, NODE_NAME};

/// A kind of process, in the order in which they are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the database.
    DbProxy,
    /// Knows who is where.
    RouteServer,
    /// Names msg_servers.
    LoginServer,
    /// Owns sessions.
    MsgServer,
}

impl Role {
    /// Every kind, in the order in which they are started.
    pub const ALL: [Self; 4] = [
        Self::DbProxy,
        Self::RouteServer,
        Self::LoginServer,
        Self::MsgServer,
    ];

    /// The program's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DbProxy => "db_proxy",
            Self::RouteServer => "route_server",
            Self::LoginServer => "login_server",
            Self::MsgServer => "msg_server",
        }
    }

    /// The kind with that program's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A port through which a msg_server reaches another process, instead of that one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detour {
    /// Which msg_server.
    pub msg_server: usize,
    /// What it dials: not a msg_server.
    pub role: Role,
    /// Which one of those.
    pub index: usize,
    /// A port of this machine.
    pub port: u16,
}

/// Where TLS is spoken. By default nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Clients find ports for it.
    pub clients: bool,
    /// And no others.
    pub clients_only: bool,
    /// Links between processes, with a certificate on both sides.
    pub links: bool,
}

/// A whole installation, not yet started.
#[derive(Clone)]
pub struct Topology {
    /// The `ferrotalk` program.
    pub program: PathBuf,
    /// Where the database, the configuration files and `run.json` are.
    pub dir: PathBuf,
    /// How many processes there are, and where they listen.
    pub ports: PortPlan,
    /// `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub store: String,
    /// `memory:` or `redis://HOST:PORT/NUMBER`.
    pub cache: String,
    /// Whether rate and per-address limits apply.
    pub limits: bool,
    /// Whether anybody may make an account.
    pub open_registration: bool,
    /// Where TLS is spoken. Certificates are made in the folder `tls`, if they are not there.
    pub security: Security,
    /// What the processes log, as in `[log] filter`.
    pub log_filter: String,
    /// Further configuration of all processes of a kind, by environment: `FERROTALK_<SECTION>__<KEY>` and a value.
    pub environment: Vec<(Role, String, String)>,
    /// Links that lead elsewhere first. All others are direct.
    pub detours: Vec<Detour>,
}

/// Without what may have passwords in it.
impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("dir", &self.dir)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

impl Topology {
    /// A topology of this very program with a SQLite database in `dir`, limits on.
    pub fn new(dir: impl Into<PathBuf>, ports: PortPlan) -> std::io::Result<Self> {
        let dir = dir.into();
        Ok(Self {
            program: std::env::current_exe()?,
            store: default_store(&dir),
            dir,
            ports,
            cache: "memory:".into(),
            limits: true,
            open_registration: false,
            security: Security::default(),
            log_filter: "info".into(),
            environment: Vec::new(),
            detours: Vec::new(),
        })
    }

    /// The URL that clients are given: that of the first login_server.
    pub fn login_url(&self) -> String {
        let ports = self.ports.login[0];
        if self.security.clients_only {
            format!("https://{}", local(ports.https))
        } else {
            format!("http://{}", local(ports.http))
        }
    }

    /// The certificates, there or not.
    pub fn certificates(&self) -> Files {
        Files::in_folder(&self.dir.join("tls"))
    }

    /// Every process, in the order in which they are started.
    pub fn processes(&self) -> Vec<(Role, usize)> {
        let count = |role| match role {
            Role::DbProxy => self.ports.db.len(),
            Role::RouteServer => self.ports.route.len(),
            Role::LoginServer => self.ports.login.len(),
            Role::MsgServer => self.ports.msg.len(),
        };
        Role::ALL
            .into_iter()
            .flat_map(|role| (0..count(role)).map(move |index| (role, index)))
            .collect()
    }

    /// The names and numbers of a process's ports, for `run.json`.
    pub fn ports_of(&self, role: Role, index: usize) -> Vec<(&'static str, u16)> {
        match role {
            Role::DbProxy => {
                let p = self.ports.db[index];
                vec![("servers", p.servers), ("admin", p.admin)]
            }
            Role::RouteServer => {
                let p = self.ports.route[index];
                vec![("servers", p.servers), ("admin", p.admin)]
            }
            Role::LoginServer => {
                let p = self.ports.login[index];
                let mut ports = vec![("registration", p.registration), ("admin", p.admin)];
                if !self.security.clients_only {
                    ports.extend([("http", p.http), ("tcp", p.tcp)]);
                }
                if self.security.clients {
                    ports.push(("https", p.https));
                }
                ports
            }
            Role::MsgServer => {
                let p = self.ports.msg[index];
                let mut ports = vec![("admin", p.admin)];
                if !self.security.clients_only {
                    ports.extend([("tcp", p.tcp), ("websocket", p.websocket)]);
                }
                if self.security.clients {
                    ports.extend([("tls", p.tls), ("websocket_tls", p.websocket_tls)]);
                }
                ports.extend(p.api.map(|port| ("api", port)));
                ports
            }
        }
    }

    /// The file with the key of the HTTP API.
    pub fn api_key_path(&self) -> PathBuf {
        self.dir.join("api.key")
    }

    /// The configuration file of a process.
    pub fn config_path(&self, role: Role, index: usize) -> PathBuf {
        self.dir.join("run").join(format!("{role}-{index}.toml"))
    }

    /// What is in it. Everything else has its default.
    pub fn config(&self, role: Role, index: usize) -> Table {
        let mut table = match role {
            Role::DbProxy => self.db_proxy(index),
            Role::RouteServer => self.route_server(index),
            Role::LoginServer => self.login_server(index),
            Role::MsgServer => self.msg_server(index),
        };
        let filter = self.log_filter.as_str();
        let admin = self
            .ports_of(role, index)
            .into_iter()
            .find(|(name, _)| *name == "admin");
        let admin = local(admin.map_or(0, |(_, port)| port));
        table.extend(toml! {
            log = { filter = filter }
            admin = { listen = admin }
        });
        self.secure(role, index, &mut table);
        table
    }

    /// Adds what has to do with TLS.
    fn secure(&self, role: Role, index: usize, table: &mut Table) {
        let mut set = |section: &str, key: &str, value: String| {
            let section = table.entry(section).or_insert_with(|| Table::new().into());
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value.into());
            }
        };
        let (files, security) = (self.certificates(), self.security);
        let ports = match role {
            Role::DbProxy | Role::RouteServer => vec![],
            Role::LoginServer => vec![("clients", "https", self.ports.login[index].https)],
            Role::MsgServer => vec![
                ("clients", "tls", self.ports.msg[index].tls),
                ("websocket", "tls", self.ports.msg[index].websocket_tls),
            ],
        };
        if security.clients && !ports.is_empty() {
            let (certificate, key) = files.pair("server");
            set("tls", "certificate", certificate.display().to_string());
            set("tls", "key", key.display().to_string());
            for (section, key, port) in ports {
                set(section, key, local(port));
            }
        }
        if security.clients_only {
            let plain: &[(&str, &str)] = match role {
                Role::DbProxy | Role::RouteServer => &[],
                Role::LoginServer => &[("clients", "http"), ("clients", "tcp")],
                Role::MsgServer => &[("clients", "listen"), ("websocket", "listen")],
            };
            for (section, key) in plain {
                set(section, key, String::new());
            }
        }
        if security.links {
            let (certificate, key) = files.pair("node");
            set("links", "certificate", certificate.display().to_string());
            set("links", "key", key.display().to_string());
            set("links", "ca", files.ca().display().to_string());
            set("links", "name", NODE_NAME.to_owned());
        }
    }

    fn db_proxy(&self, index: usize) -> Table {
        let listen = local(self.ports.db[index].servers);
        let (store, cache, limits) = (self.store.as_str(), self.cache.as_str(), self.limits);
        let registration = match self.open_registration {
            true => "open",
            false => "off",
        };
        toml! {
            registration = { mode = registration }
            servers = { listen = listen }
            store = { url = store }
            cache = { url = cache }
            limits = { enabled = limits }
        }
    }

    fn route_server(&self, index: usize) -> Table {
        let listen = local(self.ports.route[index].servers);
        toml! {
            servers = { listen = listen }
        }
    }

    fn login_server(&self, index: usize) -> Table {
        let ports = self.ports.login[index];
        let (http, tcp) = (local(ports.http), local(ports.tcp));
        let (listen, limits) = (local(ports.registration), self.limits);
        toml! {
            clients = { http = http, tcp = tcp }
            servers = { listen = listen }
            limits = { enabled = limits }
        }
    }

    fn msg_server(&self, index: usize) -> Table {
        let ports = self.ports.msg[index];
        let (listen, websocket) = (local(ports.tcp), local(ports.websocket));
        let limits = self.limits;
        let api = ports.api.map_or_else(String::new, local);
        let key_file = self.api_key_path().display().to_string();
        let peers = |role| -> Vec<String> {
            let ports = self.dialled(role).into_iter().enumerate();
            ports
                .map(|(peer, port)| local(self.detour(index, role, peer).unwrap_or(port)))
                .collect()
        };
        let login = peers(Role::LoginServer);
        let route = peers(Role::RouteServer);
        let db = peers(Role::DbProxy);
        toml! {
            clients = { listen = listen }
            websocket = { listen = websocket }
            api = { listen = api, key_file = key_file }
            announce = { address1 = "127.0.0.1" }
            peers = { login = login, route = route, db = db }
            limits = { enabled = limits }
        }
    }
}

impl Topology {
    /// The ports of a kind that msg_servers dial, by index; none dials a msg_server.
    pub fn dialled(&self, role: Role) -> Vec<u16> {
        match role {
            Role::DbProxy => self.ports.db.iter().map(|p| p.servers).collect(),
            Role::RouteServer => self.ports.route.iter().map(|p| p.servers).collect(),
            Role::LoginServer => self.ports.login.iter().map(|p| p.registration).collect(),
            Role::MsgServer => Vec::new(),
        }
    }

    fn detour(&self, msg_server: usize, role: Role, index: usize) -> Option<u16> {
        let mut detours = self.detours.iter();
        let found =
            detours.find(|d| d.msg_server == msg_server && d.role == role && d.index == index);
        found.map(|detour| detour.port)
    }
}

/// The store of the `up` that ran last in a folder, if that is not the folder's own.
pub(crate) fn store_elsewhere(dir: &Path) -> Option<String> {
    let config = dir.join("run").join("db_proxy-0.toml");
    let config: Table = std::fs::read_to_string(config).ok()?.parse().ok()?;
    let url = config.get("store")?.get("url")?.as_str()?;
    // A folder may have been moved or copied: then the path is that of before.
    let is_elsewhere = match sqlite_path(url) {
        Some(path) => path.exists() && !dir.join(OWN_STORE).exists(),
        None => true,
    };
    is_elsewhere.then(|| url.to_owned())
}

/// The file of a folder's own store.
const OWN_STORE: &str = "ferrotalk.db";

/// The store of a folder when none is named.
pub fn default_store(dir: &Path) -> String {
    format!("sqlite:{}", dir.join(OWN_STORE).display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ports::Counts;

    fn topology() -> Topology {
        let counts = Counts {
            login: 2,
            route: 1,
            db: 1,
            msg: 2,
        };
        Topology::new("data", PortPlan::from_base(20_000, counts).unwrap()).unwrap()
    }

    #[test]
    fn a_msg_server_knows_all_its_peers() {
        let config = topology().config(Role::MsgServer, 1);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(
            text.parse::<Table>().unwrap(),
            toml! {
                [log]
                filter = "info"
                [admin]
                listen = "127.0.0.1:20074"
                [clients]
                listen = "127.0.0.1:20011"
                [websocket]
                listen = "127.0.0.1:20051"
                [api]
                listen = ""
                key_file = "data/api.key"
                [announce]
                address1 = "127.0.0.1"
                [peers]
                login = ["127.0.0.1:20002", "127.0.0.1:20112"]
                route = ["127.0.0.1:20003"]
                db = ["127.0.0.1:20004"]
                [limits]
                enabled = true
            }
        );
    }

    #[test]
    fn servers_start_before_those_that_dial_them() {
        let order = topology().processes();
        assert_eq!(order.first(), Some(&(Role::DbProxy, 0)));
        assert_eq!(order.last(), Some(&(Role::MsgServer, 1)));
        assert_eq!(order.len(), 6);
    }

    /// Who adds a user to the folder of an `up` that has its store elsewhere adds it there.
    #[test]
    fn a_folder_leads_to_the_store_that_it_was_run_with() {
        let dir = tempfile::tempdir().unwrap();
        let ran_with = |url: &str| {
            std::fs::create_dir_all(dir.path().join("run")).unwrap();
            let config = format!("[store]\nurl = {url:?}\n");
            std::fs::write(dir.path().join("run/db_proxy-0.toml"), config).unwrap();
            store_elsewhere(dir.path())
        };
        assert_eq!(store_elsewhere(dir.path()), None);
        assert_eq!(ran_with("mysql://im@db/im").unwrap(), "mysql://im@db/im");
        // The folder was somewhere else then.
        assert_eq!(ran_with("sqlite:/nowhere/ferrotalk.db"), None);
        let other = dir.path().join("other.db").display().to_string();
        std::fs::write(&other, "").unwrap();
        let other = format!("sqlite:{other}");
        assert_eq!(ran_with(&other).unwrap(), other);
        std::fs::write(dir.path().join(OWN_STORE), "").unwrap();
        assert_eq!(ran_with(&other), None);
        assert_eq!(ran_with("mysql://im@db/im").unwrap(), "mysql://im@db/im");
    }
}

//! What can be configured.

use std::net::Ipv6Addr;
use std::time::Duration;

use im_base::config::{
    AdminConfig, ConfigError, LinksConfig, Secret, ServerConfig, ShutdownConfig, TlsConfig,
    check_listen, check_peer,
};
use im_base::net::listener::ConnectionLimits;
use im_base::net::tls::{Acceptor, Links};
use im_base::ratelimit::Rate;
use im_base::telemetry::logging::LogConfig;
use im_base::telemetry::metrics::LIMIT;
use metrics::gauge;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Key;

/// Configuration of a msg_server.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, to standard error.
    pub log: LogConfig,
    /// The port for operators.
    pub admin: AdminConfig,
    /// The end of the process.
    pub shutdown: ShutdownConfig,
    /// The ports for clients.
    pub clients: ClientsConfig,
    /// The ports for clients that speak WebSocket.
    pub websocket: WebSocketConfig,
    /// The certificate for clients that speak TLS.
    pub tls: TlsConfig,
    /// The port for back offices.
    pub api: ApiConfig,
    /// What clients are told about where this server is.
    pub announce: AnnounceConfig,
    /// The other processes; each list may name several, and all are used.
    pub peers: PeersConfig,
    /// TLS to them.
    pub links: LinksConfig,
    /// What clients may do and how long things may take.
    pub limits: LimitsConfig,
}

/// The ports for clients.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientsConfig {
    /// Address and port for PDUs over TCP; empty for none.
    pub listen: String,
    /// Address and port for PDUs inside TLS, with the certificate of `[tls]`; empty for none. What `[limits]` says of
    /// connections holds for all ports for clients together.
    pub tls: String,
}

/// The ports for clients that speak WebSocket: web pages above all.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebSocketConfig {
    /// Address and port for PDUs over WebSocket, on any path; empty for none.
    pub listen: String,
    /// Address and port for the same inside TLS, which pages that came over HTTPS need; empty for none.
    pub tls: String,
    /// Web pages that may connect, by origin: `https://chat.example.org`, without a path; `*` is any. Clients that are
    /// no web page send no origin and may always connect.
    pub origins: Vec<String>,
}

/// The port for back offices: groups made and changed by the system.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Address and port of the HTTP API; empty for none. Without a key it is not served at all. One msg_server that serves
    /// it is enough. It has no encryption: keep it on loopback or a private network.
    pub listen: String,
    /// A file with the key that every request has to carry, readable for this server alone. Empty: see `key`.
    pub key_file: String,
    /// The key itself, which goes before `key_file`. Give it by environment, as FERROTALK_API__KEY.
    pub key: Secret,
}

/// What clients are told.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnnounceConfig {
    /// The address under which clients reach this server: public, or of their network. The commonest mistake of all is
    /// to leave a loopback address here and wonder why clients cannot connect.
    pub address1: String,
    /// A second address for clients that cannot use the first; empty: the same as address1.
    pub address2: String,
    /// The port under which clients reach this server, 0: the port it listens on.
    pub port: u16,
    /// The port under which clients reach it with TLS, 0: the port it listens on for that, if it does.
    pub tls_port: u16,
    /// Most sessions this server takes. login_server fills servers in relation to it.
    pub capacity: u32,
}

/// The other processes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PeersConfig {
    /// login_servers to register with, `host:port`.
    pub login: Vec<String>,
    /// route_servers, `host:port`.
    pub route: Vec<String>,
    /// db_proxies, `host:port`.
    pub db: Vec<String>,
}

/// Limits.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// false switches the limits by address and by rate off, for load tests.
    pub enabled: bool,
    /// Most connections, logged in or not.
    pub connections: usize,
    /// Most connections from one address.
    pub connections_per_address: usize,
    /// Messages a connection may send each second in the long run.
    pub messages_per_second: u32,
    /// Messages it may send at once after a pause.
    pub message_burst: u32,
    /// Largest text of a message, in bytes as sent (encrypted and in base64 from stock clients).
    pub text_bytes: usize,
    /// Largest voice message, in bytes.
    pub audio_bytes: usize,
    /// Requests of one connection that are worked on at the same time; more wait unread.
    pub in_flight: usize,
    /// Bytes that may wait for a client that does not read; above it the connection is closed.
    pub queue_bytes: usize,
    /// Seconds within which a new connection has to log in.
    pub login_seconds: u64,
    /// Seconds of silence after which a desktop client counts as gone.
    pub desktop_silence_seconds: u64,
    /// Seconds of silence after which a phone counts as gone.
    pub mobile_silence_seconds: u64,
    /// Seconds a displaced client has to hang up by itself.
    pub kick_grace_seconds: u64,
    /// Seconds over which clients are moved to other msg_servers when this one is told to stop; less than
    /// `shutdown.deadline_seconds`, since what they have in flight is finished then. 0: all at once.
    pub drain_seconds: u64,
    /// Seconds a request may take in db_proxy or route_server, retries included.
    pub request_seconds: u64,
}

impl Default for ClientsConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            tls: String::new(),
        }
    }
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9090".to_owned(),
            tls: String::new(),
            origins: vec!["*".to_owned()],
        }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8400".to_owned(),
            key_file: String::new(),
            key: Secret::default(),
        }
    }
}

impl Default for AnnounceConfig {
    fn default() -> Self {
        Self {
            address1: "127.0.0.1".to_owned(),
            address2: String::new(),
            port: 0,
            tls_port: 0,
            capacity: 100_000,
        }
    }
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            login: vec!["127.0.0.1:8100".to_owned()],
            route: vec!["127.0.0.1:8200".to_owned()],
            db: vec!["127.0.0.1:10600".to_owned()],
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            connections: 100_000,
            connections_per_address: 1_000,
            messages_per_second: 20,
            message_burst: 100,
            text_bytes: 64 * 1024,
            audio_bytes: 256 * 1024,
            in_flight: 16,
            queue_bytes: 8 * 1024 * 1024,
            login_seconds: 15,
            desktop_silence_seconds: 120,
            mobile_silence_seconds: 300,
            kick_grace_seconds: 5,
            drain_seconds: 5,
            request_seconds: 5,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn connections(&self) -> ConnectionLimits {
        let per_address = if self.enabled {
            self.connections_per_address
        } else {
            usize::MAX
        };
        ConnectionLimits {
            total: self.connections,
            per_address,
        }
    }

    /// Shows the limits on the admin port.
    pub(crate) fn show(&self) {
        let (connections, messages) = (self.connections(), self.messages());
        let count = |count: usize| match count {
            usize::MAX => f64::INFINITY,
            count => count as f64,
        };
        for (limit, value) in [
            ("connections", count(connections.total)),
            ("connections_per_address", count(connections.per_address)),
            ("messages_per_second", messages.per_second),
            ("message_burst", messages.burst),
            ("in_flight", count(self.in_flight)),
            ("queue_bytes", count(self.queue_bytes)),
        ] {
            gauge!(LIMIT, "limit" => limit).set(value);
        }
    }

    pub(crate) fn messages(&self) -> Rate {
        if !self.enabled {
            return Rate::UNLIMITED;
        }
        Rate {
            per_second: self.messages_per_second.into(),
            burst: self.message_burst.into(),
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        // Of any of these 0 shuts everybody out, or leaves every request without an answer.
        for (key, value) in [
            ("limits.connections", self.connections as u64),
            (
                "limits.connections_per_address",
                self.connections_per_address as u64,
            ),
            (
                "limits.messages_per_second",
                self.messages_per_second.into(),
            ),
            ("limits.message_burst", self.message_burst.into()),
            ("limits.in_flight", self.in_flight as u64),
            ("limits.queue_bytes", self.queue_bytes as u64),
            ("limits.login_seconds", self.login_seconds),
            (
                "limits.desktop_silence_seconds",
                self.desktop_silence_seconds,
            ),
            ("limits.mobile_silence_seconds", self.mobile_silence_seconds),
            ("limits.request_seconds", self.request_seconds),
        ] {
            if value == 0 {
                let mend = "1 or more: with 0 nobody is served";
                return Err(ConfigError::value(key, value, mend));
            }
        }
        // A body travels in a frame that stock clients take only up to 400 KiB.
        let largest = 384 * 1024;
        for (key, bytes) in [
            ("limits.text_bytes", self.text_bytes),
            ("limits.audio_bytes", self.audio_bytes),
        ] {
            if bytes == 0 || bytes > largest {
                return Err(ConfigError::value(
                    key,
                    bytes,
                    format!("between 1 and {largest}"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn silence(&self, is_mobile: bool) -> Duration {
        let seconds = if is_mobile {
            self.mobile_silence_seconds
        } else {
            self.desktop_silence_seconds
        };
        Duration::from_secs(seconds)
    }

    pub(crate) fn login(&self) -> Duration {
        Duration::from_secs(self.login_seconds)
    }

    pub(crate) fn kick_grace(&self) -> Duration {
        Duration::from_secs(self.kick_grace_seconds)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub(crate) fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }
}

impl ServerConfig for Config {
    fn log(&self) -> &LogConfig {
        &self.log
    }

    fn admin(&self) -> &AdminConfig {
        &self.admin
    }

    fn shutdown(&self) -> &ShutdownConfig {
        &self.shutdown
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let need = "name at least one address, as host:port";
        if self.peers.db.is_empty() {
            return Err(ConfigError::value("peers.db", "[]", need));
        }
        if self.peers.route.is_empty() {
            return Err(ConfigError::value("peers.route", "[]", need));
        }
        if self.announce.address1.is_empty() {
            let mend = "give the address under which clients reach this server";
            return Err(ConfigError::value("announce.address1", "", mend));
        }
        for (key, host) in [
            ("announce.address1", &self.announce.address1),
            ("announce.address2", &self.announce.address2),
        ] {
            if !is_host(host) {
                let mend = "write a name or an address and nothing else; the port is announce.port";
                return Err(ConfigError::value(key, host, mend));
            }
        }
        if self.clients.listen.is_empty() && self.clients.tls.is_empty() {
            let mend = "name an address and port here or in clients.tls: clients have to come in somewhere";
            return Err(ConfigError::value("clients.listen", "", mend));
        }
        for (key, address) in [
            ("clients.listen", &self.clients.listen),
            ("clients.tls", &self.clients.tls),
            ("websocket.listen", &self.websocket.listen),
            ("websocket.tls", &self.websocket.tls),
            ("api.listen", &self.api.listen),
        ] {
            check_listen(key, address)?;
        }
        self.tls.validate(&[
            ("clients.tls", &self.clients.tls),
            ("websocket.tls", &self.websocket.tls),
        ])?;
        let peers = [
            ("peers.login", &self.peers.login),
            ("peers.route", &self.peers.route),
            ("peers.db", &self.peers.db),
        ];
        let peers = peers.iter().flat_map(|(key, addresses)| {
            let addresses = addresses.iter();
            addresses.map(|address| (*key, address.as_str()))
        });
        for (key, address) in peers.clone() {
            check_peer(key, address)?;
        }
        self.links.validate(peers)?;
        if let Some(origin) = self.websocket.origins.iter().find(|o| !is_origin(o)) {
            let mend =
                "write it as a browser sends it, https://chat.example.org, without a path; or *";
            return Err(ConfigError::value("websocket.origins", origin, mend));
        }
        self.limits.validate()?;
        let (drain, deadline) = (self.limits.drain_seconds, self.shutdown.deadline_seconds);
        if drain >= deadline && drain > 0 {
            let mend = format!("less than shutdown.deadline_seconds, which is {deadline}");
            return Err(ConfigError::value("limits.drain_seconds", drain, mend));
        }
        Ok(())
    }

    async fn check_files(&self) -> anyhow::Result<()> {
        Acceptor::check(&self.tls).await?;
        Links::check(&self.links).await?;
        match self.api.listen.is_empty() {
            true => Ok(()),
            false => Key::load(&self.api).map(drop),
        }
    }
}

/// Whether a client can look it up as it is.
fn is_host(host: &str) -> bool {
    let is_word = !host.contains(|c: char| c.is_whitespace() || c == '/');
    is_word && (!host.contains(':') || host.parse::<Ipv6Addr>().is_ok())
}

/// Whether a browser could send this, or it means any.
fn is_origin(origin: &str) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    ["*", "null"].contains(&origin)
        || host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

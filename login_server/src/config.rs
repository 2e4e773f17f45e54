//! What can be configured.

use im_base::config::{
    AdminConfig, ConfigError, LinksConfig, ServerConfig, ShutdownConfig, TlsConfig, check_listen,
};
use im_base::net::listener::ConnectionLimits;
use im_base::net::tls::{Acceptor, Links};
use im_base::telemetry::logging::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration of a login_server.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, to standard error.
    pub log: LogConfig,
    /// The port for operators.
    pub admin: AdminConfig,
    /// The end of the process.
    pub shutdown: ShutdownConfig,
    /// The ports for clients that ask for a msg_server.
    pub clients: ClientsConfig,
    /// The certificate for clients that ask over HTTPS.
    pub tls: TlsConfig,
    /// The port for msg_servers.
    pub servers: ServersConfig,
    /// TLS on the port for msg_servers.
    pub links: LinksConfig,
    /// What clients are told besides their msg_server.
    pub announce: AnnounceConfig,
    /// How many connections are taken.
    pub limits: LimitsConfig,
}

/// The ports for clients that ask for a msg_server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientsConfig {
    /// Address and port for the question over HTTP, which stock clients use; empty for none.
    pub http: String,
    /// Address and port for the same over HTTPS, with the certificate of `[tls]`; empty for none.
    pub https: String,
    /// Address and port for the question as a frame; empty for none.
    pub tcp: String,
}

impl Default for ClientsConfig {
    fn default() -> Self {
        Self {
            http: "127.0.0.1:8080".to_owned(),
            https: String::new(),
            tcp: "127.0.0.1:8008".to_owned(),
        }
    }
}

/// The port for msg_servers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServersConfig {
    /// Address and port. Whoever reaches it can have clients sent anywhere: without `[links]` it has to be on loopback.
    pub listen: String,
}

impl Default for ServersConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8100".to_owned(),
        }
    }
}

/// What clients are told besides their msg_server, word for word.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnnounceConfig {
    /// URL of the store of pictures and voice messages.
    pub msfs: String,
    /// URL of the discovery page.
    pub discovery: String,
}

/// How many connections are taken. One above a limit is closed at once.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Whether there is a limit by address. Load tests, where all clients have one address, switch it off.
    pub enabled: bool,
    /// Open connections of each port.
    pub connections: usize,
    /// Open connections of each port for clients from one address. Many clients may share one behind a router.
    pub connections_per_address: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            connections: 10_000,
            connections_per_address: 256,
        }
    }
}

impl LimitsConfig {
    /// Limits of a port for clients.
    pub(crate) fn of_clients(&self) -> ConnectionLimits {
        ConnectionLimits {
            total: self.connections,
            per_address: if self.enabled {
                self.connections_per_address
            } else {
                usize::MAX
            },
        }
    }

    /// Limits of the port for msg_servers, of which one machine may run any number.
    pub(crate) fn of_servers(&self) -> ConnectionLimits {
        ConnectionLimits {
            total: self.connections,
            per_address: usize::MAX,
        }
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
        if self.servers.listen.is_empty() {
            return Err(ConfigError::value(
                "servers.listen",
                "",
                "name an address and port: without registrations there is no msg_server to hand out",
            ));
        }
        for (key, address) in [
            ("clients.http", &self.clients.http),
            ("clients.https", &self.clients.https),
            ("clients.tcp", &self.clients.tcp),
            ("servers.listen", &self.servers.listen),
        ] {
            check_listen(key, address)?;
        }
        let clients = &self.clients;
        if clients.http.is_empty() && clients.https.is_empty() && clients.tcp.is_empty() {
            let mend = "name an address and port here, or in clients.https or clients.tcp: clients have to come in somewhere";
            return Err(ConfigError::value("clients.http", "", mend));
        }
        self.tls
            .validate(&[("clients.https", &self.clients.https)])?;
        self.links
            .validate([("servers.listen", self.servers.listen.as_str())])?;
        for (key, limit) in [
            ("limits.connections", self.limits.connections),
            (
                "limits.connections_per_address",
                self.limits.connections_per_address,
            ),
        ] {
            if limit == 0 {
                return Err(ConfigError::value(
                    key,
                    limit,
                    "write 1 or more: 0 shuts everybody out",
                ));
            }
        }
        Ok(())
    }

    async fn check_files(&self) -> anyhow::Result<()> {
        Acceptor::check(&self.tls).await?;
        Links::check(&self.links).await
    }
}

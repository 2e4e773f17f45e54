//! What can be configured.

use im_base::config::{
    AdminConfig, ConfigError, LinksConfig, ServerConfig, ShutdownConfig, check_listen,
};
use im_base::net::tls::Links;
use im_base::telemetry::logging::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration of a route_server.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, to standard error.
    pub log: LogConfig,
    /// The port for operators.
    pub admin: AdminConfig,
    /// The end of the process.
    pub shutdown: ShutdownConfig,
    /// The port for msg_servers.
    pub servers: ServersConfig,
    /// TLS on that port.
    pub links: LinksConfig,
}

/// The port for msg_servers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServersConfig {
    /// Address and port. Whoever reaches it sees and sends every message: without `[links]` it has to be on loopback.
    pub listen: String,
}

impl Default for ServersConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8200".to_owned(),
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
        let (key, address) = ("servers.listen", self.servers.listen.as_str());
        if address.is_empty() {
            let mend = "name an address and port: without msg_servers there is nothing to do";
            return Err(ConfigError::value(key, address, mend));
        }
        check_listen(key, address)?;
        self.links.validate([(key, address)])
    }

    async fn check_files(&self) -> anyhow::Result<()> {
        Links::check(&self.links).await
    }
}

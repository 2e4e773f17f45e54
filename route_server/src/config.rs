//! What can be configured.

use im_base::config::{AdminConfig, ServerConfig, ShutdownConfig};
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
}

/// The port for msg_servers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServersConfig {
    /// Address and port. Whoever reaches it sees and sends every message: keep it on loopback or a private network.
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
}

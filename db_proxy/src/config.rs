//! What can be configured.

mod cache;
mod contacts;
mod groups;
mod limits;
mod messages;
mod presence;
mod registration;
mod resume;
mod store;

use im_base::config::{
    AdminConfig, ConfigError, LinksConfig, ServerConfig, ShutdownConfig, check_listen,
};
use im_base::net::tls::Links;
use im_base::telemetry::logging::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::cache::CacheConfig;
pub(crate) use self::contacts::ContactsConfig;
use self::groups::GroupsConfig;
use self::limits::LimitsConfig;
use self::messages::MessagesConfig;
use self::presence::PresenceConfig;
use self::registration::RegistrationConfig;
use self::resume::ResumeConfig;
use self::store::StoreConfig;
use crate::logic::group_commit::WriterLimits;

/// Configuration of a db_proxy.
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
    /// The database.
    pub store: StoreConfig,
    /// Copies of what the database holds; they may be lost at any moment.
    pub cache: CacheConfig,
    /// Groups.
    pub groups: GroupsConfig,
    /// What becomes of messages.
    pub messages: MessagesConfig,
    /// Who follows whose presence.
    pub presence: PresenceConfig,
    /// Friends, blocked users, and who may write to whom.
    pub contacts: ContactsConfig,
    /// Limits.
    pub limits: LimitsConfig,
    /// Tokens that let a client log in again without its password.
    pub resume: ResumeConfig,
    /// Accounts that people make themselves.
    pub registration: RegistrationConfig,
}

/// The port for msg_servers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServersConfig {
    /// Address and port. Whoever reaches it acts as any user: without `[links]` it has to be on loopback.
    pub listen: String,
    /// Requests of one msg_server that are worked on at the same time; more wait unread.
    pub in_flight: usize,
}

impl Default for ServersConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:10600".to_owned(),
            in_flight: 8_192,
        }
    }
}

const DAY: u64 = 24 * 60 * 60;

impl Config {
    /// Writers of a server: enough that one gathers and one computes while others wait for the disk.
    const SERVER_WRITERS: usize = 4;

    pub(crate) fn writers(&self) -> WriterLimits {
        let writers = match self.limits.writers {
            0 if self.store.url.starts_with("sqlite:") => 1,
            0 => Self::SERVER_WRITERS,
            given => given,
        };
        WriterLimits {
            writers,
            queue: self.limits.write_queue,
            batch_messages: self.limits.batch_messages,
            ..WriterLimits::default()
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
        self.links.validate([(key, address)])?;
        self.store.validate()?;
        self.cache.validate()?;
        self.resume.validate()?;
        self.registration.validate()?;
        if self.servers.in_flight == 0 {
            let mend = "1 or more, or no request is ever answered";
            return Err(ConfigError::value("servers.in_flight", 0, mend));
        }
        self.limits.validate()?;
        self.groups.validate()?;
        self.presence.validate()?;
        self.contacts.validate()?;
        Ok(())
    }

    async fn check_files(&self) -> anyhow::Result<()> {
        Links::check(&self.links).await?;
        self.store.password()?;
        self.cache.secrets().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_contacts_fit_into_frames() {
        let valid = |members, contacts| {
            let mut config = Config::default();
            config.groups.members = members;
            config.presence.contacts = contacts;
            config.validate().is_ok()
        };
        assert!(valid(10_000, 500));
        assert!(valid(1, 0));
        assert!(valid(30_000, 10_000));
        assert!(!valid(0, 500));
        assert!(!valid(30_001, 500));
        assert!(!valid(10_000, 10_001));
    }

    #[test]
    fn the_groups_of_a_user_fit_into_a_list() {
        for (per_user, expected) in [(0, false), (1, true), (10_000, true), (10_001, false)] {
            let mut config = Config::default();
            config.groups.per_user = per_user;
            assert_eq!(config.validate().is_ok(), expected, "{per_user}");
        }
    }
}

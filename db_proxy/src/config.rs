//! What can be configured.

mod contacts;
mod registration;

use std::io;
use std::time::Duration;

use anyhow::{Context, bail};
use im_base::config::{
    AdminConfig, ConfigError, LinksConfig, Secret, ServerConfig, ShutdownConfig,
};
use im_base::telemetry::logging::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use registration::RegistrationConfig;

pub(crate) use self::contacts::ContactsConfig;
use crate::cache::{self, CacheSettings};
use crate::logic::circle::CircleLimits;
use crate::logic::group::GroupLimits;
use crate::logic::group::step::StepLimits;
use crate::logic::group_commit::WriterLimits;
use crate::logic::limiter::FailureLimits;
use crate::logic::resume::ResumeLimits;
use crate::logic::revision::RevisionLimits;
use crate::store::GroupBounds;

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

/// The database.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:PATH`: folder and file are made when they are missing.
    /// `mysql://USER@HOST:PORT/DATABASE`, also for MariaDB: the database is made when this user may.
    pub url: String,
    /// A file whose first line is the password of a MySQL user.
    pub password_file: String,
    /// The password itself, which goes before `password_file` and one in the URL. Give it by environment, as
    /// FERROTALK_STORE__PASSWORD.
    pub password: Secret,
}

/// The cache.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// `memory:` keeps copies in this process, `redis://HOST:PORT/DB` in a Redis that several db_proxies may share;
    /// `rediss:` is the same with TLS. A Redis that is away is gone on without.
    pub url: String,
    /// A file whose first line is Redis's password.
    pub password_file: String,
    /// The password itself, which goes before `password_file` and one in the URL. Give it by environment, as
    /// FERROTALK_CACHE__PASSWORD.
    pub password: Secret,
    /// Most users kept in this process. Redis has a limit of its own (`maxmemory`).
    pub users: u64,
    /// Seconds after which a copy of a profile is fetched anew, 1 to 86,400: how long a change that went past the cache may
    /// stay unseen.
    pub seconds: u64,
    /// Milliseconds that Redis has for an answer, 1 to 1,000. What takes longer is asked of the database.
    pub timeout_ms: u64,
    /// A secret of at least 32 characters, the same for all db_proxies: with it they tell each other, through Redis, which
    /// passwords were right. Without it each finds out for itself. Give it by environment, as
    /// FERROTALK_CACHE__LOGIN_SECRET, or in `login_secret_file`.
    pub login_secret: Secret,
    /// A file whose first line is that secret.
    pub login_secret_file: String,
}

/// Tokens that let a client log in again without its password.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResumeConfig {
    /// Days that a token is good for after its last use, at most 3,650; 0: there are none.
    pub days: u64,
    /// Seconds for which a token that was exchanged is taken again, at most 86,400: the new one may not have arrived.
    pub grace_seconds: u64,
}

/// Groups.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupsConfig {
    /// Most members of a group, 1 to 30,000.
    pub members: usize,
    /// Most groups a user may be in, 1 to 10,000. Into a temporary group beyond that only the system brings him.
    pub per_user: usize,
    /// Days that invitations into groups, and requests to come in, wait for an answer, 1 to 90.
    pub request_days: u64,
}

/// Messages after they were sent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessagesConfig {
    /// Seconds within which the sender may recall a message; 0: never. Who is more than a member of a group may recall its
    /// messages at any time.
    pub recall_seconds: u64,
    /// Seconds within which the sender may edit a text; 0: never.
    pub edit_seconds: u64,
    /// Whether users see how far others have read, whose clients show it.
    pub read_positions: bool,
}

/// Who follows whose presence.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PresenceConfig {
    /// Up to that many users, everybody follows everybody. Above it, everybody follows those he has a conversation or
    /// shares a group with.
    pub directory: u64,
    /// Most users somebody follows then, at most 10,000.
    pub contacts: usize,
}

/// Limits.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// false switches the limits on failed logins and on accounts that are made off, for load tests.
    pub enabled: bool,
    /// Failed logins of one account from one address within half an hour that are borne; after one more it is refused
    /// unseen from there.
    pub failures_per_account: usize,
    /// Failed logins from one address within half an hour, over all accounts.
    pub failures_per_address: usize,
    /// Transactions that store messages at the same time, at most 6; 0: as many as the database is good for, which is 1 for
    /// SQLite and 4 for a server.
    pub writers: usize,
    /// Writes that may wait for a storing transaction; above it messages are refused.
    pub write_queue: usize,
    /// Most messages of one transaction.
    pub batch_messages: usize,
}

impl Default for ServersConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:10600".to_owned(),
            in_flight: 8_192,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:data/ferrotalk.db".to_owned(),
            password_file: String::new(),
            password: Secret::default(),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            url: "memory:".to_owned(),
            password: Secret::default(),
            password_file: String::new(),
            users: 100_000,
            seconds: 60,
            timeout_ms: 75,
            login_secret: Secret::default(),
            login_secret_file: String::new(),
        }
    }
}

impl Default for ResumeConfig {
    fn default() -> Self {
        let limits = ResumeLimits::default();
        Self {
            days: limits.lifetime.as_secs() / DAY,
            grace_seconds: limits.grace.as_secs(),
        }
    }
}

impl Default for GroupsConfig {
    fn default() -> Self {
        let limits = GroupLimits::default();
        Self {
            members: limits.members,
            per_user: limits.per_user,
            request_days: 7,
        }
    }
}

impl Default for PresenceConfig {
    fn default() -> Self {
        let limits = CircleLimits::default();
        Self {
            directory: limits.directory,
            contacts: limits.size,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let (failures, writer) = (FailureLimits::default(), WriterLimits::default());
        Self {
            enabled: true,
            failures_per_account: failures.per_account,
            failures_per_address: failures.per_address,
            writers: 0,
            write_queue: writer.queue,
            batch_messages: writer.batch_messages,
        }
    }
}

const DAY: u64 = 24 * 60 * 60;

impl CacheConfig {
    /// Shorter ones can be guessed.
    const SHORTEST_SECRET: usize = 32;

    /// What to open, with the secrets out of their files.
    pub(crate) fn settings(
        &self,
        epoch: u64,
        failures: Option<FailureLimits>,
        registrations: Option<FailureLimits>,
    ) -> anyhow::Result<CacheSettings> {
        let login_secret = secret(
            "cache.login_secret_file",
            &self.login_secret,
            &self.login_secret_file,
        )?;
        let shortest = Self::SHORTEST_SECRET;
        if login_secret
            .as_ref()
            .is_some_and(|secret| secret.len() < shortest)
        {
            bail!(
                "cache.login_secret: give it {shortest} characters or more, or whoever reads Redis may guess it"
            );
        }
        Ok(CacheSettings {
            url: self.url.clone(),
            password: secret("cache.password_file", &self.password, &self.password_file)?,
            users: self.users,
            lifetime: Duration::from_secs(self.seconds),
            timeout: Duration::from_millis(self.timeout_ms),
            epoch,
            failures,
            registrations,
            login_secret,
        })
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if let Err(error) = cache::check_url(&self.url) {
            let mend = format!("{error}; or memory:");
            return Err(ConfigError::value(
                "cache.url",
                cache::redacted(&self.url),
                mend,
            ));
        }
        if !(1..=DAY).contains(&self.seconds) {
            return Err(ConfigError::value(
                "cache.seconds",
                self.seconds,
                "1 to 86400",
            ));
        }
        if !(1..=1_000).contains(&self.timeout_ms) {
            return Err(ConfigError::value(
                "cache.timeout_ms",
                self.timeout_ms,
                "1 to 1000",
            ));
        }
        Ok(())
    }
}

/// A secret that is given itself, or in a file; `None` if there is none.
fn secret(key: &str, given: &Secret, file: &str) -> anyhow::Result<Option<String>> {
    if !given.expose().is_empty() {
        return Ok(Some(given.expose().to_owned()));
    }
    if file.is_empty() {
        return Ok(None);
    }
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {key} {file}"))?;
    match text.lines().next().unwrap_or_default() {
        "" => bail!("{key} {file} is empty"),
        secret => Ok(Some(secret.to_owned())),
    }
}

impl ResumeConfig {
    pub(crate) fn limits(&self) -> Option<ResumeLimits> {
        (self.days > 0).then(|| ResumeLimits {
            lifetime: Duration::from_secs(self.days * DAY),
            grace: Duration::from_secs(self.grace_seconds),
        })
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.days > 3_650 {
            return Err(ConfigError::value(
                "resume.days",
                self.days,
                "at most 3650; 0 for none",
            ));
        }
        if self.grace_seconds > DAY {
            let grace = self.grace_seconds;
            return Err(ConfigError::value(
                "resume.grace_seconds",
                grace,
                "at most 86400",
            ));
        }
        Ok(())
    }
}

impl Default for MessagesConfig {
    fn default() -> Self {
        Self {
            recall_seconds: 120,
            edit_seconds: 900,
            read_positions: true,
        }
    }
}

impl MessagesConfig {
    pub(crate) fn limits(&self, body_bytes: usize) -> RevisionLimits {
        RevisionLimits {
            recall: Duration::from_secs(self.recall_seconds),
            edit: Duration::from_secs(self.edit_seconds),
            body_bytes,
        }
    }
}

impl GroupsConfig {
    /// Members of the largest group that fits into a frame, twice: who changed, and who is in it.
    const MOST_MEMBERS: usize = 30_000;

    /// Groups of one list.
    const MOST_PER_USER: usize = 10_000;

    pub(crate) fn limits(&self) -> GroupLimits {
        GroupLimits {
            members: self.members,
            per_user: self.per_user,
            ..GroupLimits::default()
        }
    }

    pub(crate) fn step_limits(&self) -> StepLimits {
        StepLimits {
            bounds: GroupBounds {
                members: self.members,
                per_user: self.per_user,
                waiting: Duration::from_secs(self.request_days * 24 * 3600),
                ..GroupBounds::default()
            },
            ..StepLimits::default()
        }
    }
}

impl PresenceConfig {
    const MOST_CONTACTS: usize = 10_000;

    pub(crate) fn limits(&self) -> CircleLimits {
        CircleLimits {
            directory: self.directory,
            size: self.contacts,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn failures(&self) -> Option<FailureLimits> {
        self.enabled.then_some(FailureLimits {
            per_account: self.failures_per_account,
            per_address: self.failures_per_address,
            ..FailureLimits::default()
        })
    }

    /// Connections that are left to others who write.
    const MOST_WRITERS: usize = 6;
}

impl StoreConfig {
    /// The password of a MySQL user, where one is given apart from the URL.
    pub(crate) fn password(&self) -> io::Result<Option<String>> {
        let given = self.password.expose();
        if !given.is_empty() {
            return Ok(Some(given.to_owned()));
        }
        if self.password_file.is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&self.password_file)?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}

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
        self.links
            .validate([("servers.listen", self.servers.listen.as_str())])?;
        self.cache.validate()?;
        self.resume.validate()?;
        self.registration.validate()?;
        if self.servers.in_flight == 0 {
            let mend = "1 or more, or no request is ever answered";
            return Err(ConfigError::value("servers.in_flight", 0, mend));
        }
        if self.limits.batch_messages == 0 {
            let mend = "1 or more, or no message is ever stored";
            return Err(ConfigError::value("limits.batch_messages", 0, mend));
        }
        let writers = self.limits.writers;
        if writers > LimitsConfig::MOST_WRITERS {
            let mend = "at most 6";
            return Err(ConfigError::value("limits.writers", writers, mend));
        }
        let members = self.groups.members;
        if !(1..=GroupsConfig::MOST_MEMBERS).contains(&members) {
            let mend = "1 to 30000";
            return Err(ConfigError::value("groups.members", members, mend));
        }
        let per_user = self.groups.per_user;
        if !(1..=GroupsConfig::MOST_PER_USER).contains(&per_user) {
            let mend = "1 to 10000";
            return Err(ConfigError::value("groups.per_user", per_user, mend));
        }
        let request_days = self.groups.request_days;
        if !(1..=90).contains(&request_days) {
            let mend = "1 to 90";
            return Err(ConfigError::value(
                "groups.request_days",
                request_days,
                mend,
            ));
        }
        let contacts = self.presence.contacts;
        if contacts > PresenceConfig::MOST_CONTACTS {
            let mend = "at most 10000";
            return Err(ConfigError::value("presence.contacts", contacts, mend));
        }
        self.contacts.validate()?;
        Ok(())
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

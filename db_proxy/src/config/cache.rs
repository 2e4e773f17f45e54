//! Copies of what the database holds.

use std::time::Duration;

use anyhow::{Context, bail};
use im_base::config::{ConfigError, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DAY;
use crate::cache::{self, CacheSettings};
use crate::logic::limiter::FailureLimits;

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
        let (password, login_secret) = self.secrets()?;
        Ok(CacheSettings {
            url: self.url.clone(),
            password,
            users: self.users,
            lifetime: Duration::from_secs(self.seconds),
            timeout: Duration::from_millis(self.timeout_ms),
            epoch,
            failures,
            registrations,
            login_secret,
        })
    }

    /// Redis's password and the secret of logins, where there are such. The error names the key.
    pub(super) fn secrets(&self) -> anyhow::Result<(Option<String>, Option<String>)> {
        let password = secret("cache.password_file", &self.password, &self.password_file)?;
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
        Ok((password, login_secret))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
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

//! Tokens instead of passwords.

use std::time::Duration;

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DAY;
use crate::logic::resume::ResumeLimits;

/// Tokens that let a client log in again without its password.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResumeConfig {
    /// Days that a token is good for after its last use, at most 3,650; 0: there are none.
    pub days: u64,
    /// Seconds for which a token that was exchanged is taken again, at most 86,400: the new one may not have arrived.
    pub grace_seconds: u64,
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

impl ResumeConfig {
    pub(crate) fn limits(&self) -> Option<ResumeLimits> {
        (self.days > 0).then(|| ResumeLimits {
            lifetime: Duration::from_secs(self.days * DAY),
            grace: Duration::from_secs(self.grace_seconds),
        })
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
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

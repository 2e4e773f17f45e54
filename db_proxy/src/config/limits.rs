//! Limits.

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logic::group_commit::WriterLimits;
use crate::logic::limiter::FailureLimits;

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

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("limits.batch_messages", self.batch_messages),
            ("limits.write_queue", self.write_queue),
        ] {
            if value == 0 {
                let mend = "1 or more, or no message is ever stored";
                return Err(ConfigError::value(key, value, mend));
            }
        }
        let writers = self.writers;
        if writers > Self::MOST_WRITERS {
            let mend = "at most 6";
            return Err(ConfigError::value("limits.writers", writers, mend));
        }
        Ok(())
    }
}

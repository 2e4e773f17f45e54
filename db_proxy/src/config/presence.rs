//! Who follows whose presence.

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logic::circle::CircleLimits;

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

impl Default for PresenceConfig {
    fn default() -> Self {
        let limits = CircleLimits::default();
        Self {
            directory: limits.directory,
            contacts: limits.size,
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

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let contacts = self.contacts;
        if contacts > Self::MOST_CONTACTS {
            let mend = "at most 10000";
            return Err(ConfigError::value("presence.contacts", contacts, mend));
        }
        Ok(())
    }
}

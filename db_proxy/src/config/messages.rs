//! What becomes of messages.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logic::revision::RevisionLimits;

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

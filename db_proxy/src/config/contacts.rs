//! What users are to each other, and what follows from it.

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logic::contact::ContactLimits;
use crate::store::MessagePolicy;

/// Contacts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactsConfig {
    /// Who may write to whom, in conversations of two: "everyone" to everybody, "friends" only to each other, or
    /// "same_department_or_friends" to friends and within a department. Whoever blocks somebody is a stranger to him.
    pub messages: MessagesFrom,
    /// Most friends, own requests and blocked users of a user together, and most requests by others, 1 to 100,000.
    pub per_user: usize,
}

/// Who may write to whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessagesFrom {
    #[default]
    Everyone,
    Friends,
    SameDepartmentOrFriends,
}

impl Default for ContactsConfig {
    fn default() -> Self {
        Self {
            messages: MessagesFrom::Everyone,
            per_user: ContactLimits::default().per_user,
        }
    }
}

impl ContactsConfig {
    const MOST_PER_USER: usize = 100_000;

    pub(crate) fn limits(&self) -> ContactLimits {
        ContactLimits {
            per_user: self.per_user,
            ..ContactLimits::default()
        }
    }

    pub(crate) fn policy(&self) -> MessagePolicy {
        match self.messages {
            MessagesFrom::Everyone => MessagePolicy::Everyone,
            MessagesFrom::Friends => MessagePolicy::Friends,
            MessagesFrom::SameDepartmentOrFriends => MessagePolicy::SameDepartmentOrFriends,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=Self::MOST_PER_USER).contains(&self.per_user) {
            let mend = "1 to 100000";
            return Err(ConfigError::value("contacts.per_user", self.per_user, mend));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_has_to_fit_into_a_list_of_contacts() {
        for (per_user, expected) in [(0, false), (1, true), (100_000, true), (100_001, false)] {
            let config = ContactsConfig {
                per_user,
                ..ContactsConfig::default()
            };
            assert_eq!(config.validate().is_ok(), expected, "{per_user}");
        }
    }
}

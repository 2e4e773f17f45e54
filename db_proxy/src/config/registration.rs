//! Who may make an account.

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LimitsConfig;
use crate::logic::limiter::FailureLimits;
use crate::logic::registration::{Admission, RegistrationLimits};

/// Accounts that people make themselves. With several db_proxies, configure all alike.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationConfig {
    /// Who may make an account: "off", nobody, so that all accounts come from the operator (`ferrotalk user add`); "invite",
    /// who has an invite (`ferrotalk invite add`); "open", everybody who reaches a msg_server.
    pub mode: RegistrationMode,
    /// Accounts that may be made from one address within an hour, 1 or more.
    pub accounts_per_address: usize,
    /// Attempts from one address within an hour that found the name taken or the invite no good, and accounts made, all
    /// together; what is beyond is refused unseen.
    pub attempts_per_address: usize,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Off,
    /// Who has an invite.
    Invite,
    /// Everybody.
    Open,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        let limits = RegistrationLimits::default();
        Self {
            mode: RegistrationMode::Off,
            accounts_per_address: limits.accounts,
            attempts_per_address: limits.attempts,
        }
    }
}

impl RegistrationConfig {
    pub(crate) fn admission(&self) -> Admission {
        match self.mode {
            RegistrationMode::Off => Admission::Nobody,
            RegistrationMode::Invite => Admission::Invited,
            RegistrationMode::Open => Admission::Everybody,
        }
    }

    /// How accounts are counted, unless limits are switched off.
    pub(crate) fn counted(&self, limits: &LimitsConfig) -> Option<FailureLimits> {
        let own = RegistrationLimits {
            accounts: self.accounts_per_address,
            attempts: self.attempts_per_address,
        };
        limits.enabled.then(|| own.counted())
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.accounts_per_address == 0 {
            let mend = "1 or more; registration.mode = \"off\" for none";
            return Err(ConfigError::value(
                "registration.accounts_per_address",
                0,
                mend,
            ));
        }
        Ok(())
    }
}

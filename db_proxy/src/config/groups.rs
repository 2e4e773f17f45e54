//! Groups.

use std::time::Duration;

use im_base::config::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DAY;
use crate::logic::group::GroupLimits;
use crate::logic::group::step::StepLimits;
use crate::store::GroupBounds;

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
                waiting: Duration::from_secs(self.request_days * DAY),
                ..GroupBounds::default()
            },
            ..StepLimits::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let members = self.members;
        if !(1..=Self::MOST_MEMBERS).contains(&members) {
            let mend = "1 to 30000";
            return Err(ConfigError::value("groups.members", members, mend));
        }
        let per_user = self.per_user;
        if !(1..=Self::MOST_PER_USER).contains(&per_user) {
            let mend = "1 to 10000";
            return Err(ConfigError::value("groups.per_user", per_user, mend));
        }
        let request_days = self.request_days;
        if !(1..=90).contains(&request_days) {
            let mend = "1 to 90";
            return Err(ConfigError::value(
                "groups.request_days",
                request_days,
                mend,
            ));
        }
        Ok(())
    }
}

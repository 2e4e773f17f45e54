use std::sync::Arc;

use crate::cache::{Attempt, FailureCache, MemoryFailures};
use crate::logic::limiter::FailureLimits;

/// Counts failed logins, together with other db_proxies while they share a cache that answers, otherwise alone.
///
/// This process counts for itself all the time, so that it knows something when the others' count is gone.
pub struct Guard {
    local: MemoryFailures,
    shared: Option<Arc<dyn FailureCache>>,
}

impl Guard {
    pub fn new(limits: FailureLimits, shared: Option<Arc<dyn FailureCache>>) -> Self {
        Self {
            local: MemoryFailures::new(limits),
            shared,
        }
    }

    /// Whether an attempt has to be refused unseen.
    pub(in crate::logic) async fn refuses(&self, attempt: Attempt<'_>) -> bool {
        let shared = match &self.shared {
            Some(shared) => shared.refuses(attempt).await,
            None => None,
        };
        decide(shared, self.local.refuses(attempt).await)
    }

    /// Counts a failure; whether it had to be refused.
    pub(in crate::logic) async fn failed(&self, attempt: Attempt<'_>) -> bool {
        let shared = match &self.shared {
            Some(shared) => shared.failed(attempt).await,
            None => None,
        };
        decide(shared, self.local.failed(attempt).await)
    }

    /// Forgives the account's failures from there, unless the attempt had to be refused; whether it had to be.
    pub(super) async fn succeeded(&self, attempt: Attempt<'_>) -> bool {
        let shared = match &self.shared {
            Some(shared) => shared.succeeded(attempt).await,
            None => None,
        };
        // what the others refuse is not forgiven here
        let local = match shared {
            Some(true) => None,
            _ => self.local.succeeded(attempt).await,
        };
        decide(shared, local)
    }
}

/// The common count is the one that counts: another db_proxy may have seen the right password since.
fn decide(shared: Option<bool>, local: Option<bool>) -> bool {
    shared.or(local).unwrap_or(false)
}

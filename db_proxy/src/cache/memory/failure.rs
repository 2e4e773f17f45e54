use std::time::Instant;

use async_trait::async_trait;

use crate::cache::{Attempt, FailureCache};
use crate::logic::limiter::{FailureLimiter, FailureLimits};

/// Failed logins of this process.
#[derive(Debug)]
pub struct MemoryFailures {
    limiter: FailureLimiter,
}

impl MemoryFailures {
    pub fn new(limits: FailureLimits) -> Self {
        Self {
            limiter: FailureLimiter::new(limits),
        }
    }
}

/// No await in any of them: what is asked and what is done are one moment of this task.
#[async_trait]
impl FailureCache for MemoryFailures {
    async fn refuses(&self, attempt: Attempt<'_>) -> Option<bool> {
        let now = Instant::now();
        Some(self.limiter.refuses(attempt.name, attempt.source, now))
    }

    async fn failed(&self, attempt: Attempt<'_>) -> Option<bool> {
        let now = Instant::now();
        let refused = self.limiter.refuses(attempt.name, attempt.source, now);
        if !refused {
            self.limiter.failed(attempt.name, attempt.source, now);
        }
        Some(refused)
    }

    async fn succeeded(&self, attempt: Attempt<'_>) -> Option<bool> {
        let now = Instant::now();
        let refused = self.limiter.refuses(attempt.name, attempt.source, now);
        if !refused {
            self.limiter.succeeded(attempt.name, attempt.source);
        }
        Some(refused)
    }
}

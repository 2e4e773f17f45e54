//! Failures of the store in the log: a disk that is full, or more requests than it can take, fails hundreds in a moment.

use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use crate::store::StoreError;

/// Between two lines about failures.
const PAUSE: Duration = Duration::from_secs(1);

/// When a failure was last logged, and how many were not since.
#[derive(Debug, Default)]
pub(crate) struct Told {
    at: Option<Instant>,
    unsaid: u64,
}

impl Told {
    /// Nothing has been said yet.
    pub(crate) const NOTHING: Self = Self {
        at: None,
        unsaid: 0,
    };

    /// Once for a whole batch: whoever answers its writers has nothing to add. And once a second.
    pub(crate) fn of<T>(&mut self, what: &'static str, outcome: &Result<T, StoreError>) {
        let Err(error) = outcome else { return };
        self.of_failure(what, error);
    }

    /// The same for what has failed.
    pub(crate) fn of_failure(&mut self, what: &'static str, error: &StoreError) {
        if let Some(unsaid) = self.due() {
            error!(
                error = error as &dyn std::error::Error,
                retryable = error.is_retryable(),
                what,
                unsaid,
                "store failed"
            );
        }
    }

    /// How many were not said, if it is time to say something.
    fn due(&mut self) -> Option<u64> {
        if self.at.is_some_and(|at| at.elapsed() < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.at = Some(Instant::now());
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_many_failures_one_a_second_is_said_with_the_number_of_the_others() {
        let mut told = Told::NOTHING;
        assert_eq!(told.due(), Some(0));
        for _ in 0..500 {
            assert_eq!(told.due(), None);
        }
        tokio::time::advance(PAUSE).await;
        assert_eq!(told.due(), Some(500));
        assert_eq!(told.due(), None);
        tokio::time::advance(PAUSE).await;
        assert_eq!(told.due(), Some(1));
    }
}

//! What is done again when it failed, and for how long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use im_base::telemetry::metrics::{STORE_CONFLICTS, STORE_LOSSES};
use metrics::counter;
use sqlx::mysql::MySqlRow;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::MySqlStore;
use super::session::Session;
use super::statement::Statement;
use crate::store::StoreError;

/// How long one attempt may take. A server that hangs is given up then, and the connection with it.
const ATTEMPT: Duration = Duration::from_secs(8);

/// How long a server that is gone is waited for: less than those who ask wait for an answer.
const LOSS: Duration = Duration::from_secs(3);

/// How often others may be in the way, and for how long.
const CONFLICTS: u32 = 12;
const CONFLICT: Duration = Duration::from_secs(2);

/// Before the second attempt; doubled before each further one up to `LONGEST`, and never exact, so that two that met
/// once do not meet again.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(250);

/// What may be made again although it may have been done: nothing is written, or the second time changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Only after a conflict, which has undone it.
    Undone,
    /// After a lost connection too.
    Harmless,
}

/// Makes attempts until one succeeds, or fails for good. Cancel-safe as far as the attempts are: a session that is
/// dropped is closed.
pub(super) async fn attempts<T, F>(
    repeat: Repeat,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let started = Instant::now();
    for tried in 1.. {
        let outcome = timeout(ATTEMPT, attempt()).await;
        let outcome = outcome.unwrap_or_else(|late| Err(StoreError::Unavailable(Arc::new(late))));
        let Err(error) = outcome else { return outcome };
        let again = match &error {
            StoreError::Conflict(_) => {
                counter!(STORE_CONFLICTS).increment(1);
                tried < CONFLICTS && started.elapsed() < CONFLICT
            }
            StoreError::Unavailable(_) => {
                counter!(STORE_LOSSES).increment(1);
                repeat == Repeat::Harmless && started.elapsed() < LOSS
            }
            StoreError::Full(_) | StoreError::Corrupt(_) | StoreError::Refused(_) => false,
        };
        if !again {
            return Err(error);
        }
        debug!(
            error = &error as &dyn std::error::Error,
            tried, "trying again"
        );
        sleep(pause(tried)).await;
    }
    unreachable!("attempts end")
}

fn pause(tried: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << tried.min(16)).min(LONGEST);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

impl MySqlStore {
    /// The rows of a statement that only reads.
    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<MySqlRow>, StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut session = Session::of(&self.readers).await?;
            let rows = statement.clone().fetch(&mut session).await?;
            session.release();
            Ok(rows)
        })
        .await
    }

    pub(super) async fn row(&self, statement: Statement) -> Result<Option<MySqlRow>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// A statement that is a transaction of its own; how many rows it found. Made twice it has to be as good as once.
    pub(super) async fn execute(&self, statement: Statement) -> Result<u64, StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut session = Session::of(&self.writers).await?;
            let found = statement.clone().execute(&mut session).await?;
            session.release();
            Ok(found)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn cause() -> crate::store::Cause {
        Arc::new(std::io::Error::other("test"))
    }

    async fn tries(repeat: Repeat, error: StoreError) -> u32 {
        let tried = Cell::new(0);
        let outcome: Result<(), _> = attempts(repeat, || {
            tried.set(tried.get() + 1);
            std::future::ready(Err(error.clone()))
        })
        .await;
        assert!(outcome.is_err());
        tried.get()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_undone_is_made_again_a_few_times() {
        let conflict = StoreError::Conflict(cause());
        assert_eq!(tries(Repeat::Undone, conflict).await, CONFLICTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loss_is_waited_out_only_by_what_is_harmless_twice() {
        let loss = StoreError::Unavailable(cause());
        assert_eq!(tries(Repeat::Undone, loss.clone()).await, 1);
        let started = Instant::now();
        assert!(tries(Repeat::Harmless, loss).await > 5);
        assert!(started.elapsed() < LOSS + LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_fail_again_is_not_tried() {
        for error in [StoreError::Full(cause()), StoreError::Refused(cause())] {
            assert_eq!(tries(Repeat::Harmless, error).await, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_is_given_up() {
        let outcome: Result<(), _> = attempts(Repeat::Undone, std::future::pending).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    }
}

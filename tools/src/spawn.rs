//! The one place where these tools start a task.

use std::future::Future;

use tokio::task::JoinSet;

/// Tasks of one owner: they end with it, and none of them panics unnoticed.
///
/// Dropping the owner aborts what still runs.
#[derive(Debug, Default)]
pub struct Owned {
    set: JoinSet<()>,
}

impl Owned {
    /// Starts a task.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(task);
    }

    /// Waits until every task has ended. Cancel-safe: no result is lost, for there is none.
    ///
    /// # Panics
    /// When a task panicked: passes its panic on.
    pub async fn join(&mut self) {
        while let Some(ended) = self.set.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Starts a task that ends by itself when the channels it serves are dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "the one helper of this crate; the task's channels are its owner"
)]
pub fn detached(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task)
}

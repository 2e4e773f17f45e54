//! The one way to spawn a task: tracked, and its panic reported.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use metrics::counter;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::telemetry::metrics::TASK_PANICS;

/// A group of tasks that can be waited for.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
}

impl Tasks {
    /// Spawns a task. A panic in it ends that task alone, is logged with the task's name and counted; it never passes
    /// unseen and never takes the process down.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let guarded = async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                counter!(TASK_PANICS, "task" => name).increment(1);
                error!(task = name, panic = panic_text(&*panic), "task panicked");
            }
        };
        self.tracker.spawn(guarded);
    }

    /// Number of tasks that still run.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Completes once every task has ended; tasks spawned meanwhile count as well. Cancel-safe.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

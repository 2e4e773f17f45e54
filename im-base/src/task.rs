//! The one way to spawn a task: tracked, and its panic reported.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use metrics::counter;
use pin_project_lite::pin_project;
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
        // Its own future type rather than an async block, which would hold a large future twice.
        let guarded = Guarded { future, name };
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

pin_project! {
    /// A future whose panic is its end.
    struct Guarded<F> {
        #[pin]
        future: F,
        name: &'static str,
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| this.future.poll(cx)));
        polled.unwrap_or_else(|panic| {
            let task = *this.name;
            counter!(TASK_PANICS, "task" => task).increment(1);
            error!(task, panic = panic_text(&*panic), "task panicked");
            Poll::Ready(())
        })
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

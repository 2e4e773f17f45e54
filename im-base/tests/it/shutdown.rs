//! The end in two stages, and tasks that panic.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use im_base::shutdown::{Ending, Shutdown};
use im_base::task::Tasks;
use im_base::telemetry::metrics;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::support::metric;

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn sessions_end_first_then_what_they_rely_on() {
    let shutdown = Shutdown::new();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let (view, log) = (shutdown.clone(), steps.clone());
    shutdown.background().spawn("link", async move {
        view.stopping().await;
        log.lock().push("link stops");
    });
    let (view, log) = (shutdown.clone(), steps.clone());
    shutdown.sessions().spawn("session", async move {
        view.draining().await;
        log.lock().push("session drains");
        let late = log.clone();
        view.sessions().spawn("late session", async move {
            sleep(Duration::from_secs(3)).await;
            late.lock().push("late session is over");
        });
        log.lock().push("session is over");
    });
    assert!(!shutdown.is_draining());
    let start = Instant::now();
    assert_eq!(shutdown.run(DEADLINE).await, Ending::Clean);
    assert!(shutdown.is_draining());
    assert_eq!(start.elapsed().as_secs(), 3, "no longer than it takes");
    assert_eq!(
        *steps.lock(),
        [
            "session drains",
            "session is over",
            "late session is over",
            "link stops"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_abandoned_at_the_deadline() {
    let shutdown = Shutdown::new();
    shutdown.sessions().spawn("stuck session", pending());
    let stopped = Arc::new(Mutex::new(false));
    let (view, seen) = (shutdown.clone(), stopped.clone());
    shutdown.background().spawn("link", async move {
        view.stopping().await;
        *seen.lock() = true;
    });
    let start = Instant::now();
    assert_eq!(shutdown.run(DEADLINE).await, Ending::Deadline);
    assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
    assert!(*stopped.lock(), "links had their moment all the same");
    assert_eq!(shutdown.sessions().running(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_task_alone_and_is_counted() {
    metrics::init();
    let tasks = Tasks::default();
    let survivor = Arc::new(Mutex::new(false));
    let seen = survivor.clone();
    tasks.spawn("doomed", async { panic!("on purpose") });
    tasks.spawn("survivor", async move {
        sleep(Duration::from_secs(1)).await;
        *seen.lock() = true;
    });
    tasks.finished().await;
    assert!(*survivor.lock());
    assert_eq!(metric(metrics::TASK_PANICS, &[r#"task="doomed""#]), 1.0);
}

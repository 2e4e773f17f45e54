//! How a process ends: in two stages, within a deadline.
//!
//! *Drain*: nothing new is accepted, what is in flight is finished, connections of clients close. *Stop*: links and
//! background work end. The owner is [`crate::app`]; everybody else holds a clone and waits for a stage.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::task::Tasks;

/// A cloneable view of the process's end, and the two groups of tasks it waits for.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
    sessions: Tasks,
    background: Tasks,
}

/// How the end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything finished by itself.
    Clean,
    /// The deadline came first; what was left was abandoned.
    Deadline,
}

impl Shutdown {
    /// A process that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tasks that serve accepted connections; they have to end in the drain stage.
    pub fn sessions(&self) -> &Tasks {
        &self.sessions
    }

    /// Tasks that sessions rely on (links, writers, listeners); they end in the stop stage.
    pub fn background(&self) -> &Tasks {
        &self.background
    }

    /// Completes when the drain stage has begun. Cancel-safe.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Whether the drain stage has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Completes when the stop stage has begun. Cancel-safe.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Goes through both stages. Call it once, from the owner.
    pub async fn run(&self, deadline: Duration) -> Ending {
        let deadline = Instant::now() + deadline;
        self.drain.cancel();
        let drained = timeout_at(deadline, self.sessions.finished()).await;
        self.stop.cancel();
        // Links get a moment of their own even when sessions used up the whole deadline.
        let grace = deadline.max(Instant::now() + Duration::from_millis(500));
        let stopped = timeout_at(grace, self.background.finished()).await;
        if drained.is_ok() && stopped.is_ok() {
            Ending::Clean
        } else {
            Ending::Deadline
        }
    }
}

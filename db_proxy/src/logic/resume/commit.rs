//! One transaction for all tokens that are waiting: everybody who comes back after an outage is given his next one within
//! a few commits. Nobody waits long for it, since he can be let in without.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::store::{ResumeOutcome, ResumeStore, ResumeWrite, Store};

/// How long a login waits for its token to be stored. Then nobody waits any more, and it is not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tokens that wait for a transaction; beyond it logins go without.
const QUEUE: usize = 4_096;

/// Tokens of one transaction. It keeps messages waiting, so it is short: some milliseconds.
const BATCH: usize = 128;

/// Where tokens are handed in to be stored.
pub(super) struct ResumeWrites {
    queue: mpsc::Sender<Job>,
}

/// The other end: owns the queue and makes the transactions. Whoever spawns `run` owns its end.
pub struct ResumeTask<S: ?Sized = dyn Store> {
    store: Arc<S>,
    queue: mpsc::Receiver<Job>,
}

struct Job {
    write: ResumeWrite,
    /// Closed as soon as nobody waits.
    answer: oneshot::Sender<ResumeOutcome>,
}

pub(super) fn queue<S: ?Sized>(store: Arc<S>) -> (ResumeWrites, ResumeTask<S>) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (ResumeWrites { queue: sender }, ResumeTask { store, queue })
}

impl ResumeWrites {
    /// What became of it; `None`: it could not be stored in time. Cancel-safe: what has not begun is not begun any more.
    pub(super) async fn write(&self, write: ResumeWrite) -> Option<ResumeOutcome> {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(Job { write, answer }).ok()?;
        timeout(PATIENCE, outcome).await.ok()?.ok()
    }
}

impl<S: ResumeStore + ?Sized> ResumeTask<S> {
    /// Makes transactions until nobody hands anything in any more, or `stop` completes. Not cancel-safe: dropping it drops
    /// the queue, and everybody who waits goes without.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut jobs = Vec::with_capacity(BATCH);
        loop {
            let taken = tokio::select! {
                biased;
                () = &mut stop => break,
                taken = self.queue.recv_many(&mut jobs, BATCH) => taken,
            };
            if taken == 0 {
                break;
            }
            jobs.retain(|job| !job.answer.is_closed());
            self.write(jobs.drain(..)).await;
        }
        debug!("no more resume tokens are stored");
    }

    async fn write(&self, jobs: impl Iterator<Item = Job>) {
        let (writes, answers): (Vec<_>, Vec<_>) = jobs.map(|job| (job.write, job.answer)).unzip();
        if writes.is_empty() {
            return;
        }
        let wanted = |place: usize| {
            let answer: Option<&oneshot::Sender<_>> = answers.get(place);
            answer.is_some_and(|answer| !answer.is_closed())
        };
        match self.store.write_resumes(&writes, &wanted).await {
            Ok(outcomes) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    if answer.send(outcome).is_err() {
                        debug!("nobody waits for a resume token any more");
                    }
                }
            }
            // dropped, the answers say enough
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                tokens = writes.len(),
                "no resume tokens stored"
            ),
        }
    }
}

#[cfg(test)]
mod tests;

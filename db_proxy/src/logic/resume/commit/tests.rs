use std::future::pending;

use async_trait::async_trait;
use futures_util::future::{Either, join_all, select};
use futures_util::poll;
use parking_lot::Mutex;
use proto::device::DeviceType;
use proto::ids::UserId;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::*;
use crate::store::{ResumeLook, ResumeToken, StoreError, UnixMillis};

/// Begins a transaction only when told so, and notes how many tokens each one had.
struct Fake {
    turns: Semaphore,
    transactions: Mutex<Vec<usize>>,
}

#[async_trait]
impl ResumeStore for Fake {
    async fn good_resumes(&self, looked_for: &[ResumeLook]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![true; looked_for.len()])
    }

    async fn write_resumes(
        &self,
        writes: &[ResumeWrite],
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<ResumeOutcome>, StoreError> {
        let turn = self.turns.acquire().await.unwrap();
        turn.forget();
        let outcomes: Vec<_> = (0..writes.len())
            .map(|place| match wanted(place) {
                true => ResumeOutcome::Kept,
                false => ResumeOutcome::Unwanted,
            })
            .collect();
        let made = outcomes.iter().filter(|made| **made == ResumeOutcome::Kept);
        self.transactions.lock().push(made.count());
        Ok(outcomes)
    }

    async fn revoke_resumes(&self, _: UserId, _: &[DeviceType]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn token() -> ResumeWrite {
    let new = ResumeToken {
        hash: [7; 32],
        user: UserId::new(1).unwrap(),
        device_type: DeviceType::parse(1).unwrap(),
        created_at: UnixMillis(0),
        expires_at: UnixMillis(1),
    };
    ResumeWrite { new, shown: None }
}

/// Runs a scenario beside the task; what its store did.
async fn beside<F: Future<Output = ()>>(
    turns: usize,
    scenario: impl FnOnce(ResumeWrites, Arc<Fake>) -> F,
) -> Vec<usize> {
    let store = Arc::new(Fake {
        turns: Semaphore::new(turns),
        transactions: Mutex::default(),
    });
    let (writes, task) = queue(Arc::clone(&store));
    let scenario = Box::pin(scenario(writes, Arc::clone(&store)));
    match select(scenario, Box::pin(task.run(pending()))).await {
        Either::Left(((), task)) => task.await,
        Either::Right(_) => panic!("the task outlives the scenario"),
    }
    let transactions = store.transactions.lock();
    transactions.clone()
}

#[tokio::test]
async fn a_storm_is_few_transactions() {
    let transactions = beside(Semaphore::MAX_PERMITS, async |writes, _| {
        let storm = join_all((0..1_000).map(|_| writes.write(token()))).await;
        assert!(storm.iter().all(|kept| *kept == Some(ResumeOutcome::Kept)));
    });
    assert_eq!(
        transactions.await,
        [
            BATCH,
            BATCH,
            BATCH,
            BATCH,
            BATCH,
            BATCH,
            BATCH,
            1_000 - 7 * BATCH
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_store_that_hangs_and_nothing_is_written_for_who_is_gone() {
    let transactions = beside(0, async |writes, store| {
        let started = Instant::now();
        let late = join_all((0..300).map(|_| writes.write(token()))).await;
        assert!(late.iter().all(Option::is_none));
        assert_eq!(started.elapsed(), PATIENCE);
        store.turns.add_permits(10);
        assert_eq!(writes.write(token()).await, Some(ResumeOutcome::Kept));
    });
    // the one that hung, empty by now, and the one that is wanted
    assert_eq!(transactions.await, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_queue_logins_go_without_at_once() {
    beside(0, async |writes, store| {
        let mut waiting: Vec<_> = (0..QUEUE)
            .map(|_| Box::pin(writes.write(token())))
            .collect();
        for write in &mut waiting {
            assert!(poll!(write.as_mut()).is_pending());
        }
        let started = Instant::now();
        assert_eq!(writes.write(token()).await, None);
        assert_eq!(started.elapsed(), Duration::ZERO);
        store.turns.add_permits(QUEUE);
    })
    .await;
}

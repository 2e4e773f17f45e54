//! Where slow hashes are computed: on threads of their own that give way to all others, or where that does not help, on
//! all cores but one, so that a storm of logins slows logins and not messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, available_parallelism};
use std::time::Duration;

use im_base::telemetry::metrics::{HASH_QUEUE, HASHES_REFUSED};
use metrics::{counter, gauge};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tracing::debug;

/// Computations waiting beyond this are refused: at some 35 ms each a client would have given up before.
const WAITING: usize = 1_000;

/// How long one waits for a core: whoever asked gives up soon after, and his place is better taken by somebody who has not.
const PATIENCE: Duration = Duration::from_secs(4);

/// How willingly a hashing thread gives way: under load it gets about a tenth of what others get.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Where a container finds the quota it runs under (cgroup v2).
const CPU_QUOTA: &str = "/sys/fs/cgroup/cpu.max";

/// Why no hash was computed; neither says anything about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("too many passwords are waiting to be checked")]
    Busy,
    #[error("a password could not be hashed")]
    Failed,
}

#[derive(Debug)]
pub(super) struct Hashing {
    /// One permit per computation that runs or waits.
    places: Arc<Semaphore>,
    /// One permit per core that may be used: each computation takes 19 MiB and all of a core.
    cores: Arc<Semaphore>,
    runs: AtomicU64,
}

impl Hashing {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let cores = match gives_way() {
            true => cores,
            false => cores.saturating_sub(1).max(1),
        };
        Self {
            places: Arc::new(Semaphore::new(cores + WAITING)),
            cores: Arc::new(Semaphore::new(cores)),
            runs: AtomicU64::new(0),
        }
    }

    /// Runs a computation on a thread of its own, which costs little beside it. Dropping the future does not stop one that
    /// has begun, which keeps its place until it is done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| {
            counter!(HASHES_REFUSED).increment(1);
            HashError::Busy
        })?;
        let _queued = Queued::new();
        let core = timeout(PATIENCE, Arc::clone(&self.cores).acquire_owned()).await;
        let core = core.map_err(|_| {
            counter!(HASHES_REFUSED).increment(1);
            HashError::Busy
        })?;
        let core = core.map_err(|_| HashError::Failed)?;
        self.runs.fetch_add(1, Ordering::Relaxed);
        let (answer, computed) = oneshot::channel();
        let work = move || {
            // given back before anybody hears of the outcome, be it a panic
            let places = (place, core);
            give_way();
            let computed = compute();
            drop(places);
            // nobody may be waiting any more
            let _unread = answer.send(computed);
        };
        let thread = Builder::new().name("hash".to_owned()).spawn(work);
        thread.map_err(|_| HashError::Failed)?;
        computed.await.map_err(|_| HashError::Failed)
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }
}

/// One password in the queue, as the operator sees it.
struct Queued;

impl Queued {
    fn new() -> Self {
        gauge!(HASH_QUEUE).increment(1.0);
        Self
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        gauge!(HASH_QUEUE).decrement(1.0);
    }
}

/// Whether a lower priority keeps hashes from slowing others. Not where a quota is shared: used up by whomever, it stops
/// everybody.
fn gives_way() -> bool {
    cfg!(target_os = "linux") && !has_quota(std::fs::read_to_string(CPU_QUOTA).ok().as_deref())
}

/// `cpu.max` has the quota, or "max", before the period.
fn has_quota(cpu_max: Option<&str>) -> bool {
    let quota = cpu_max.and_then(|text| text.split_whitespace().next());
    quota.is_some_and(|quota| quota != "max")
}

/// Lowers this thread's priority, where there is such a thing: for Linux a thread is what elsewhere is a process.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        debug!(%error, "hashing at the usual priority");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn beyond_the_queue_is_busy() {
        let hashing = Hashing::new();
        let room = hashing.places.available_permits();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(parking_lot::Mutex::new(held));
        let mut waiting: Vec<_> = (0..room)
            .map(|_| {
                let held = Arc::clone(&held);
                Box::pin(hashing.run(move || held.lock().recv().is_err()))
            })
            .collect();
        for run in &mut waiting {
            assert!(futures_util::poll!(run.as_mut()).is_pending());
        }
        assert_eq!(hashing.run(|| ()).await, Err(HashError::Busy));
        drop(release);
        for run in waiting {
            assert_eq!(run.await, Ok(true));
        }
        assert_eq!(hashing.run(|| ()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_a_core() {
        let hashing = Hashing::new();
        let all = hashing.cores.available_permits() as u32;
        let held = Arc::clone(&hashing.cores).acquire_many_owned(all).await;
        assert_eq!(hashing.run(|| ()).await, Err(HashError::Busy));
        assert_eq!(hashing.runs(), 0, "what nobody waits for is not computed");
        drop(held);
        assert_eq!(hashing.run(|| ()).await, Ok(()));
    }

    #[test]
    fn a_quota_is_a_number_before_the_period() {
        assert!(has_quota(Some("150000 100000\n")));
        for none in [Some("max 100000\n"), Some(""), None] {
            assert!(!has_quota(none), "{none:?}");
        }
    }

    #[tokio::test]
    async fn a_panic_fails_one_and_frees_its_place() {
        let hashing = Hashing::new();
        let room = hashing.places.available_permits();
        let failed = hashing.run(|| panic!("on purpose")).await;
        assert_eq!(failed, Err(HashError::Failed));
        assert_eq!(hashing.places.available_permits(), room);
    }
}

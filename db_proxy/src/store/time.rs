use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since 1970-01-01 UTC. Clients are told whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This machine's clock.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    /// The stamp of a change that others ask for by time: this machine's clock, but never going back in this process.
    /// To be taken while holding the write lock, so that the order of stamps is the order of commits.
    pub(super) fn of_change() -> Self {
        static LAST: AtomicI64 = AtomicI64::new(0);
        Self::now().not_before(&LAST)
    }

    fn not_before(self, last: &AtomicI64) -> Self {
        Self(self.0.max(last.fetch_max(self.0, Ordering::Relaxed)))
    }

    pub fn from_seconds(seconds: u32) -> Self {
        Self(i64::from(seconds) * 1000)
    }

    /// Whole seconds as the wire carries them: rounded down, and held within what a u32 can say.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_and_stay_on_the_wire() {
        assert_eq!(UnixMillis(1_999).seconds(), 1);
        assert_eq!(UnixMillis(-1).seconds(), 0);
        assert_eq!(UnixMillis(i64::MAX).seconds(), u32::MAX);
        assert_eq!(UnixMillis::from_seconds(7), UnixMillis(7_000));
    }

    #[test]
    fn stamps_never_go_back() {
        let last = AtomicI64::new(0);
        let stamps = [5, 3, 5, 9, 8].map(|now| UnixMillis(now).not_before(&last).0);
        assert_eq!(stamps, [5, 5, 5, 9, 9]);
    }

    #[test]
    fn a_clock_that_went_back_is_no_time_at_all() {
        assert_eq!(UnixMillis(5).since(UnixMillis(9)), Duration::ZERO);
        assert_eq!(UnixMillis(9).since(UnixMillis(5)), Duration::from_millis(4));
    }
}

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

    pub fn from_seconds(seconds: u32) -> Self {
        Self(i64::from(seconds) * 1000)
    }

    /// Whole seconds as the wire carries them: rounded down, and held within what a u32 can say.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
    }

    /// This much earlier; never before the beginning of time.
    pub fn before(self, time: Duration) -> Self {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// Milliseconds that stamps may be ahead of the clock before frequent ones are shared.
const AHEAD: i64 = 250;

/// A clock that is that many milliseconds behind was set back.
const SET_BACK: i64 = 5_000;

/// Stamps changes that others ask for by time: by this machine's clock, but each stamp later than the one before, so that
/// no two changes share one and a clock that is set back hides nothing. To be asked while holding the write lock, so that
/// the order of stamps is the order of commits.
#[derive(Debug)]
pub(super) struct ChangeClock {
    last: AtomicI64,
}

impl ChangeClock {
    /// Its stamps are later than `last`.
    pub(super) fn behind(last: UnixMillis) -> Self {
        Self {
            last: AtomicI64::new(last.0),
        }
    }

    pub(super) fn stamp(&self) -> UnixMillis {
        self.stamp_at(UnixMillis::now())
    }

    /// A stamp by another clock, the database's, that several processes share.
    pub(super) fn stamp_of(&self, now: UnixMillis) -> UnixMillis {
        self.stamp_at(now)
    }

    /// A stamp of what may change many times in a millisecond and is told of once more by whoever asks on: one like the one
    /// before, rather than one far ahead of the clock.
    pub(super) fn frequent_stamp(&self) -> UnixMillis {
        self.frequent_stamp_at(UnixMillis::now())
    }

    /// The same by another clock, as [`stamp_of`](Self::stamp_of).
    pub(super) fn frequent_stamp_of(&self, now: UnixMillis) -> UnixMillis {
        self.frequent_stamp_at(now)
    }

    /// A stamp later than `last` too, which may be another process's.
    pub(super) fn stamp_behind(&self, last: UnixMillis) -> UnixMillis {
        self.stamp_at(UnixMillis::now().max(UnixMillis(last.0.saturating_add(1))))
    }

    /// The present, without stamping anything. Whoever is told it asks on from then: stamps are later than that too.
    pub(super) fn now(&self) -> UnixMillis {
        self.now_at(UnixMillis::now())
    }

    fn now_at(&self, now: UnixMillis) -> UnixMillis {
        let last = self.last.fetch_max(now.0, Ordering::Relaxed);
        now.max(UnixMillis(last))
    }

    fn stamp_at(&self, now: UnixMillis) -> UnixMillis {
        self.advance(|last| now.0.max(last.saturating_add(1)))
    }

    fn frequent_stamp_at(&self, now: UnixMillis) -> UnixMillis {
        let is_shared = |last: i64| (AHEAD..SET_BACK).contains(&last.saturating_sub(now.0));
        self.advance(|last| match is_shared(last) {
            true => last,
            false => now.0.max(last.saturating_add(1)),
        })
    }

    fn advance(&self, next: impl Fn(i64) -> i64) -> UnixMillis {
        let update = |last| Some(next(last));
        let (Ok(last) | Err(last)) =
            self.last
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        UnixMillis(next(last))
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
    fn each_stamp_is_later_than_the_one_before() {
        let clock = ChangeClock::behind(UnixMillis(4));
        let stamps = [3, 5, 3, 5, 9, 8].map(|now| clock.stamp_at(UnixMillis(now)).0);
        assert_eq!(stamps, [5, 6, 7, 8, 9, 10]);
        let ahead = UnixMillis(i64::MAX - 7);
        assert_eq!(clock.stamp_behind(ahead).0, ahead.0 + 1);
        assert_eq!(clock.stamp().0, ahead.0 + 2);
    }

    /// Thousands of transactions in a second are no reason to be in the next minute.
    #[test]
    fn frequent_stamps_do_not_run_away_from_the_clock() {
        let clock = ChangeClock::behind(UnixMillis(0));
        let stamps: Vec<_> = (0..10_000)
            .map(|n| clock.frequent_stamp_at(UnixMillis(1_000 + n / 10)))
            .collect();
        assert!(stamps.is_sorted());
        assert_eq!(stamps.last(), Some(&UnixMillis(1_999 + AHEAD)));
        let rare = clock.stamp_at(UnixMillis(1_999));
        assert_eq!(rare, UnixMillis(2_000 + AHEAD), "none that was given");
        let set_back = [10, 10].map(|now| clock.frequent_stamp_at(UnixMillis(now - SET_BACK)).0);
        assert_eq!(set_back, [rare.0 + 1, rare.0 + 2]);
    }

    /// A device that has asked for what changed asks for what changes after that.
    #[test]
    fn what_is_stamped_after_a_clock_is_set_back_is_later_than_what_was_told() {
        let clock = ChangeClock::behind(UnixMillis(4));
        assert_eq!(clock.now_at(UnixMillis(3)), UnixMillis(4));
        assert_eq!(clock.now_at(UnixMillis(90_000)), UnixMillis(90_000));
        assert_eq!(clock.stamp_at(UnixMillis(9)), UnixMillis(90_001));
        assert_eq!(clock.now_at(UnixMillis(10)), UnixMillis(90_001));
    }

    #[test]
    fn a_clock_that_went_back_is_no_time_at_all() {
        assert_eq!(UnixMillis(5).since(UnixMillis(9)), Duration::ZERO);
        assert_eq!(UnixMillis(9).since(UnixMillis(5)), Duration::from_millis(4));
    }
}

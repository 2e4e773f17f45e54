//! The wall clock, in the units of the protocol.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as clients get them.
pub(crate) fn unix_seconds() -> u32 {
    u32::try_from(since_epoch().as_secs()).unwrap_or(u32::MAX)
}

/// Nanoseconds since 1970, to tell which of two logins is the later one. Never the same twice in this process and never
/// going back, also when the clock is set back. In microseconds, two processes did give the same now and then, and both
/// logins stayed.
pub(crate) fn login_stamp() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from(since_epoch().as_nanos()).unwrap_or(u64::MAX - 1);
    let next = |last: u64| now.max(last.saturating_add(1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    });
    next(last.unwrap_or_default())
}

/// A clock set before 1970 reads as 1970.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

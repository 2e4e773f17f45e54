//! The wall clock, in the units of the protocol.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as clients get them.
pub(crate) fn unix_seconds() -> u32 {
    u32::try_from(since_epoch().as_secs()).unwrap_or(u32::MAX)
}

/// Microseconds since 1970, to tell which of two logins is the later one.
pub(crate) fn unix_micros() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

/// A clock set before 1970 reads as 1970.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

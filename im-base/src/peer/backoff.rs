//! How long to wait before dialling again.

use std::time::Duration;

/// Waits that double from `first` to `most`, each shortened by a random part of up to a half, so that many diallers
/// that lost the same peer do not come back in one moment.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The wait after the first failure, before jitter.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Backoff {
    /// Between servers: from 50 ms to 2 s, so that a restarted peer is back in use at once.
    pub const SERVERS: Self = Self {
        first: Duration::from_millis(50),
        most: Duration::from_secs(2),
    };

    /// The wait after `failures` failures in a row (1 or more); `random` is in `0.0..1.0`.
    pub fn wait(self, failures: u32, random: f64) -> Duration {
        let doubled = 2f64.powi(failures.saturating_sub(1).min(30) as i32);
        let wait = self.first.mul_f64(doubled).min(self.most);
        wait.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_grow_to_the_longest_and_keep_at_least_half(failures in 1u32..1000, random in 0.0f64..1.0) {
            let backoff = Backoff::SERVERS;
            let wait = backoff.wait(failures, random);
            let full = backoff.wait(failures, 0.0);
            prop_assert!(wait <= full && wait >= full / 2);
            prop_assert!(full <= backoff.most && full >= backoff.first);
            prop_assert!(backoff.wait(failures + 1, 0.0) >= full);
        }
    }
}

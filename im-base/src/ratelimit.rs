//! A token bucket: so many in a burst, so many a second in the long run.

use std::time::Duration;

use tokio::time::Instant;

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: f64,
    /// Tokens that a full bucket holds.
    pub burst: f64,
}

impl Rate {
    /// No limit at all.
    pub const UNLIMITED: Self = Self {
        per_second: f64::INFINITY,
        burst: f64::INFINITY,
    };
}

/// One bucket, owned by what it limits. It starts full and costs no timer: tokens are counted when asked for.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate: Rate,
    tokens: f64,
    counted_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            counted_at: Instant::now(),
        }
    }

    /// Takes a token, or says how long until there is one.
    pub fn take(&mut self) -> Result<(), Duration> {
        if self.rate == Rate::UNLIMITED {
            return Ok(());
        }
        let now = Instant::now();
        let came = (now - self.counted_at).as_secs_f64() * self.rate.per_second;
        self.tokens = (self.tokens + came).min(self.rate.burst);
        self.counted_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.tokens) / self.rate.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

impl TokenBucket {
    /// Takes tokens for something that turned out to cost more than the one it was let through for. The bucket may owe
    /// some afterwards; until they have come back nothing is let through.
    pub fn charge(&mut self, tokens: f64) {
        if self.rate != Rate::UNLIMITED {
            self.tokens -= tokens;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_then_the_sustained_rate() {
        let mut bucket = TokenBucket::new(Rate {
            per_second: 2.0,
            burst: 3.0,
        });
        assert!((0..3).all(|_| bucket.take().is_ok()));
        assert_eq!(bucket.take(), Err(Duration::from_millis(500)));
        bucket.charge(1.0);
        assert_eq!(bucket.take(), Err(Duration::from_secs(1)), "owed");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(bucket.take(), Err(Duration::from_millis(500)));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(bucket.take(), Ok(()));
        assert!(bucket.take().is_err());
    }

    #[tokio::test]
    async fn unlimited_never_refuses() {
        let mut bucket = TokenBucket::new(Rate::UNLIMITED);
        assert!((0..10_000).all(|_| bucket.take().is_ok()));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_came_back(
            waits in proptest::collection::vec(0u64..400, 1..200),
            per_second in 1u32..50,
            burst in 1u32..20,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let (taken, elapsed) = runtime.block_on(async {
                let mut bucket = TokenBucket::new(Rate { per_second: per_second.into(), burst: burst.into() });
                let start = Instant::now();
                let mut taken = 0u32;
                for wait in waits {
                    tokio::time::advance(Duration::from_millis(wait)).await;
                    taken += u32::from(bucket.take().is_ok());
                }
                (taken, start.elapsed())
            });
            let allowed = f64::from(burst) + elapsed.as_secs_f64() * f64::from(per_second);
            prop_assert!(f64::from(taken) <= allowed + 1e-6);
        }
    }
}

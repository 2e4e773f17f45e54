//! Moments at a fixed rate, which nothing that happens meanwhile moves.

/// Turns from a beginning on, the first at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    began: u64,
    per_second: f64,
    next: u64,
}

impl Schedule {
    /// That many turns per second, more than 0, from `began` on.
    pub(super) fn new(began: u64, per_second: f64) -> Self {
        Self {
            began,
            per_second,
            next: 0,
        }
    }

    /// When the next turn is due.
    pub(super) fn due(&self) -> u64 {
        self.began + (self.next as f64 * 1e6 / self.per_second) as u64
    }

    /// Takes the next turn if it is due: its number and its moment.
    pub(super) fn take(&mut self, now: u64) -> Option<(u64, u64)> {
        let due = self.due();
        if due > now {
            return None;
        }
        self.next += 1;
        Some((self.next - 1, due))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn turns_come_at_their_rate_however_rarely_somebody_looks(
            per_second in 1.0f64..100_000.0,
            looks in proptest::collection::vec(1u64..50_000, 1..50),
        ) {
            let mut schedule = Schedule::new(1000, per_second);
            let mut now = 1000;
            let mut taken = 0_u64;
            for look in looks {
                now += look;
                let mut last = 0;
                while let Some((number, due)) = schedule.take(now) {
                    prop_assert!(number == taken && due <= now && due >= last);
                    last = due;
                    taken += 1;
                }
                let wanted = (now - 1000) as f64 * per_second / 1e6;
                prop_assert!((taken as f64 - wanted).abs() <= 1.5, "{} and not {}", taken, wanted);
            }
        }
    }
}

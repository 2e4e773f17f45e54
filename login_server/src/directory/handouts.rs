//! Clients that were sent to a msg_server and have not shown up yet.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a client that was sent to a msg_server counts without having logged in: the time that a msg_server gives
/// a new connection to do so.
const PATIENCE: Duration = Duration::from_secs(15);

/// Hand-outs within this time of each other are kept as one number, so that memory does not grow with their rate.
const GRAIN: Duration = Duration::from_millis(500);

/// Hand-outs of one msg_server that still count, oldest first: at most 31 numbers.
#[derive(Debug, Default)]
pub(super) struct Handouts {
    grains: VecDeque<(Instant, u32)>,
    outstanding: u32,
}

impl Handouts {
    /// How many count as load.
    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// One more.
    pub(super) fn add(&mut self, now: Instant) {
        match self.grains.back_mut() {
            Some((since, count)) if now.saturating_duration_since(*since) < GRAIN => *count += 1,
            _ => self.grains.push_back((now, 1)),
        }
        self.outstanding += 1;
    }

    /// The oldest has logged in; nothing if none is outstanding.
    pub(super) fn arrived(&mut self) {
        let Some((_, count)) = self.grains.front_mut() else {
            return;
        };
        *count -= 1;
        let none_left = *count == 0;
        self.outstanding -= 1;
        if none_left {
            self.grains.pop_front();
        }
    }

    /// Forgets those that have not shown up in time.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((since, count)) = self.grains.front() {
            if now.saturating_duration_since(*since) < PATIENCE {
                return;
            }
            self.outstanding -= count;
            self.grains.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_handout_counts_until_it_arrives_or_for_fifteen_seconds() {
        let start = Instant::now();
        let mut handouts = Handouts::default();
        handouts.add(start);
        handouts.add(start + Duration::from_secs(5));
        handouts.arrived();
        handouts.expire(start + Duration::from_secs(19));
        assert_eq!(handouts.outstanding(), 1, "the second counts until 20 s");
        handouts.expire(start + Duration::from_secs(20));
        assert_eq!(handouts.outstanding(), 0);
        handouts.arrived();
        assert_eq!(handouts.outstanding(), 0);
    }

    proptest! {
        #[test]
        fn the_sum_is_right_and_the_memory_bounded(
            steps in proptest::collection::vec((0u64..700, any::<bool>()), 0..400),
        ) {
            let mut now = Instant::now();
            let mut handouts = Handouts::default();
            for (wait, arrives) in steps {
                now += Duration::from_millis(wait);
                handouts.expire(now);
                if arrives { handouts.arrived() } else { handouts.add(now) }
                let sum: u32 = handouts.grains.iter().map(|(_, count)| count).sum();
                prop_assert_eq!(handouts.outstanding(), sum);
                prop_assert!(handouts.grains.len() <= 31);
                prop_assert!(handouts.grains.iter().all(|(_, count)| *count > 0));
            }
        }
    }
}

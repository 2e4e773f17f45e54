//! Slices of several workers as slices of the run.

use std::collections::BTreeMap;

use super::super::observer::Observer;
use super::super::outcome::{Counts, Phase, Slice, Timings};

/// Slices that are kept, each with its histograms, to two digits; when there are so many, neighbours become one.
const MOST_SLICES: usize = 3600;

/// A second and a phase of it, in the order in which they come.
type Place = (u64, u8);

/// Puts together what workers measured in the same second and phase.
pub(super) struct Gather<'a> {
    observer: &'a mut dyn Observer,
    /// Where each worker is, until it has ended, and how many were online there.
    workers: Vec<Option<Place>>,
    online: Vec<u64>,
    open: BTreeMap<Place, Vec<(usize, Slice)>>,
    whole: Vec<Slice>,
    counts: Counts,
    timings: Timings,
}

impl<'a> Gather<'a> {
    pub(super) fn new(workers: usize, observer: &'a mut dyn Observer) -> Self {
        Self {
            observer,
            workers: vec![Some((0, 0)); workers],
            online: vec![0; workers],
            open: BTreeMap::new(),
            whole: Vec::new(),
            counts: Counts::default(),
            timings: Timings::default(),
        }
    }

    /// All workers are ready.
    pub(super) fn load_begins(&mut self) {
        self.observer.load_begins();
    }

    /// What a worker measured. Each worker's slices come in order.
    pub(super) fn add(&mut self, worker: usize, slice: Slice) {
        let place = place(&slice);
        self.open.entry(place).or_default().push((worker, slice));
        self.workers[worker] = Some(place);
        self.hand_out();
    }

    /// A worker measures nothing more.
    pub(super) fn ended(&mut self, worker: usize) {
        self.workers[worker] = None;
        self.hand_out();
    }

    /// Slices that no worker can add to any more.
    fn hand_out(&mut self) {
        let alone = self.workers.len() == 1;
        while let Some(first) = self.open.first_entry() {
            let reached = |place: &Place| if alone { true } else { place > first.key() };
            if !self.workers.iter().flatten().all(reached) {
                return;
            }
            let slices = first.remove();
            self.merge(slices);
        }
    }

    fn merge(&mut self, slices: Vec<(usize, Slice)>) {
        let mut slices = slices.into_iter();
        let Some((worker, mut merged)) = slices.next() else {
            return;
        };
        self.online[worker] = merged.online;
        for (worker, slice) in slices {
            self.online[worker] = slice.online;
            merged.at_ms = merged.at_ms.max(slice.at_ms);
            merged.counts.merge(&slice.counts);
            merged.timings.merge(&slice.timings);
        }
        merged.online = self.online.iter().sum();
        self.observer.slice(&merged);
        self.counts.merge(&merged.counts);
        self.timings.merge(&merged.timings);
        merged.timings = merged.timings.coarse();
        self.whole.push(merged);
        if self.whole.len() >= MOST_SLICES {
            self.whole = by_twos(std::mem::take(&mut self.whole));
        }
    }

    /// All slices, neighbours of a long run put together, and their sums.
    pub(super) fn finish(mut self) -> (Vec<Slice>, Counts, Timings) {
        self.workers.fill(None);
        self.hand_out();
        (self.whole, self.counts, self.timings)
    }
}

/// Two neighbours of one phase as one, which ends with the second. Whatever was online at most stays so.
fn by_twos(slices: Vec<Slice>) -> Vec<Slice> {
    let mut halved: Vec<Slice> = Vec::with_capacity(MOST_SLICES);
    let mut alone = false;
    for slice in slices {
        match halved.last_mut() {
            Some(last) if alone && last.phase == slice.phase => {
                last.at_ms = slice.at_ms;
                last.online = last.online.max(slice.online);
                last.counts.merge(&slice.counts);
                last.timings.merge(&slice.timings);
                alone = false;
            }
            _ => {
                halved.push(slice);
                alone = true;
            }
        }
    }
    halved
}

fn place(slice: &Slice) -> Place {
    let phase = match slice.phase {
        Phase::Setup => 0,
        Phase::Run => 1,
        Phase::Drain => 2,
    };
    (slice.at_ms / 1000, phase)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use std::time::Duration;

    use super::super::super::outcome::{Counter, Timing};
    use super::*;

    /// When each slice ended, and what was sent in it.
    #[derive(Default)]
    struct Seen(Vec<(u64, u64)>);

    impl Observer for Seen {
        fn load_begins(&mut self) {}

        fn slice(&mut self, slice: &Slice) {
            self.0.push((slice.at_ms, slice.counts[Counter::Sent]));
        }
    }

    #[test]
    fn a_long_run_keeps_few_slices_and_all_that_was_counted() {
        let mut nobody = ();
        let mut gather = Gather::new(1, &mut nobody);
        let seconds = 3 * MOST_SLICES as u64;
        for second in 1..=seconds {
            let mut counts = Counts::default();
            counts[Counter::Sent] = second;
            gather.add(
                0,
                Slice {
                    at_ms: second * 1000,
                    phase: if second < 10 {
                        Phase::Setup
                    } else {
                        Phase::Run
                    },
                    online: second,
                    counts,
                    timings: Timings::default(),
                },
            );
        }
        let (slices, counts, _) = gather.finish();
        assert!(slices.len() <= MOST_SLICES);
        assert_eq!(counts[Counter::Sent], seconds * (seconds + 1) / 2);
        let of_phase = |phase| {
            let slices = slices.iter().filter(move |slice| slice.phase == phase);
            slices.map(|slice| slice.counts[Counter::Sent]).sum::<u64>()
        };
        assert_eq!(of_phase(Phase::Setup), 45);
        assert_eq!(of_phase(Phase::Run), counts[Counter::Sent] - 45);
        assert_eq!(slices.last().unwrap().at_ms, seconds * 1000);
    }

    #[test]
    fn what_is_kept_of_a_second_is_small() {
        let mut nobody = ();
        let mut gather = Gather::new(1, &mut nobody);
        let mut timings = Timings::default();
        for millis in [1, 20, 20, 3_000] {
            timings.record(Timing::Ack, Duration::from_millis(millis));
        }
        gather.add(
            0,
            Slice {
                at_ms: 1000,
                phase: Phase::Run,
                online: 1,
                counts: Counts::default(),
                timings,
            },
        );
        let (slices, _, whole) = gather.finish();
        let kept = slices[0].timings.get(Timing::Ack).unwrap();
        assert_eq!(kept.len(), 4);
        let median = kept.value_at_quantile(0.5) as f64;
        assert!((median / 20_000.0 - 1.0).abs() < 1e-2, "{median}");
        let bytes = kept.distinct_values() * size_of::<u64>();
        assert!(bytes < 20_000, "{bytes}");
        // The run's own times are as they were measured.
        let median = whole.get(Timing::Ack).unwrap().value_at_quantile(0.5) as f64;
        assert!((median / 20_000.0 - 1.0).abs() < 1e-3, "{median}");
    }

    proptest! {
        /// Whatever order workers' slices arrive in, each is in exactly one slice of the run, in order of time.
        #[test]
        fn everything_is_in_one_slice(steps in vec((0usize..3, 1u64..1500, 1u64..100), 0..60)) {
            let mut seen = Seen::default();
            let mut gather = Gather::new(3, &mut seen);
            let mut at = [0; 3];
            let mut sent = 0;
            for (worker, later, count) in steps {
                at[worker] += later;
                sent += count;
                let mut counts = Counts::default();
                counts[Counter::Sent] = count;
                let slice = Slice {
                    at_ms: at[worker],
                    phase: Phase::Run,
                    online: 1,
                    counts,
                    timings: Timings::default(),
                };
                gather.add(worker, slice);
            }
            let (slices, counts, _) = gather.finish();
            prop_assert_eq!(counts[Counter::Sent], sent);
            let told: Vec<(u64, u64)> =
                slices.iter().map(|slice| (slice.at_ms, slice.counts[Counter::Sent])).collect();
            prop_assert_eq!(seen.0, told);
            prop_assert!(slices.windows(2).all(|pair| pair[0].at_ms / 1000 < pair[1].at_ms / 1000));
        }
    }
}

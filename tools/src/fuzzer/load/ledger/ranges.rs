//! A set of numbers that mostly come in order, as ranges.

/// Sorted ranges that neither overlap nor touch, the second number of each excluded. Eight bytes for each gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Adds a number below `u32::MAX`; false if it was there.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        // Nearly always the next one.
        match self.0.last_mut() {
            Some(last) if last.1 == number => {
                last.1 += 1;
                return true;
            }
            Some(last) if last.1 > number => {}
            _ => {
                self.0.push((number, number + 1));
                return true;
            }
        }
        let at = self.0.partition_point(|range| range.1 < number);
        let range = self.0[at];
        if (range.0..range.1).contains(&number) {
            return false;
        }
        if range.1 == number {
            self.0[at].1 += 1;
            if self.0.get(at + 1).is_some_and(|next| next.0 == number + 1) {
                self.0[at].1 = self.0.remove(at + 1).1;
            }
        } else if range.0 == number + 1 {
            self.0[at].0 = number;
        } else {
            self.0.insert(at, (number, number + 1));
        }
        true
    }

    /// How many numbers there are from `first` on.
    pub(super) fn count_from(&self, first: u32) -> u64 {
        let lengths = self
            .0
            .iter()
            .map(|range| range.1.saturating_sub(range.0.max(first)));
        lengths.map(u64::from).sum()
    }

    /// How many numbers from `first` on are in both.
    pub(super) fn count_shared_from(&self, other: &Self, first: u32) -> u64 {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut shared = 0;
        while let (Some(our), Some(their)) = (ours.peek(), theirs.peek()) {
            let from = our.0.max(their.0).max(first);
            let to = our.1.min(their.1);
            shared += u64::from(to.saturating_sub(from));
            if our.1 < their.1 {
                ours.next();
            } else {
                theirs.next();
            }
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn ranges(numbers: &[u32]) -> Ranges {
        let mut ranges = Ranges::default();
        for number in numbers {
            ranges.insert(*number);
        }
        ranges
    }

    proptest! {
        #[test]
        fn it_is_a_set(numbers in vec(0u32..60, 0..120), others in vec(0u32..60, 0..120), first in 0u32..70) {
            let mut set = BTreeSet::new();
            let mut ours = Ranges::default();
            for number in &numbers {
                prop_assert_eq!(ours.insert(*number), set.insert(*number));
            }
            let other_set: BTreeSet<u32> = others.iter().copied().collect();
            prop_assert_eq!(ours.count_from(first), set.range(first..).count() as u64);
            let shared = set.intersection(&other_set).filter(|number| **number >= first).count();
            prop_assert_eq!(ours.count_shared_from(&ranges(&others), first), shared as u64);
            prop_assert!(ours.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", ours);
        }
    }
}

//! Which messages of a conversation were shown. Ids are 1, 2, 3 …, so what is missing is known by number.

use std::collections::BTreeSet;

/// As many ids as a server fetches at once.
const MAX_FETCH: usize = 100;

/// One conversation's messages as far as this client saw them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Everything from the first one seen up to this one was shown; 0 before anything was.
    upto: u32,
    /// Shown beyond it: something between is missing.
    above: BTreeSet<u32>,
    /// Something was missing at the last look already.
    overdue: bool,
}

impl Seen {
    /// Notes a message; false when it was shown before.
    pub(super) fn arrive(&mut self, id: u32) -> bool {
        if self.upto == 0 {
            // What was before the first one is history and not missing.
            self.upto = id;
            return true;
        }
        if id <= self.upto || !self.above.insert(id) {
            return false;
        }
        while self.above.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
        self.overdue &= !self.above.is_empty();
        true
    }

    /// The newest id shown, 0 before anything was.
    pub(super) fn latest(&self) -> u32 {
        self.above.last().copied().unwrap_or(self.upto)
    }

    /// What is missing up to `latest`, oldest first, as much as is fetched at once.
    pub(super) fn missing(&self, latest: u32) -> Vec<u32> {
        if self.upto == 0 {
            return Vec::new();
        }
        (self.upto + 1..=latest)
            .filter(|id| !self.above.contains(id))
            .take(MAX_FETCH)
            .collect()
    }

    /// What was missing at the last call already. A message that overtook another is no loss yet.
    pub(super) fn overdue(&mut self) -> Vec<u32> {
        let missing = self.missing(self.latest());
        let was_overdue = std::mem::replace(&mut self.overdue, !missing.is_empty());
        if was_overdue { missing } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_once() {
        let mut seen = Seen::default();
        assert!(seen.arrive(5));
        assert!(!seen.arrive(5));
        assert!(seen.arrive(7));
        assert!(!seen.arrive(7));
        assert!(seen.arrive(6));
        assert!(!seen.arrive(6));
        assert_eq!(seen.latest(), 7);
    }

    #[test]
    fn a_gap_is_overdue_at_the_second_look() {
        let mut seen = Seen::default();
        seen.arrive(5);
        seen.arrive(8);
        assert!(seen.overdue().is_empty());
        assert_eq!(seen.overdue(), [6, 7]);
        seen.arrive(6);
        seen.arrive(7);
        assert!(seen.overdue().is_empty());
    }

    #[test]
    fn a_gap_up_to_a_known_id_is_listed() {
        let mut seen = Seen::default();
        assert!(seen.missing(9).is_empty());
        seen.arrive(5);
        seen.arrive(7);
        assert_eq!(seen.missing(9), [6, 8, 9]);
        assert_eq!(seen.missing(1000).len(), 100);
    }
}

//! What a device has.

use std::collections::{BTreeMap, BTreeSet};

use super::super::history::Talk;

/// The messages of one conversation that a device has.
#[derive(Clone, Debug, Default)]
struct Have {
    /// Every one up to this.
    all_to: u32,
    /// And these.
    beyond: BTreeSet<u32>,
}

/// The messages that a device has.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(BTreeMap<Talk, Have>);

impl Memory {
    /// One more.
    pub(super) fn put(&mut self, talk: Talk, id: u32) {
        let have = self.0.entry(talk).or_default();
        if id > have.all_to {
            have.beyond.insert(id);
        }
        while have.beyond.first() == Some(&(have.all_to + 1)) {
            have.beyond.pop_first();
            have.all_to += 1;
        }
    }

    /// Everything up to this is there or not wanted.
    pub(super) fn skip_to(&mut self, talk: Talk, id: u32) {
        let have = self.0.entry(talk).or_default();
        have.all_to = have.all_to.max(id);
        have.beyond = have.beyond.split_off(&(have.all_to + 1));
        self.put(talk, id);
    }

    /// Up to where nothing is missing; nothing of a conversation that nobody spoke of.
    pub(super) fn all_to(&self, talk: Talk) -> Option<u32> {
        self.0.get(&talk).map(|have| have.all_to)
    }

    /// The newest one.
    pub(super) fn newest(&self, talk: Talk) -> u32 {
        self.0
            .get(&talk)
            .map_or(0, |have| have.beyond.last().copied().unwrap_or(have.all_to))
    }

    /// The conversations with messages, and up to where nothing is missing in them.
    pub(super) fn known(&self) -> impl Iterator<Item = (Talk, u32)> {
        self.0.iter().map(|(talk, have)| (*talk, have.all_to))
    }

    /// What another one has as well.
    pub(super) fn add(&mut self, other: &Self) {
        for (talk, have) in &other.0 {
            self.skip_to(*talk, have.all_to);
            for id in &have.beyond {
                self.put(*talk, *id);
            }
        }
    }

    /// No messages any more.
    pub(super) fn clear(&mut self) {
        for have in self.0.values_mut() {
            *have = Have::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_known_until_it_is_filled() {
        let talk = Talk::Group(1);
        let mut memory = Memory::default();
        for (id, all_to, newest) in [(1, 1, 1), (3, 1, 3), (4, 1, 4), (2, 4, 4), (1, 4, 4)] {
            memory.put(talk, id);
            assert_eq!(
                (memory.all_to(talk), memory.newest(talk)),
                (Some(all_to), newest)
            );
        }
        memory.put(talk, 8);
        memory.skip_to(talk, 7);
        assert_eq!((memory.all_to(talk), memory.newest(talk)), (Some(8), 8));
    }
}

//! Where in a conversation the new messages begin, found in few looks: ids have no gap, and what was stored earlier has
//! the lower id.

/// Looks for the last old id up to some id. Ask [`probe`](Self::probe) which one to look at and [`tell`](Self::tell) what
/// it is, until there is nothing to look at.
#[derive(Debug)]
pub(super) struct Border {
    /// Everything up to this one is old.
    old: u32,
    /// This one and everything behind it is not.
    new: u32,
    /// How far back from `new` the next look goes, while nothing old was met: mostly the border is near the end.
    step: Option<u32>,
}

impl Border {
    /// Ids up to `old` are known to be old, and those behind `last` to be new.
    pub(super) fn between(old: u32, last: u32) -> Self {
        Self {
            old: old.min(last),
            new: last.saturating_add(1),
            step: Some(1),
        }
    }

    /// The id to look at next; `None` once the border is known.
    pub(super) fn probe(&self) -> Option<u32> {
        let width = self.new - self.old;
        let back = match self.step {
            Some(step) if step < width => step,
            _ => width / 2,
        };
        (width > 1).then(|| self.new - back)
    }

    /// What the probe is.
    pub(super) fn tell(&mut self, id: u32, is_old: bool) {
        if is_old {
            self.old = id;
            self.step = None;
        } else {
            self.new = id;
            self.step = self.step.map(|step| step.saturating_mul(2));
        }
    }

    /// The last old id; 0 if there is none.
    pub(super) fn last_old(&self) -> u32 {
        self.old
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_border_is_found_in_few_looks(known in 0u32.., more in 0u32.., new in 0u32..100_000) {
            let border = known.saturating_add(more);
            let last = border.saturating_add(new).min(u32::MAX - 1);
            let mut search = Border::between(known, last);
            let mut looks = 0;
            while let Some(id) = search.probe() {
                prop_assert!(known < id && id <= last);
                search.tell(id, id <= border);
                looks += 1;
            }
            prop_assert_eq!(search.last_old(), border.min(last));
            prop_assert!(looks <= 64);
        }
    }
}

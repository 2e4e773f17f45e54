//! Changes that Redis has not taken note of yet.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use proto::ids::UserId;
use tokio::time::Instant;

use crate::store::User;

/// Most changes that are kept.
const KEPT: usize = 10_000;

/// What Redis has to be told of a user. The map is locked for a few instructions, never across an await.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    changes: HashMap<UserId, Kept>,
    next: u64,
    /// There were more than could be kept; every copy of before is gone by then.
    distrust_until: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    change: Change,
    /// Tells this one from a later one of the same user.
    number: u64,
}

/// How somebody changed.
#[derive(Clone, Debug)]
pub(super) enum Change {
    To(Box<User>),
    /// Nobody knows to what.
    Unknown,
}

impl Undelivered {
    /// Notes a change before it is sent; the number is for [`done`](Self::done). Beyond what can be kept nothing is
    /// trusted for `lifetime`.
    pub(super) fn note(&self, id: UserId, change: Change, lifetime: Duration) -> u64 {
        let mut state = self.state.lock();
        state.next += 1;
        let number = state.next;
        if state.changes.len() >= KEPT && !state.changes.contains_key(&id) {
            state.distrust_until = Some(Instant::now() + lifetime);
            return number;
        }
        let change = match (state.changes.remove(&id), change) {
            (
                Some(Kept {
                    change: Change::To(kept),
                    ..
                }),
                Change::To(new),
            ) if kept.updated_at > new.updated_at => Change::To(kept),
            (_, change) => change,
        };
        state.changes.insert(id, Kept { change, number });
        number
    }

    /// Redis has taken note.
    pub(super) fn done(&self, id: UserId, number: u64) {
        let mut state = self.state.lock();
        if state
            .changes
            .get(&id)
            .is_some_and(|kept| kept.number == number)
        {
            state.changes.remove(&id);
        }
    }

    /// Leaves those whose copies are not to be trusted out.
    pub(super) fn trusted(&self, ids: &[UserId]) -> Vec<UserId> {
        let mut state = self.state.lock();
        if state.distrusts_all() {
            return Vec::new();
        }
        let mut ids = ids.to_vec();
        if !state.changes.is_empty() {
            ids.retain(|id| !state.changes.contains_key(id));
        }
        ids
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().changes.len()
    }

    /// Some of them, to be delivered.
    pub(super) fn some(&self, most: usize) -> Vec<(UserId, u64, Change)> {
        let state = self.state.lock();
        let some = state.changes.iter().take(most);
        some.map(|(id, kept)| (*id, kept.number, kept.change.clone()))
            .collect()
    }
}

impl State {
    fn distrusts_all(&mut self) -> bool {
        if self
            .distrust_until
            .is_some_and(|until| Instant::now() >= until)
        {
            self.distrust_until = None;
        }
        self.distrust_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Profile, UnixMillis};

    const LIFETIME: Duration = Duration::from_secs(60);

    fn ids(raw: &[u32]) -> Vec<UserId> {
        raw.iter().map(|id| UserId::new(*id).unwrap()).collect()
    }

    fn to(id: u32, at: i64) -> Change {
        Change::To(Box::new(User {
            id: ids(&[id])[0],
            updated_at: UnixMillis(at),
            profile: Profile::default(),
        }))
    }

    #[test]
    fn the_latest_change_stays_until_it_is_delivered() {
        let undelivered = Undelivered::default();
        let id = ids(&[1])[0];
        let first = undelivered.note(id, to(1, 5), LIFETIME);
        let second = undelivered.note(id, to(1, 4), LIFETIME);
        undelivered.done(id, first);
        assert!(undelivered.trusted(&ids(&[1, 2])) == ids(&[2]));
        let kept = undelivered.some(10);
        assert!(matches!(&kept[..], [(_, _, Change::To(user))] if user.updated_at.0 == 5));
        undelivered.done(id, second);
        assert_eq!(undelivered.trusted(&ids(&[1])), ids(&[1]));
        undelivered.note(id, to(1, 6), LIFETIME);
        undelivered.note(id, Change::Unknown, LIFETIME);
        assert!(matches!(undelivered.some(1)[0].2, Change::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_what_is_kept_nothing_is_trusted_for_a_while() {
        let undelivered = Undelivered::default();
        for id in 1..=KEPT as u32 + 1 {
            let id = ids(&[id])[0];
            let number = undelivered.note(id, Change::Unknown, LIFETIME);
            undelivered.done(id, number);
        }
        assert_eq!(undelivered.trusted(&ids(&[1])), ids(&[1]));
        for id in 1..=KEPT as u32 + 1 {
            undelivered.note(ids(&[id])[0], Change::Unknown, LIFETIME);
        }
        assert_eq!(undelivered.len(), KEPT);
        for (id, number, _) in undelivered.some(KEPT) {
            undelivered.done(id, number);
        }
        assert!(undelivered.trusted(&ids(&[1])).is_empty());
        tokio::time::advance(LIFETIME).await;
        assert_eq!(undelivered.trusted(&ids(&[1])), ids(&[1]));
    }
}

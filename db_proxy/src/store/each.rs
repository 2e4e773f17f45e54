//! Answers about several users that one statement found, in whatever order.

use std::collections::{BTreeSet, HashMap};

use proto::ids::UserId;

/// What was found for each of some users.
pub(super) struct Each<'a, T> {
    users: &'a [UserId],
    /// Most things of one user.
    limit: usize,
    found: HashMap<UserId, Vec<T>>,
}

impl<'a, T: Clone> Each<'a, T> {
    pub(super) fn of(users: &'a [UserId], limit: usize) -> Self {
        Self {
            users,
            limit,
            found: HashMap::with_capacity(users.len()),
        }
    }

    /// The users, each once: whom to ask for.
    pub(super) fn users(&self) -> Vec<UserId> {
        let users: BTreeSet<UserId> = self.users.iter().copied().collect();
        users.into_iter().collect()
    }

    /// Notes the next thing of a user, unless he has as many as he may.
    pub(super) fn add(&mut self, user: UserId, thing: T) {
        let found = self.found.entry(user).or_default();
        if found.len() < self.limit {
            found.push(thing);
        }
    }

    /// For each user, in the order in which they were asked for.
    pub(super) fn in_order(self) -> Vec<Vec<T>> {
        let of = |user: &UserId| self.found.get(user).cloned().unwrap_or_default();
        self.users.iter().map(of).collect()
    }
}

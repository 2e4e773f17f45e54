use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use moka::ops::compute::Op;
use moka::sync::Cache;
use proto::ids::UserId;

use crate::cache::{UserCache, count};
use crate::store::User;

/// Profiles in this process.
#[derive(Clone, Debug)]
pub struct MemoryUsers {
    users: Cache<UserId, User>,
}

impl MemoryUsers {
    /// Keeps at most about `capacity` users, each for `lifetime`.
    pub fn new(capacity: u64, lifetime: Duration) -> Self {
        let users = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(lifetime)
            .build();
        Self { users }
    }
}

impl Default for MemoryUsers {
    fn default() -> Self {
        Self::new(100_000, Duration::from_secs(60))
    }
}

#[async_trait]
impl UserCache for MemoryUsers {
    async fn get(&self, ids: &[UserId]) -> Vec<User> {
        let distinct: HashSet<UserId> = ids.iter().copied().collect();
        let found: Vec<User> = distinct
            .iter()
            .filter_map(|id| self.users.get(id))
            .collect();
        count("users", found.len(), distinct.len());
        found
    }

    async fn put(&self, users: &[User]) {
        for user in users {
            self.users
                .entry(user.id)
                .and_compute_with(|kept| match kept {
                    Some(kept) if kept.value().updated_at > user.updated_at => Op::Nop,
                    _ => Op::Put(user.clone()),
                });
        }
    }

    async fn changed(&self, user: &User) {
        self.put(std::slice::from_ref(user)).await;
    }

    async fn invalidate(&self, ids: &[UserId]) {
        for id in ids {
            self.users.invalidate(id);
        }
    }
}

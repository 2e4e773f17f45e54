use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::ids::UserId;
use tokio::time::Instant;

use super::gather::Gather;
use crate::store::{Store, StoreError};

/// How long a count of the users is believed.
const COUNTED: Duration = Duration::from_secs(5);

/// From when on users follow their circle rather than everybody.
#[derive(Clone, Copy, Debug)]
pub struct CircleLimits {
    /// Most users of a directory in which everybody follows everybody.
    pub directory: u64,
    /// Most users in one circle.
    pub size: usize,
}

impl Default for CircleLimits {
    fn default() -> Self {
        Self {
            directory: 2_000,
            size: 500,
        }
    }
}

/// Whose presence a user follows where there are too many users to follow all.
pub struct Circles {
    store: Arc<dyn Store>,
    limits: CircleLimits,
    /// When the users were counted, and how many there were. Held for a look only.
    counted: Mutex<Option<(Instant, u64)>>,
    peers: Gather<UserId, Vec<UserId>>,
    friends: Gather<UserId, Vec<UserId>>,
}

impl Circles {
    pub fn new(store: Arc<dyn Store>, limits: CircleLimits) -> Self {
        Self {
            store,
            limits,
            counted: Mutex::new(None),
            peers: Gather::default(),
            friends: Gather::default(),
        }
    }

    /// Those the user has a conversation with, then his friends, then those he shares a group with, as many as he may
    /// follow, ascending. `None` while the directory is so small that he follows everybody. Whoever is `in_groups` has fellow
    /// members to look for.
    pub async fn of_user(
        &self,
        user: UserId,
        in_groups: bool,
    ) -> Result<Option<Vec<UserId>>, StoreError> {
        if self.users().await? <= self.limits.directory {
            return Ok(None);
        }
        let limit = self.limits.size;
        let all = |users: Vec<_>| async move { self.store.peers(&users, limit).await };
        let peers = self.peers.ask(user, all).await?;
        let mut circle = BTreeSet::from_iter(peers);
        if circle.len() < limit {
            // as with fellow members below, and alike for all who ask together
            let all = |users: Vec<_>| async move { self.store.friends(&users, 2 * limit).await };
            let friends = self.friends.ask(user, all).await?;
            let room = limit - circle.len();
            let new: Vec<UserId> = friends
                .into_iter()
                .filter(|friend| !circle.contains(friend))
                .take(room)
                .collect();
            circle.extend(new);
        }
        if in_groups && circle.len() < limit {
            // so many that enough are left if all the peers are among them
            let enough = limit + circle.len();
            for fellow in self.store.fellow_members(user, enough).await? {
                if circle.len() >= limit {
                    break;
                }
                circle.insert(fellow);
            }
        }
        Ok(Some(circle.into_iter().collect()))
    }

    async fn users(&self) -> Result<u64, StoreError> {
        let counted = *self.counted.lock();
        if let Some((at, users)) = counted
            && at.elapsed() < COUNTED
        {
            return Ok(users);
        }
        let users = self.store.count_users().await?;
        *self.counted.lock() = Some((Instant::now(), users));
        Ok(users)
    }
}

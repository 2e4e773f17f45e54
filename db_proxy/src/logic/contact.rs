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

/// From when on users follow their contacts rather than everybody.
#[derive(Clone, Copy, Debug)]
pub struct ContactLimits {
    /// Most users of a directory in which everybody follows everybody.
    pub directory: u64,
    /// Most contacts of one user.
    pub contacts: usize,
}

impl Default for ContactLimits {
    fn default() -> Self {
        Self {
            directory: 2_000,
            contacts: 500,
        }
    }
}

/// Whose presence a user follows where there are too many users to follow all.
pub struct Contacts {
    store: Arc<dyn Store>,
    limits: ContactLimits,
    /// When the users were counted, and how many there were. Held for a look only.
    counted: Mutex<Option<(Instant, u64)>>,
    peers: Gather<UserId, Vec<UserId>>,
}

impl Contacts {
    pub fn new(store: Arc<dyn Store>, limits: ContactLimits) -> Self {
        Self {
            store,
            limits,
            counted: Mutex::new(None),
            peers: Gather::default(),
        }
    }

    /// Those the user has a conversation with, then those he shares a group with, as many as he may follow, ascending.
    /// `None` while the directory is so small that he follows everybody. Whoever is `in_groups` has fellow members to look
    /// for.
    pub async fn of_user(
        &self,
        user: UserId,
        in_groups: bool,
    ) -> Result<Option<Vec<UserId>>, StoreError> {
        if self.users().await? <= self.limits.directory {
            return Ok(None);
        }
        let limit = self.limits.contacts;
        let all = |users: Vec<_>| async move { self.store.peers(&users, limit).await };
        let peers = self.peers.ask(user, all).await?;
        let mut contacts = BTreeSet::from_iter(peers);
        if in_groups && contacts.len() < limit {
            // so many that enough are left if all the peers are among them
            let enough = limit + contacts.len();
            for fellow in self.store.fellow_members(user, enough).await? {
                if contacts.len() >= limit {
                    break;
                }
                contacts.insert(fellow);
            }
        }
        Ok(Some(contacts.into_iter().collect()))
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

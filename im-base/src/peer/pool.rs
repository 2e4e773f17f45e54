//! The links to all processes of one role, and which one to use.

use std::hash::Hash;
use std::sync::Arc;

use super::link::Link;

/// Links to equal peers. One for a key is chosen by rendezvous hashing over those that are up: a key stays with its
/// peer while that lives, and the keys of a lost one spread over the others.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    links: Vec<Arc<Link>>,
}

impl Pool {
    /// A pool of these links.
    pub fn new(links: Vec<Arc<Link>>) -> Self {
        Self { links }
    }

    /// All links, up or not, in the order of the configuration.
    pub fn links(&self) -> &[Arc<Link>] {
        &self.links
    }

    /// The links that are up and whose peer takes new work.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.links.iter().filter(|link| link.is_usable())
    }

    /// Whether any link is up.
    pub fn is_up(&self) -> bool {
        self.live().next().is_some()
    }

    /// The link for a key among those that are up.
    pub fn pick(&self, key: impl Hash) -> Option<&Arc<Link>> {
        self.pick_except(key, None)
    }

    /// The link for a key among those that are up, but for one that has just failed.
    pub fn pick_except(&self, key: impl Hash, failed: Option<&Arc<Link>>) -> Option<&Arc<Link>> {
        let fits = |link: &&Arc<Link>| failed.is_none_or(|failed| !Arc::ptr_eq(failed, link));
        self.live()
            .filter(fits)
            .max_by_key(|link| score(&key, link.address()))
    }
}

/// Equal in every process and every run: fixed keys.
fn score(key: &impl Hash, address: &str) -> u64 {
    ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one((key, address))
}

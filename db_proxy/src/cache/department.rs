use async_trait::async_trait;

use crate::store::{Department, UnixMillis};

/// The list of departments, as of a change of it. A cache that fails behaves as an empty one.
#[async_trait]
pub trait DepartmentCache: Send + Sync {
    /// Every department, removed ones too, in the order of their last change, if the last change of all is `latest`.
    async fn get(&self, latest: UnixMillis) -> Option<Vec<Department>>;

    /// Keeps the complete list, in that order. Of two lists the one changed later stays.
    async fn put(&self, departments: &[Department]);
}

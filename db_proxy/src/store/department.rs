use async_trait::async_trait;

use super::{StoreError, UnixMillis};

/// Departments of the organisation. They are marked as removed, never deleted, so that clients hear of it.
#[async_trait]
pub trait DepartmentStore: Send + Sync {
    /// Departments changed then or later, removed ones too, in the order of their last change.
    async fn departments_changed_since(
        &self,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Department>, StoreError>;

    /// When a department was changed last; the beginning of time while there are none. Two changes never share a moment.
    async fn latest_department_change(&self) -> Result<UnixMillis, StoreError>;

    async fn insert_department(&self, new: &NewDepartment) -> Result<DepartmentId, StoreError>;

    /// Marks a department as removed; `false` if there is none, or none any more.
    async fn remove_department(&self, id: DepartmentId) -> Result<bool, StoreError>;
}

/// A department's number; 0 is no department.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DepartmentId(pub u32);

/// A department as clients learn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    pub id: DepartmentId,
    pub name: String,
    /// `DepartmentId(0)`: it is at the top.
    pub parent: DepartmentId,
    /// Where it stands among its neighbours.
    pub priority: u32,
    pub removed: bool,
    pub updated_at: UnixMillis,
}

/// A department to be made.
#[derive(Clone, Debug)]
pub struct NewDepartment {
    pub name: String,
    pub parent: DepartmentId,
    pub priority: u32,
}

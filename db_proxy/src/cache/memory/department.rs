use async_trait::async_trait;
use parking_lot::RwLock;

use crate::cache::{DepartmentCache, count};
use crate::store::{Department, UnixMillis};

/// The list of departments in this process.
#[derive(Debug, Default)]
pub struct MemoryDepartments {
    /// Held for a copy of the list, never across an await.
    list: RwLock<Vec<Department>>,
}

#[async_trait]
impl DepartmentCache for MemoryDepartments {
    async fn get(&self, latest: UnixMillis) -> Option<Vec<Department>> {
        let list = self.list.read();
        let found = (list.last()?.updated_at == latest).then(|| list.clone());
        count("departments", usize::from(found.is_some()), 1);
        found
    }

    async fn put(&self, departments: &[Department]) {
        let at = |list: &[Department]| list.last().map(|department| department.updated_at);
        let mut list = self.list.write();
        if at(&list) < at(departments) {
            *list = departments.to_vec();
        }
    }
}

use std::sync::Arc;

use db_proxy::cache::MemoryDepartments;
use db_proxy::logic::department::Departments;
use db_proxy::store::{DepartmentId, NewDepartment};

use crate::bed::store;

#[tokio::test]
async fn all_departments_come() {
    let (store, _folder) = store().await;
    for n in 0..1_200 {
        let new = NewDepartment {
            name: format!("department {n}"),
            parent: DepartmentId(0),
            priority: 0,
        };
        store.insert_department(&new).await.unwrap();
    }
    let all = Departments::new(store, Arc::new(MemoryDepartments::default()))
        .changed_since(0)
        .await
        .unwrap();
    assert_eq!(all.departments.len(), 1_200);
    let last = all.departments.last().unwrap();
    assert_eq!(all.next_seconds, last.updated_at.seconds());
}

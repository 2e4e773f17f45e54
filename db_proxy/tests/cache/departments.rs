use db_proxy::cache::DepartmentCache;
use db_proxy::store::{Department, DepartmentId, UnixMillis};

fn department(id: u32, updated_at: i64) -> Department {
    Department {
        id: DepartmentId(id),
        name: format!("\"{id}\" 部门"),
        parent: DepartmentId(id / 2),
        priority: u32::MAX,
        removed: id.is_multiple_of(2),
        updated_at: UnixMillis(updated_at),
    }
}

pub(crate) async fn a_list_is_found_by_its_last_change(cache: &dyn DepartmentCache) {
    assert_eq!(cache.get(UnixMillis(5)).await, None);
    let list = [department(2, 4), department(1, 5)];
    cache.put(&list).await;
    assert_eq!(cache.get(UnixMillis(5)).await.unwrap(), list);
    assert_eq!(cache.get(UnixMillis(4)).await, None);
    assert_eq!(cache.get(UnixMillis(6)).await, None);
    cache.put(&[]).await;
    assert_eq!(cache.get(UnixMillis(5)).await.unwrap(), list);
}

pub(crate) async fn the_later_list_stays(cache: &dyn DepartmentCache) {
    let later = [department(1, 1_000)];
    cache.put(&later).await;
    cache.put(&[department(1, 999)]).await;
    assert_eq!(cache.get(UnixMillis(1_000)).await.unwrap(), later);
    assert_eq!(cache.get(UnixMillis(999)).await, None);
}

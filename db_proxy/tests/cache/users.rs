use db_proxy::cache::UserCache;
use db_proxy::store::{Profile, UnixMillis, User};
use proto::ids::UserId;

pub(crate) fn user(id: u32, updated_at: i64) -> User {
    User {
        id: UserId::new(id).unwrap(),
        updated_at: UnixMillis(updated_at),
        profile: Profile {
            name: format!("user{id}"),
            nick_name: format!("as of {updated_at}"),
            sign_info: "with \"quotes\", 用户, \0 and \u{1f642}".to_owned(),
            department_id: u32::MAX,
            ..Profile::default()
        },
    }
}

pub(crate) fn ids(raw: &[u32]) -> Vec<UserId> {
    raw.iter().map(|id| UserId::new(*id).unwrap()).collect()
}

pub(crate) async fn what_is_put_is_found_once(cache: &dyn UserCache) {
    cache.put(&[user(1, 1), user(u32::MAX, 1)]).await;
    let mut found = cache.get(&ids(&[1, 2, u32::MAX, 1])).await;
    found.sort_by_key(|user| user.id);
    assert_eq!(found, [user(1, 1), user(u32::MAX, 1)]);
}

pub(crate) async fn an_invalidated_user_is_gone(cache: &dyn UserCache) {
    cache.put(&[user(1, 1), user(2, 1)]).await;
    cache.invalidate(&ids(&[1, 3])).await;
    assert_eq!(cache.get(&ids(&[1, 2])).await, [user(2, 1)]);
}

pub(crate) async fn a_slow_reader_does_not_put_an_old_copy_back(cache: &dyn UserCache) {
    cache.put(&[user(1, 1_700_000_000_001)]).await;
    cache.put(&[user(1, 999_999_999_999)]).await;
    assert_eq!(cache.get(&ids(&[1])).await, [user(1, 1_700_000_000_001)]);
}

pub(crate) async fn a_change_is_seen_at_once(cache: &dyn UserCache) {
    cache.put(&[user(1, 1)]).await;
    cache.changed(&user(1, 3)).await;
    cache.changed(&user(1, 2)).await;
    cache.put(&[user(1, 1)]).await;
    assert_eq!(cache.get(&ids(&[1])).await, [user(1, 3)]);
}

pub(crate) async fn nothing_asked_is_nothing_found(cache: &dyn UserCache) {
    cache.put(&[]).await;
    cache.invalidate(&[]).await;
    assert!(cache.get(&[]).await.is_empty());
}

pub(crate) async fn hundreds_at_once(cache: &dyn UserCache) {
    let users: Vec<User> = (1..=700).map(|id| user(id, 1)).collect();
    cache.put(&users).await;
    let asked: Vec<UserId> = (1..=900).rev().filter_map(UserId::new).collect();
    let mut found = cache.get(&asked).await;
    found.sort_by_key(|user| user.id);
    assert_eq!(found, users);
}

use db_proxy::cache::GroupCache;
use db_proxy::store::GroupMembers;
use proto::ids::{GroupId, UserId};

fn group(id: u32) -> GroupId {
    GroupId::new(id).unwrap()
}

pub(crate) fn members(version: u32, users: impl IntoIterator<Item = u32>) -> GroupMembers {
    GroupMembers {
        version,
        members: users.into_iter().filter_map(UserId::new).collect(),
    }
}

pub(crate) async fn members_are_found_by_their_version(cache: &dyn GroupCache) {
    let (one, two) = ((group(1), members(3, [1, 2])), (group(2), members(1, [7])));
    cache.put(&[one.clone(), two.clone()]).await;
    let asked = [(group(1), 3), (group(2), 1), (group(3), 1)];
    let mut found = cache.get(&asked).await;
    found.sort_by_key(|(id, _)| *id);
    assert_eq!(found, [one, two]);
    assert!(cache.get(&[(group(1), 2), (group(1), 4)]).await.is_empty());
    assert!(cache.get(&[]).await.is_empty());
    cache.put(&[]).await;
}

pub(crate) async fn the_later_version_stays(cache: &dyn GroupCache) {
    let later = (group(1), members(10, [1]));
    cache.put(std::slice::from_ref(&later)).await;
    cache.put(&[(group(1), members(9, [1, 2]))]).await;
    assert!(cache.get(&[(group(1), 9)]).await.is_empty());
    assert_eq!(cache.get(&[(group(1), 10)]).await, [later]);
}

pub(crate) async fn empty_and_very_large_groups(cache: &dyn GroupCache) {
    let groups = [
        (group(1), members(u32::MAX, [])),
        (
            group(u32::MAX),
            members(1, (1..=30_000).map(|n| n * 100_000)),
        ),
    ];
    cache.put(&groups).await;
    let asked = [(group(1), u32::MAX), (group(u32::MAX), 1)];
    let mut found = cache.get(&asked).await;
    found.sort_by_key(|(id, _)| *id);
    assert_eq!(found, groups);
}

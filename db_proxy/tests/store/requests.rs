use db_proxy::store::{Direction, GroupRefusal, MemberChange, NewGroup, RequestKey};
use futures_util::future::join;
use proto::ids::UserId;

use crate::bed::Bed;
use crate::circle::{change, new_group, request};

/// D-19: a request that is made again after a lost link is carried out once.
pub(crate) async fn a_group_asked_for_again_is_the_same_group(bed: Bed) {
    let [a, b] = bed.users().await;
    let new = NewGroup {
        request: request(b"k"),
        ..new_group(&[a, b])
    };
    let first = bed.store.create_group(&new).await.unwrap().unwrap();
    bed.leave(first.group_id, &[b]).await;
    let again = bed.store.create_group(&new).await.unwrap().unwrap();
    assert_eq!((again.group_id, again.version), (first.group_id, 2));
    assert_eq!(again.members, [a], "as it is now");
    let other = NewGroup {
        request: request(b"l"),
        ..new
    };
    let other = bed.store.create_group(&other).await.unwrap().unwrap();
    assert!(other.group_id > first.group_id);
    assert_eq!(bed.store.groups_of(a, None, 9).await.unwrap().len(), 2);
}

pub(crate) async fn a_change_asked_for_again_is_made_once(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a]).await;
    let keyed = |direction, users: &[UserId], key: &[u8]| MemberChange {
        request: RequestKey::of_change(None, key),
        ..change(group, None, direction, users)
    };
    let join = keyed(Direction::Join, &[b, c], b"join");
    let leave = keyed(Direction::Leave, &[b], b"leave");
    let ask = async |change| bed.store.change_members(change).await.unwrap();
    let joined = ask(&join).await.unwrap();
    let left = ask(&leave).await.unwrap();
    let again = ask(&join).await.unwrap();
    assert_eq!(again.changed, joined.changed, "as it was then");
    assert_eq!(
        (again.version, again.members),
        (3, vec![a, c]),
        "as it is now"
    );
    assert_eq!(ask(&leave).await.unwrap(), left);
    assert_eq!((joined.version, left.version), (2, 3));
    assert_eq!(bed.members(group).await.members, [a, c]);
}

pub(crate) async fn what_was_refused_is_judged_anew(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a]).await;
    let leave = MemberChange {
        request: RequestKey::of_change(None, b"k"),
        ..change(group, None, Direction::Leave, &[b])
    };
    let refused = bed.store.change_members(&leave).await.unwrap();
    assert_eq!(refused, Err(GroupRefusal::NothingToChange));
    bed.join(group, &[b]).await;
    assert!(bed.store.change_members(&leave).await.unwrap().is_ok());
    assert_eq!(bed.members(group).await.members, [a]);
}

pub(crate) async fn one_request_at_two_stores_is_carried_out_once(bed: Bed) {
    let [a] = bed.users().await;
    let other = bed.database.open().await;
    for n in 0..10u8 {
        let new = NewGroup {
            request: request(&[n]),
            ..new_group(&[a])
        };
        let (here, there) = join(bed.store.create_group(&new), other.create_group(&new)).await;
        assert_eq!(here.unwrap().unwrap(), there.unwrap().unwrap());
    }
    assert_eq!(bed.store.groups_of(a, None, 99).await.unwrap().len(), 10);
}

pub(crate) async fn keys_are_forgotten_after_a_minute(bed: Bed) {
    let [a] = bed.users().await;
    let asked = |key: &[u8]| NewGroup {
        request: request(key),
        ..new_group(&[a])
    };
    let make = async |key| {
        let made = bed.store.create_group(&asked(key)).await.unwrap();
        made.unwrap().group_id
    };
    let first = make(b"old").await;
    bed.database
        .execute("UPDATE requests SET created_at_ms = created_at_ms - 50000")
        .await;
    let young = make(b"young").await;
    assert_eq!(make(b"old").await, first, "not a minute old");
    bed.database
        .execute("UPDATE requests SET created_at_ms = created_at_ms - 20000")
        .await;
    make(b"another").await;
    assert_ne!(make(b"old").await, first);
    assert_eq!(make(b"young").await, young);
}

use db_proxy::store::{Direction, GroupKind, GroupRefusal, GroupVersion, NewGroup};
use futures_util::future::join_all;
use proto::ids::{GroupId, UserId};

use crate::bed::Bed;
use crate::circle::{LIMIT, change, new_group};

pub(crate) async fn a_group_is_what_its_founder_named(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let new = NewGroup {
        kind: GroupKind::Normal,
        creator: None,
        ..new_group(&[c, a])
    };
    let created = bed.store.create_group(&new).await.unwrap().unwrap();
    assert_eq!(created.version, 1);
    assert_eq!(created.members, [a, c]);
    assert_eq!(created.changed, created.members);
    let group = bed.store.groups(Some(a), &[created.group_id]).await;
    let group = &group.unwrap()[0];
    assert_eq!(
        (&group.name, &group.avatar_url),
        (&new.name, &new.avatar_url)
    );
    assert_eq!((group.kind, group.version), (GroupKind::Normal, 1));
    assert_eq!((group.creator, group.muted), (None, false));

    let second = bed.group(&[b, a]).await;
    assert!(second > created.group_id);
    let group = bed.store.groups(None, &[second]).await.unwrap();
    assert_eq!(group[0].creator, Some(b));
    assert_eq!(bed.members(second).await.members, [a, b]);
}

pub(crate) async fn a_group_with_a_stranger_is_not_made(bed: Bed) {
    let [a] = bed.users().await;
    let stranger = UserId::new(99).unwrap();
    let refused = bed.store.create_group(&new_group(&[a, stranger])).await;
    assert_eq!(refused.unwrap(), Err(GroupRefusal::NoSuchUser));
    let groups = bed.store.groups_of(a, None, 9).await.unwrap();
    assert!(groups.is_empty());

    let group = bed.group(&[a]).await;
    let refused = bed.change(group, a, Direction::Join, &[stranger]).await;
    assert_eq!(refused, Err(GroupRefusal::NoSuchUser));
    let nowhere = GroupId::new(99).unwrap();
    let refused = bed.change(nowhere, None, Direction::Join, &[a]).await;
    assert_eq!(refused, Err(GroupRefusal::NoSuchGroup));
    assert_eq!(bed.members(group).await.version, 1, "nothing changed");
    assert!(bed.store.group_members(nowhere).await.unwrap().is_none());
}

/// D-72, D-97: whoever is inside already or not at all is no change, and nobody is counted twice.
pub(crate) async fn members_come_and_go(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let joined = bed.join(group, &[d, b, c]).await;
    assert_eq!((joined.version, joined.changed), (2, vec![c, d]));
    assert_eq!(joined.members, [a, b, c, d]);
    let left = bed.leave(group, &[a, d]).await;
    assert_eq!((left.version, left.changed), (3, vec![a, d]));
    assert_eq!(left.members, [b, c]);
    let refused = bed.change(group, None, Direction::Leave, &[a, d]).await;
    assert_eq!(refused, Err(GroupRefusal::NothingToChange));
    let refused = bed.change(group, None, Direction::Join, &[b, c]).await;
    assert_eq!(refused, Err(GroupRefusal::NothingToChange));
    let members = bed.members(group).await;
    assert_eq!((members.version, members.members), (3, vec![b, c]));
}

/// D-6: a group without members is still there.
pub(crate) async fn an_empty_group_can_be_filled_again(mut bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    bed.say_to(group, a, &["before"]).await;
    assert!(bed.leave(group, &[a, b]).await.members.is_empty());
    bed.reopen().await;
    let refused = bed.change(group, b, Direction::Join, &[b]).await;
    assert_eq!(refused, Err(GroupRefusal::NotPermitted));
    let joined = bed.change(group, a, Direction::Join, &[a, b]).await;
    assert_eq!(joined.unwrap().version, 3);
    bed.say_to(group, b, &["after"]).await;
    assert_eq!(bed.seen(a, group).await, ["after"]);
}

/// D-47: only those inside a temporary group bring in others, and only its creator sends anybody away.
pub(crate) async fn strangers_change_nothing(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let refused = Err(GroupRefusal::NotPermitted);
    assert_eq!(bed.change(group, c, Direction::Join, &[c]).await, refused);
    assert_eq!(bed.change(group, b, Direction::Leave, &[a]).await, refused);
    assert_eq!(bed.change(group, b, Direction::Leave, &[b]).await, refused);
    assert_eq!(bed.members(group).await.version, 1);
    assert!(bed.change(group, b, Direction::Join, &[c]).await.is_ok());
    assert!(bed.change(group, c, Direction::Join, &[d]).await.is_ok());
    assert!(bed.change(group, a, Direction::Leave, &[c]).await.is_ok());
    assert_eq!(bed.change(group, c, Direction::Join, &[c]).await, refused);
}

pub(crate) async fn large_groups_are_whole_or_refused(bed: Bed) {
    let users: [UserId; LIMIT + 2] = bed.users().await;
    let group = bed.group(&users[..300]).await;
    let refused = bed.change(group, None, Direction::Join, &users).await;
    assert_eq!(refused, Err(GroupRefusal::TooManyMembers));
    assert_eq!(bed.members(group).await.members, users[..300]);
    let joined = bed.join(group, &users[..LIMIT]).await;
    assert_eq!(joined.changed, users[300..LIMIT]);
    bed.say_to(group, users[0], &["x"]).await;
    assert_eq!(bed.group_unread(users[LIMIT - 1], group).await, 1);
    let left = bed.leave(group, &users[1..]).await;
    assert_eq!(left.changed, users[1..LIMIT]);
    assert_eq!(bed.members(group).await.members, users[..1]);
}

/// D-46: details of a group are for its members and the system. D-13: with the member's own mute.
pub(crate) async fn details_are_for_members(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let other = bed.group(&[c]).await;
    let mute = async |user, muted| bed.store.mute_group(user, group, muted).await.unwrap();
    let muted = async |user: Option<UserId>| {
        let asked = [other, group, GroupId::new(99).unwrap(), group];
        let found = bed.store.groups(user, &asked).await.unwrap();
        let found = found.iter().find(|found| found.id == group);
        found.map(|found| found.muted)
    };
    assert!(mute(a, true).await);
    assert!(mute(a, true).await, "the same again is no failure");
    assert!(!mute(c, true).await, "no member");
    assert_eq!(muted(Some(a)).await, Some(true));
    assert_eq!(muted(Some(b)).await, Some(false));
    assert_eq!(muted(Some(c)).await, None);
    assert_eq!(muted(None).await, Some(false));
    assert!(mute(a, false).await);
    assert_eq!(muted(Some(a)).await, Some(false));
    assert_eq!(
        bed.members(group).await.version,
        1,
        "a setting is no change"
    );

    assert!(mute(a, true).await);
    bed.leave(group, &[a]).await;
    assert_eq!(muted(Some(a)).await, None);
    bed.join(group, &[a]).await;
    assert_eq!(muted(Some(a)).await, Some(false), "a new member");
    assert!(bed.store.groups(None, &[]).await.unwrap().is_empty());
}

pub(crate) async fn lists_of_groups_begin_with_the_latest_change(bed: Bed) {
    let [a, b] = bed.users().await;
    let old = bed.group(&[a]).await;
    let mut new = new_group(&[a]);
    new.kind = GroupKind::Normal;
    let normal = bed
        .store
        .create_group(&new)
        .await
        .unwrap()
        .unwrap()
        .group_id;
    bed.group(&[b]).await;
    bed.database
        .execute("UPDATE chat_groups SET updated_at_ms = 1000")
        .await;
    bed.join(old, &[b]).await;
    let list = async |kind, limit| bed.store.groups_of(a, kind, limit).await.unwrap();
    let version = |group_id, version| GroupVersion { group_id, version };
    let all = [version(old, 2), version(normal, 1)];
    assert_eq!(list(None, 9).await, all);
    assert_eq!(list(None, 1).await, all[..1]);
    assert_eq!(list(Some(GroupKind::Normal), 9).await, all[1..]);
    assert_eq!(list(Some(GroupKind::Temporary), 9).await, all[..1]);
    let each =
        async |users: &[UserId], limit| bed.store.groups_of_each(users, limit).await.unwrap();
    let nobody = UserId::new(4_000_000_000).unwrap();
    assert_eq!(
        each(&[nobody, a, a], 9).await,
        [vec![], all.to_vec(), all.to_vec()]
    );
    let of_b = bed.store.groups_of(b, None, 1).await.unwrap();
    assert_eq!(each(&[b, a], 1).await, [of_b, all[..1].to_vec()]);
}

pub(crate) async fn changes_at_two_stores_at_once_all_happen(bed: Bed) {
    let users: [UserId; 41] = bed.users().await;
    let group = bed.group(&users[..1]).await;
    let other = bed.database.open().await;
    let joins = users[1..].iter().enumerate().map(|(n, user)| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        let join = change(group, None, Direction::Join, &[*user]);
        async move { store.change_members(&join).await.unwrap().unwrap().version }
    });
    let mut versions = join_all(joins).await;
    versions.sort_unstable();
    assert_eq!(versions, (2..=41).collect::<Vec<_>>());
    let members = bed.members(group).await;
    assert_eq!((members.version, members.members), (41, users.to_vec()));
}

pub(crate) async fn fellow_members_come_from_small_groups_first(bed: Bed) {
    let users: [UserId; 8] = bed.users().await;
    let [a, b, c, d, e, f, g, _] = users;
    bed.group(&[a, d, e, f, g]).await;
    bed.group(&[a, c, d]).await;
    bed.group(&[a, b]).await;
    bed.group(&[b, c]).await;
    let fellows = async |limit| bed.store.fellow_members(a, limit).await.unwrap();
    assert_eq!(fellows(9).await, [b, c, d, e, f, g]);
    assert_eq!(fellows(3).await, [b, c, d]);
    assert_eq!(fellows(4).await, [b, c, d, e]);
    let nobody = bed.store.fellow_members(users[7], 9).await.unwrap();
    assert!(nobody.is_empty());
}

/// Of very many groups, sizes are counted in the latest only.
pub(crate) async fn fellow_members_come_from_the_groups_joined_last(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let old = bed.group(&[a, b]).await;
    for _ in 0..100 {
        bed.system_group(&[a, c]).await;
    }
    assert_eq!(bed.store.fellow_members(a, 9).await.unwrap(), [c]);
    bed.leave(old, &[a]).await;
    bed.join(old, &[a]).await;
    assert_eq!(bed.store.fellow_members(a, 9).await.unwrap(), [b, c]);
}

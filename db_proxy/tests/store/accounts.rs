//! Accounts that people make themselves, and invites.

use db_proxy::store::{
    Closed, Device, Direction, GroupKind, Invite, InviteRefusal, MemberChange, NewGroup, Profile,
    ProfileChange, RegisterRefusal, Registration, RequestKey, UnixMillis, UserStatus,
};
use futures_util::future::{join, join_all};
use proto::device::DeviceType;
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, EVERYTHING, new_user};

fn wish(name: &str) -> Registration {
    Registration {
        user: new_user(name),
        invite: None,
        at: UnixMillis(1_000),
        request: None,
    }
}

fn invited(name: &str, code: u8) -> Registration {
    Registration {
        invite: Some([code; 32]),
        ..wish(name)
    }
}

fn invite(code: u8, uses_left: u32, expires_at: Option<i64>) -> Invite {
    Invite {
        code: [code; 32],
        created_at: UnixMillis(code.into()),
        expires_at: expires_at.map(UnixMillis),
        uses_left,
        note: "für Anna".to_owned(),
    }
}

pub(crate) async fn a_name_is_taken_in_whatever_case(bed: Bed) {
    bed.store
        .insert_users(&[new_user("Anna"), new_user("BERT"), new_user("bert")])
        .await
        .unwrap();
    for taken in ["anna", "ANNA", "Anna", "Bert"] {
        assert!(bed.store.name_is_taken(taken).await.unwrap(), "{taken}");
        let refused = bed.store.register(&wish(taken)).await.unwrap();
        assert_eq!(refused, Err(RegisterRefusal::NameTaken), "{taken}");
    }
    assert!(!bed.store.name_is_taken("carl").await.unwrap());
    let carl = bed.store.register(&wish("Carl")).await.unwrap().unwrap();
    let account = bed.store.user_by_name("Carl").await.unwrap().unwrap();
    assert_eq!(account.user.id, carl);
    assert_eq!(account.password, "hash");
    assert_eq!(bed.store.user_by_name("carl").await.unwrap(), None);
    assert!(bed.store.name_is_taken("cARL").await.unwrap());
    assert_eq!(bed.store.count_users().await.unwrap(), 4);
}

pub(crate) async fn one_name_at_two_stores_is_given_once(bed: Bed) {
    let other = bed.database.open().await;
    let names = ["dora", "Dora", "DORA", "dorA", "dOra", "doRa"];
    let stores = [&bed.store, &other];
    let made = names.iter().enumerate().map(|(n, name)| {
        let new = wish(name);
        async move { stores[n % 2].register(&new).await.unwrap() }
    });
    let made = join_all(made).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert_eq!(bed.store.count_users().await.unwrap(), 1);
}

/// Whoever knows the others by the time of their last change hears of the newcomer.
pub(crate) async fn a_newcomer_is_a_change(bed: Bed) {
    bed.store.register(&wish("anna")).await.unwrap().unwrap();
    let seen = bed.store.users_changed_since(None, None, 9).await.unwrap();
    let after = seen.last().unwrap().cursor();
    let bert = bed.store.register(&wish("bert")).await.unwrap().unwrap();
    let page = bed.store.users_changed_since(None, Some(after), 9).await;
    let news: Vec<_> = page.unwrap().iter().map(|user| user.id).collect();
    assert_eq!(news, [bert]);
}

pub(crate) async fn a_registration_asked_for_again_is_the_same_account(bed: Bed) {
    let key = RequestKey::of_registration(b"key");
    let new = Registration {
        request: key.clone(),
        ..invited("anna", 1)
    };
    let key = key.unwrap();
    bed.store.add_invite(&invite(1, 1, None)).await.unwrap();
    assert_eq!(bed.store.registered(&key).await.unwrap(), None);
    let made = bed.store.register(&new).await.unwrap().unwrap();
    assert_eq!(bed.store.register(&new).await.unwrap(), Ok(made));
    assert_eq!(bed.store.registered(&key).await.unwrap(), Some(made));
    assert_eq!(bed.store.count_users().await.unwrap(), 1);
    let another = Registration {
        request: RequestKey::of_registration(b"another"),
        ..wish("anna")
    };
    let refused = bed.store.register(&another).await.unwrap();
    assert_eq!(refused, Err(RegisterRefusal::NameTaken));
    // what was refused is judged anew
    let another = Registration {
        user: new_user("bert"),
        ..another
    };
    assert!(bed.store.register(&another).await.unwrap().is_ok());
}

pub(crate) async fn one_registration_at_two_stores_is_carried_out_once(bed: Bed) {
    let other = bed.database.open().await;
    let new = Registration {
        request: RequestKey::of_registration(b"key"),
        ..wish("anna")
    };
    let stores = [&bed.store, &other, &bed.store, &other];
    let made = stores.map(|store| store.register(&new));
    let made = join_all(made).await;
    let first = made[0].clone().unwrap().unwrap();
    assert!(made.into_iter().all(|made| made.unwrap() == Ok(first)));
    assert_eq!(bed.store.count_users().await.unwrap(), 1);
}

pub(crate) async fn invites_are_kept_until_revoked(bed: Bed) {
    let (first, second) = (invite(1, 5, None), invite(2, 1, Some(5_000)));
    for new in [&second, &first] {
        bed.store.add_invite(new).await.unwrap();
    }
    assert_eq!(bed.store.invites().await.unwrap(), [first.clone(), second]);
    assert_eq!(bed.store.invite(&[1; 32]).await.unwrap(), Some(first));
    assert_eq!(bed.store.invite(&[3; 32]).await.unwrap(), None);
    assert!(bed.store.revoke_invite(&[1; 32]).await.unwrap());
    assert!(!bed.store.revoke_invite(&[1; 32]).await.unwrap());
    assert_eq!(bed.store.invites().await.unwrap().len(), 1);
}

pub(crate) async fn an_invite_is_good_as_often_and_as_long_as_it_says(bed: Bed) {
    let unknown = bed.store.register(&invited("anna", 1)).await.unwrap();
    assert_eq!(unknown, Err(InviteRefusal::Unknown.into()));
    bed.store.add_invite(&invite(1, 2, None)).await.unwrap();
    for name in ["anna", "bert"] {
        assert!(bed.store.register(&invited(name, 1)).await.unwrap().is_ok());
    }
    let used_up = bed.store.register(&invited("carl", 1)).await.unwrap();
    assert_eq!(used_up, Err(InviteRefusal::UsedUp.into()));
    let end = invite(2, 2, Some(1_000));
    bed.store.add_invite(&end).await.unwrap();
    let late = bed.store.register(&invited("carl", 2)).await.unwrap();
    assert_eq!(late, Err(InviteRefusal::Expired.into()));
    let in_time = Registration {
        at: UnixMillis(999),
        ..invited("carl", 2)
    };
    assert!(bed.store.register(&in_time).await.unwrap().is_ok());
    // whoever is refused for another reason has not used it
    let taken = Registration {
        at: UnixMillis(999),
        ..invited("CARL", 2)
    };
    let refused = bed.store.register(&taken).await.unwrap();
    assert_eq!(refused, Err(RegisterRefusal::NameTaken));
    let left = bed.store.invite(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(left.uses_left, 1);
}

pub(crate) async fn the_last_use_of_an_invite_is_taken_once(bed: Bed) {
    let other = bed.database.open().await;
    bed.store.add_invite(&invite(1, 3, None)).await.unwrap();
    let stores = [&bed.store, &other];
    let made = (0..8).map(|n| {
        let new = invited(&format!("user{n}"), 1);
        async move { stores[n % 2].register(&new).await.unwrap() }
    });
    let made = join_all(made).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 3);
    assert_eq!(bed.store.count_users().await.unwrap(), 3);
}

async fn group_of(bed: &Bed, members: &[UserId]) -> GroupId {
    let new = NewGroup {
        kind: GroupKind::Temporary,
        name: "group".to_owned(),
        avatar_url: String::new(),
        creator: Some(members[0]),
        members: members.to_vec(),
        groups_per_user: 100,
        request: None,
    };
    bed.store
        .create_group(&new)
        .await
        .unwrap()
        .unwrap()
        .group_id
}

pub(crate) async fn a_closed_account_keeps_its_name_and_nothing_else(bed: Bed) {
    let [a, b] = bed.users().await;
    let details = ProfileChange {
        gender: Some(2),
        nick_name: Some("Anna".to_owned()),
        avatar_url: Some("url".to_owned()),
        department_id: Some(3),
        email: Some("anna@example.org".to_owned()),
        tel: Some("1".to_owned()),
        sign_info: Some("hello".to_owned()),
        ..ProfileChange::default()
    };
    let before = bed
        .store
        .change_profile(a, &details)
        .await
        .unwrap()
        .unwrap();
    bed.say(a, b, &["one", "two"]).await;
    let device = Device {
        user: a,
        device_type: DeviceType::parse(0x12).unwrap(),
        token: "token".to_owned(),
    };
    assert!(bed.store.register_device(&device).await.unwrap());

    assert_eq!(bed.store.close_account(a, "other").await.unwrap(), None);
    assert_eq!(bed.store.closed_account(a).await.unwrap(), None);
    let closed = bed.store.close_account(a, "hash").await.unwrap().unwrap();
    let profile = Profile {
        name: "user1".to_owned(),
        nick_name: "deleted account".to_owned(),
        status: UserStatus::LEFT,
        ..Profile::default()
    };
    assert_eq!(closed.user.profile, profile);
    assert!(closed.user.updated_at > before.updated_at);
    assert_eq!(closed.left, []);
    let account = bed.store.user_by_name("user1").await.unwrap().unwrap();
    assert_eq!(
        (account.password, account.user),
        (String::new(), closed.user.clone())
    );
    assert!(bed.store.name_is_taken("USER1").await.unwrap());
    assert!(bed.store.devices(&[a]).await.unwrap().is_empty());
    // others still see what he wrote
    assert_eq!(bed.texts(b, a).await, ["one", "two"]);
    assert_eq!(bed.store.closed_account(a).await.unwrap(), Some(closed));
    assert_eq!(bed.store.close_account(a, "hash").await.unwrap(), None);
    assert_eq!(bed.store.closed_account(b).await.unwrap(), None);
}

pub(crate) async fn a_closed_account_is_in_no_group(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let (own, other) = (
        group_of(&bed, &[a, b]).await,
        group_of(&bed, &[b, a, c]).await,
    );
    let without = group_of(&bed, &[b, c]).await;
    let left_before = group_of(&bed, &[a, c]).await;
    let leave = MemberChange {
        group_id: left_before,
        actor: None,
        direction: Direction::Leave,
        users: vec![a],
        limit: 100,
        groups_per_user: 100,
        request: None,
    };
    bed.store.change_members(&leave).await.unwrap().unwrap();
    let closed = bed.store.close_account(a, "hash").await.unwrap().unwrap();
    let left: Vec<_> = closed
        .left
        .iter()
        .map(|left| (left.group_id, left.version))
        .collect();
    assert_eq!(left, [(own, 2), (other, 2)]);
    let heirs: Vec<_> = closed
        .inherited
        .iter()
        .map(|passed| (passed.details.id, passed.details.owner, passed.owner.user))
        .collect();
    assert_eq!(heirs, [(own, Some(b), b)], "the other one was not his");
    let again = Closed {
        inherited: Vec::new(),
        ..closed
    };
    assert_eq!(bed.store.closed_account(a).await.unwrap(), Some(again));
    for (group, version, members) in [
        (own, 2, vec![b]),
        (other, 2, vec![b, c]),
        (without, 1, vec![b, c]),
        (left_before, 2, vec![c]),
    ] {
        let now = bed.store.group_members(group).await.unwrap().unwrap();
        assert_eq!((now.version, now.members), (version, members));
    }
    assert!(bed.store.groups_of(a, None, 9).await.unwrap().is_empty());
    // as somebody who was removed: the conversation is gone from his lists
    let recent = bed.store.recent(a, 0, EVERYTHING).await.unwrap();
    assert!(recent.is_empty());
    let of_b = bed.store.groups_of(b, None, 9).await.unwrap();
    let changed: Vec<_> = of_b
        .iter()
        .map(|group| (group.group_id, group.version))
        .collect();
    assert!(changed.contains(&(own, 2)) && changed.contains(&(other, 2)));
}

pub(crate) async fn closing_while_joining_leaves_groups_whole(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let mut groups = Vec::new();
    for _ in 0..6 {
        groups.push(group_of(&bed, &[b, c]).await);
    }
    let other = bed.database.open().await;
    let joins = groups.iter().map(|group| {
        let join = MemberChange {
            group_id: *group,
            actor: None,
            direction: Direction::Join,
            users: vec![a],
            limit: 100,
            groups_per_user: 100,
            request: None,
        };
        let other = &other;
        async move { other.change_members(&join).await.unwrap().unwrap() }
    });
    let (closed, _joined) = join(bed.store.close_account(a, "hash"), join_all(joins)).await;
    let left: Vec<_> = closed
        .unwrap()
        .unwrap()
        .left
        .iter()
        .map(|left| left.group_id)
        .collect();
    // in each he was either never, or left it, or joined afterwards
    for group in groups {
        let now = bed.store.group_members(group).await.unwrap().unwrap();
        let is_in = now.members.contains(&a);
        let expected = if left.contains(&group) { 3 } else { 2 };
        assert_eq!((now.version, is_in), (expected, !left.contains(&group)));
    }
}

use std::collections::HashSet;

use db_proxy::store::{Inserted, NewUser, Profile, UnixMillis, User, UserCursor, UserStatus};
use proto::ids::UserId;

use crate::bed::{Bed, new_user};

/// D-52: a name is never a part of a statement.
pub(crate) async fn names_are_exact_and_never_taken_twice(bed: Bed) {
    let names = ["anna", "Anna", "anna", "änna", "anna "];
    let new: Vec<_> = names.map(new_user).into();
    let inserted = bed.store.insert_users(&new).await.unwrap();
    let taken: Vec<_> = inserted.iter().map(|i| *i == Inserted::NameTaken).collect();
    assert_eq!(taken, [false, false, true, false, false]);
    for (name, inserted) in names.iter().zip(&inserted) {
        let account = bed.store.user_by_name(name).await.unwrap().unwrap();
        assert_eq!(account.user.profile.name, *name);
        if let Inserted::Created(id) = inserted {
            assert_eq!(account.user.id, *id);
        }
    }
    let several = ["anna ", "ANNA", "anna", "Anna", "anna"];
    let found = bed.store.accounts(&several).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|found| Some(found.as_ref()?.user.profile.name.as_str()))
        .collect();
    let wanted = [
        Some("anna "),
        None,
        Some("anna"),
        Some("Anna"),
        Some("anna"),
    ];
    assert_eq!(found, wanted);
    let again = bed.store.insert_users(&[new_user("anna")]).await.unwrap();
    assert_eq!(again, [Inserted::NameTaken]);
    assert_eq!(bed.store.count_users().await.unwrap(), 4);
    assert_eq!(bed.store.user_by_name("ANNA").await.unwrap(), None);
    assert_eq!(bed.store.user_by_name("' OR 1=1 --").await.unwrap(), None);
}

pub(crate) async fn twenty_thousand_in_one_go(bed: Bed) {
    let new: Vec<_> = (1..=20_000)
        .map(|n| new_user(&format!("demo{n}")))
        .collect();
    let inserted = bed.store.insert_users(&new).await.unwrap();
    let ids: HashSet<UserId> = inserted
        .iter()
        .map(|inserted| match inserted {
            Inserted::Created(id) => *id,
            Inserted::NameTaken => panic!("names are different"),
        })
        .collect();
    assert_eq!(ids.len(), 20_000);
    let asked = Vec::from_iter(ids.clone());
    assert_eq!(bed.store.existing_users(&asked).await.unwrap(), ids);
    let again = bed.store.insert_users(&new[..600]).await.unwrap();
    assert!(
        again
            .iter()
            .all(|inserted| *inserted == Inserted::NameTaken)
    );
    let page = bed.store.list_users(None, 3).await.unwrap();
    let rest = bed
        .store
        .list_users(Some(page[2].id), 30_000)
        .await
        .unwrap();
    assert_eq!(rest.len(), 19_997);
    assert!(rest.is_sorted_by_key(|user| user.id));
    assert!(rest[0].id > page[2].id);
}

pub(crate) async fn changes_page_exactly(bed: Bed) {
    let _: [UserId; 7] = bed.users().await;
    bed.database
        .execute("UPDATE users SET updated_at_ms = 1000 + 500 * (id % 3)")
        .await;
    for (since, count) in [(None, 7), (Some(0), 7), (Some(1_500), 5), (Some(2_001), 0)] {
        let since = since.map(UnixMillis);
        let mut seen: Vec<UserCursor> = Vec::new();
        loop {
            let after = seen.last().copied();
            let page = bed
                .store
                .users_changed_since(since, after, 2)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(User::cursor));
        }
        assert_eq!(seen.len(), count, "since {since:?}");
        assert!(seen.is_sorted_by_key(|cursor| (cursor.updated_at, cursor.id)));
        assert!(seen.iter().all(|cursor| Some(cursor.updated_at) >= since));
    }
}

pub(crate) async fn a_password_is_replaced_only_when_it_is_the_expected_one(bed: Bed) {
    let [a] = bed.users().await;
    let stored = async || {
        let account = bed.store.user_by_name("user1").await.unwrap();
        account.unwrap().password
    };
    let set =
        async |user, expected, hash| bed.store.set_password(user, expected, hash).await.unwrap();
    assert!(!set(a, Some("other"), "x").await);
    assert_eq!(stored().await, "hash");
    assert!(set(a, Some("hash"), "new").await);
    assert_eq!(stored().await, "new");
    assert!(set(a, None, "newest").await);
    assert!(set(a, None, "newest").await, "the same again is no failure");
    assert_eq!(stored().await, "newest");
    assert!(!set(UserId::new(99).unwrap(), None, "x").await);
}

pub(crate) async fn profiles_come_back_as_stored(bed: Bed) {
    let profile = Profile {
        name: "用户".to_owned(),
        gender: 2,
        nick_name: "\u{1f642}".to_owned(),
        real_name: "O'Brien".to_owned(),
        avatar_url: "http://example.org/a?b=c&d".to_owned(),
        department_id: u32::MAX,
        email: "a@example.org".to_owned(),
        tel: "+1".to_owned(),
        domain: "d".to_owned(),
        status: UserStatus(u32::MAX),
        sign_info: "x".repeat(128),
    };
    let new = NewUser {
        profile: profile.clone(),
        password: String::new(),
    };
    bed.store.insert_users(&[new]).await.unwrap();
    let account = bed.store.user_by_name("用户").await.unwrap().unwrap();
    assert_eq!(account.user.profile, profile);
    let asked = [account.user.id, UserId::new(99).unwrap(), account.user.id];
    assert_eq!(bed.store.users(&asked).await.unwrap(), [account.user]);
    assert!(bed.store.users(&[]).await.unwrap().is_empty());
    assert!(bed.store.existing_users(&[]).await.unwrap().is_empty());
}

pub(crate) async fn the_epoch_stays(mut bed: Bed) {
    let epoch = bed.store.store_epoch().await.unwrap();
    bed.reopen().await;
    assert_eq!(bed.store.store_epoch().await.unwrap(), epoch);
}

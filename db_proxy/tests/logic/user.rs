use std::collections::HashSet;
use std::sync::Arc;

use db_proxy::cache::{MemoryUsers, UserCache};
use db_proxy::logic::user::{ChangeError, CreateRefusal, Users};
use db_proxy::store::{Profile, ProfileChange, UserStatus};
use proto::ids::UserId;

use crate::bed::{new_user, store, user};

#[tokio::test]
async fn profiles_are_right_whether_cached_or_not() {
    let (store, _folder) = store().await;
    let cache = Arc::new(MemoryUsers::default());
    let users = Users::new(store, Arc::clone(&cache) as Arc<dyn UserCache>);
    let new: Vec<_> = (1..=3).map(|n| new_user(&format!("user{n}"))).collect();
    users.create(new).await.unwrap();
    let asked = [user(3), user(1), user(9), user(3)];
    for flush in [true, false, true, true] {
        let found = users.profiles(&asked).await.unwrap();
        let mut names: Vec<_> = found
            .iter()
            .map(|user| user.profile.name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["user1", "user3"]);
        let existing = users.existing(&asked).await.unwrap();
        assert_eq!(existing, HashSet::from([user(1), user(3)]));
        if flush {
            cache.invalidate(&asked[..1]).await;
        }
    }
}

#[tokio::test]
async fn a_new_user_is_seen_at_once() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    assert!(users.profiles(&[user(1)]).await.unwrap().is_empty());
    assert!(users.existing(&[user(1)]).await.unwrap().is_empty());
    users.create(vec![new_user("anna")]).await.unwrap();
    assert_eq!(users.profiles(&[user(1)]).await.unwrap().len(), 1);
    assert_eq!(users.existing(&[user(1)]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn creation_answers_for_each_name() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    let names = ["anna", "", "bert", "an\na", "anna"];
    let outcomes = users.create(names.map(new_user).into()).await.unwrap();
    let created: Vec<UserId> = outcomes.iter().filter_map(|outcome| outcome.ok()).collect();
    assert_eq!(created.len(), 2);
    assert_eq!(outcomes[1], Err(CreateRefusal::NameLength));
    assert_eq!(outcomes[3], Err(CreateRefusal::NameCharacters));
    assert_eq!(outcomes[4], Err(CreateRefusal::NameTaken));
}

#[tokio::test]
async fn who_left_is_told_to_those_who_knew_him() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    let mut left = new_user("left");
    left.profile = Profile {
        status: UserStatus::LEFT,
        ..left.profile
    };
    users.create(vec![new_user("here"), left]).await.unwrap();
    let everybody = users.changed_since(0, None).await.unwrap();
    assert_eq!(everybody.users.len(), 1);
    assert!(everybody.next.is_none());
    let since = everybody.users[0].updated_at.seconds();
    let changed = users.changed_since(since, None).await.unwrap();
    assert_eq!(changed.users.len(), 2);
    let later = users.changed_since(u32::MAX, None).await.unwrap();
    assert!(later.users.is_empty());
}

#[tokio::test]
async fn everybody_is_met_once_page_by_page() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    let new = (0..1_200).map(|n| new_user(&format!("user{n}"))).collect();
    users.create(new).await.unwrap();
    let mut met = HashSet::new();
    let mut after = None;
    loop {
        let page = users.changed_since(0, after).await.unwrap();
        assert!(page.users.iter().all(|user| met.insert(user.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(met.len(), 1_200);
}

fn avatar(url: &str) -> ProfileChange {
    ProfileChange {
        avatar_url: Some(url.to_owned()),
        ..ProfileChange::default()
    }
}

fn signature(text: &str) -> ProfileChange {
    ProfileChange {
        sign_info: Some(text.to_owned()),
        ..ProfileChange::default()
    }
}

/// D-10, D-14: a change shows at once, in profiles that were looked at before and in lists of changes.
#[tokio::test]
async fn a_change_is_seen_at_once() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    users.create(vec![new_user("anna")]).await.unwrap();
    let anna = user(1);
    let before = users.profiles(&[anna]).await.unwrap().remove(0);
    let since = before.updated_at.seconds();
    for change in [
        avatar("url"),
        signature("1"),
        signature("2"),
        signature("2"),
    ] {
        let changed = users.change(anna, &change).await.unwrap();
        let changed = [changed];
        assert_eq!(users.profiles(&[anna]).await.unwrap(), changed);
        let page = users.changed_since(since, None).await.unwrap();
        assert_eq!(page.users, changed);
    }
    let profile = users.profiles(&[anna]).await.unwrap().remove(0).profile;
    assert_eq!((&*profile.avatar_url, &*profile.sign_info), ("url", "2"));
}

#[tokio::test]
async fn what_does_not_fit_into_a_profile_is_refused() {
    let (store, _folder) = store().await;
    let users = Users::new(store, Arc::new(MemoryUsers::default()));
    users.create(vec![new_user("anna")]).await.unwrap();
    let change = async |change| users.change(user(1), &change).await;
    assert!(change(avatar(&"x".repeat(255))).await.is_ok());
    for bad in [&"x".repeat(256), &"用".repeat(86), "a\nb"] {
        let refused = change(avatar(bad)).await;
        assert!(matches!(refused, Err(ChangeError::Avatar)), "{bad:?}");
    }
    assert!(change(signature(&"x".repeat(128))).await.is_ok());
    for bad in [&"x".repeat(129), &"用".repeat(43)] {
        let refused = change(signature(bad)).await;
        assert!(matches!(refused, Err(ChangeError::Signature)), "{bad:?}");
    }
    let refused = users.change(user(9), &signature("x")).await;
    assert!(matches!(refused, Err(ChangeError::NoSuchUser)));
}

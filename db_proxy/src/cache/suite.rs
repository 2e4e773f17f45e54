//! What every cache must do, stamped on each.

use proto::ids::UserId;

use crate::store::{Profile, UnixMillis, User};

pub(super) fn user(id: u32, updated_at: i64) -> User {
    User {
        id: UserId::new(id).unwrap(),
        updated_at: UnixMillis(updated_at),
        profile: Profile {
            name: format!("user{id}"),
            nick_name: format!("as of {updated_at}"),
            sign_info: "with \"quotes\", 用户 and \u{1f642}".to_owned(),
            department_id: u32::MAX,
            ..Profile::default()
        },
    }
}

pub(super) fn ids(raw: &[u32]) -> Vec<UserId> {
    raw.iter().map(|id| UserId::new(*id).unwrap()).collect()
}

macro_rules! user_cache {
    ($new:expr) => {
        mod conformance {
            use super::*;
            use crate::cache::suite::{ids, user};

            #[tokio::test]
            async fn what_is_put_is_found_once() {
                let cache = $new;
                cache.put(&[user(1, 1), user(u32::MAX, 1)]).await;
                let mut found = cache.get(&ids(&[1, 2, u32::MAX, 1])).await;
                found.sort_by_key(|user| user.id);
                assert_eq!(found, [user(1, 1), user(u32::MAX, 1)]);
            }

            #[tokio::test]
            async fn an_invalidated_user_is_gone_and_may_come_back() {
                let cache = $new;
                cache.put(&[user(1, 1), user(2, 1)]).await;
                cache.invalidate(&ids(&[1, 3])).await;
                assert_eq!(cache.get(&ids(&[1, 2])).await, [user(2, 1)]);
                cache.put(&[user(1, 2)]).await;
                assert_eq!(cache.get(&ids(&[1])).await, [user(1, 2)]);
            }

            #[tokio::test]
            async fn a_slow_reader_does_not_put_an_old_copy_back() {
                let cache = $new;
                cache.put(&[user(1, 2)]).await;
                cache.put(&[user(1, 1)]).await;
                assert_eq!(cache.get(&ids(&[1])).await, [user(1, 2)]);
            }

            #[tokio::test]
            async fn nothing_asked_is_nothing_found() {
                let cache = $new;
                cache.put(&[]).await;
                assert!(cache.get(&[]).await.is_empty());
            }
        }
    };
}

pub(super) use user_cache;

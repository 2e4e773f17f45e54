use std::sync::Arc;

use db_proxy::logic::admin::{Admin, AdminError};
use db_proxy::logic::login::Login;
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::store::{Profile, Store};

use crate::bed::store;

async fn may_log_in(store: &Arc<dyn Store>, name: &str, typed: &str) -> bool {
    let login = Login::new(Arc::clone(store), Arc::new(Passwords::new()), None);
    let received = client_password(typed);
    login.validate(name, &received, None).await.is_ok()
}

fn named(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        ..Profile::default()
    }
}

#[tokio::test]
async fn an_added_user_may_log_in_and_change_the_password() {
    let (store, _folder) = store().await;
    let admin = Admin::new(Arc::clone(&store));
    let id = admin.add(named("anna"), "secret").await.unwrap();
    assert!(may_log_in(&store, "anna", "secret").await);
    admin.set_password("anna", "other").await.unwrap();
    assert!(!may_log_in(&store, "anna", "secret").await);
    assert!(may_log_in(&store, "anna", "other").await);
    let listed = admin.list(None, 10).await.unwrap();
    assert_eq!(
        (listed[0].id, listed[0].profile.nick_name.as_str()),
        (id, "anna")
    );

    let taken = admin.add(named("anna"), "x").await;
    assert!(matches!(taken, Err(AdminError::Create { .. })));
    let missing = admin.set_password("bert", "x").await;
    assert!(matches!(missing, Err(AdminError::NoSuchUser { .. })));
}

#[tokio::test]
async fn demo_users_are_made_once() {
    let (store, _folder) = store().await;
    let admin = Admin::new(Arc::clone(&store));
    assert_eq!(admin.ensure_demo_users(0, "demo").await.unwrap(), 0);
    assert_eq!(admin.ensure_demo_users(3, "demo").await.unwrap(), 3);
    assert_eq!(admin.ensure_demo_users(5_000, "demo").await.unwrap(), 4_997);
    assert_eq!(admin.ensure_demo_users(5_000, "demo").await.unwrap(), 0);
    assert_eq!(admin.count().await.unwrap(), 5_000);
    for name in ["demo1", "demo4096", "demo4097", "demo5000"] {
        assert!(may_log_in(&store, name, "demo").await, "{name}");
    }
    assert!(!may_log_in(&store, "demo1", "other").await);
}

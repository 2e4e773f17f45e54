use std::sync::Arc;

use db_proxy::logic::admin::{Admin, AdminError};
use db_proxy::logic::department::DepartmentError;
use db_proxy::logic::login::Login;
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::store::{DepartmentId, NewDepartment, Profile, ProfileChange, Store, UserStatus};

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

fn department(name: &str, parent: DepartmentId) -> NewDepartment {
    NewDepartment {
        name: name.to_owned(),
        parent,
        priority: 1,
    }
}

#[tokio::test]
async fn departments_are_found_by_number_or_name() {
    let (store, _folder) = store().await;
    let admin = Admin::new(store);
    let departments = admin.departments();
    let top = DepartmentId(0);
    let sales = departments.add(department("Sales", top)).await.unwrap();
    let north = departments.add(department("North", sales)).await.unwrap();
    for wanted in ["North", &north.0.to_string()] {
        assert_eq!(departments.find(wanted).await.unwrap().id, north);
    }
    for bad in ["", " x", "a\nb", &"x".repeat(65)] {
        let refused = departments.add(department(bad, top)).await;
        assert!(matches!(refused, Err(DepartmentError::Name)), "{bad:?}");
    }
    let orphan = departments.add(department("x", DepartmentId(99))).await;
    assert!(matches!(
        orphan,
        Err(DepartmentError::NoSuchDepartment { .. })
    ));

    let refused = departments.remove("Sales").await;
    assert!(matches!(refused, Err(DepartmentError::NotEmpty { .. })));
    departments.add(department("North", sales)).await.unwrap();
    let refused = departments.remove("North").await;
    assert!(matches!(refused, Err(DepartmentError::Ambiguous { .. })));
    let removed = departments.remove(&north.0.to_string()).await;
    assert_eq!(removed.unwrap(), north);
    departments.remove("North").await.unwrap();
    departments.remove("Sales").await.unwrap();
    assert!(departments.all().await.unwrap().is_empty());
    let changed = departments.changed_since(0).await.unwrap();
    assert_eq!(changed.departments.len(), 3);
}

#[tokio::test]
async fn a_user_is_set_to_what_is_named() {
    let (store, _folder) = store().await;
    let admin = Admin::new(Arc::clone(&store));
    admin.add(named("anna"), "secret").await.unwrap();
    let sales = department("Sales", DepartmentId(0));
    let sales = admin.departments().add(sales).await.unwrap();
    let left = ProfileChange {
        status: Some(UserStatus::LEFT),
        ..ProfileChange::default()
    };
    admin.change("anna", left, Some("Sales")).await.unwrap();
    let profile = admin.list(None, 1).await.unwrap().remove(0).profile;
    assert_eq!(
        (profile.department_id, &*profile.nick_name),
        (sales.0, "anna")
    );
    assert!(!may_log_in(&store, "anna", "secret").await);
    let back = ProfileChange {
        status: Some(UserStatus::REGULAR),
        ..ProfileChange::default()
    };
    admin.change("anna", back, Some("0")).await.unwrap();
    assert!(may_log_in(&store, "anna", "secret").await);
    let profile = admin.list(None, 1).await.unwrap().remove(0).profile;
    assert_eq!(profile.department_id, 0);

    let nothing = ProfileChange::default();
    let missing = admin.change("bert", nothing.clone(), None).await;
    assert!(matches!(missing, Err(AdminError::NoSuchUser { .. })));
    let missing = admin.change("anna", nothing, Some("Marketing")).await;
    assert!(matches!(missing, Err(AdminError::Department(_))));
    let long = ProfileChange {
        email: Some("x".repeat(129)),
        ..ProfileChange::default()
    };
    let refused = admin.change("anna", long, None).await;
    assert!(matches!(refused, Err(AdminError::Change { .. })));
}

use std::net::IpAddr;
use std::sync::Arc;

use db_proxy::cache::MemoryUsers;
use db_proxy::logic::account::{AccountError, Accounts};
use db_proxy::logic::admin::Admin;
use db_proxy::logic::limiter::FailureLimits;
use db_proxy::logic::login::{Guard, Login};
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::logic::user::Users;
use db_proxy::store::{ProfileChange, Store, UserStatus};
use proto::ids::UserId;

use crate::bed::{store, user};

struct Bed {
    accounts: Accounts,
    login: Arc<Login>,
    users: Users,
    admin: Admin,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

impl Bed {
    /// With users demo1 and demo2, and three wrong passwords that are borne.
    async fn new() -> Self {
        let (store, folder) = store().await;
        let admin = Admin::new(Arc::clone(&store));
        admin.ensure_demo_users(2, "demo").await.unwrap();
        let failures = FailureLimits {
            per_account: 3,
            ..FailureLimits::default()
        };
        let passwords = Arc::new(Passwords::new());
        let guard = Some(Guard::new(failures, None));
        let login = Login::new(Arc::clone(&store), Arc::clone(&passwords), guard);
        let login = Arc::new(login);
        let users = Users::new(Arc::clone(&store), Arc::new(MemoryUsers::default()));
        Self {
            accounts: Accounts::new(
                Arc::clone(&store),
                Arc::clone(&login),
                passwords,
                users.clone(),
            ),
            login,
            users,
            admin,
            store,
            _folder: folder,
        }
    }

    async fn change(&self, old: &str, new: &str) -> Result<(), &'static str> {
        let (old, new) = (client_password(old), client_password(new));
        let changed = self.accounts.change_password(ME, &old, &new, HERE);
        changed.await.map(drop).map_err(|error| error.reason())
    }

    async fn delete(&self, password: &str) -> Result<(), &'static str> {
        let password = client_password(password);
        let deleted = self.accounts.delete(ME, &password, HERE);
        deleted.await.map(drop).map_err(|error| error.reason())
    }

    async fn lets_in(&self, password: &str) -> bool {
        let elsewhere = Some(IpAddr::from([192, 0, 2, 9]));
        let received = client_password(password);
        let login = self.login.validate("demo1", &received, elsewhere);
        login.await.is_ok()
    }
}

const ME: UserId = match UserId::new(1) {
    Some(id) => id,
    None => panic!("not zero"),
};

const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

#[tokio::test]
async fn the_old_password_buys_a_new_one() {
    let bed = Bed::new().await;
    assert_eq!(
        bed.change("wrong", "correct horse").await,
        Err("wrong_password")
    );
    assert_eq!(bed.change("demo", "123456").await, Err("weak_password"));
    assert_eq!(bed.change("demo", "demo1").await, Err("weak_password"));
    let form = bed.accounts.change_password(ME, "demo", "demo", HERE).await;
    assert_eq!(form.unwrap_err().reason(), "bad_password_form");
    assert!(bed.lets_in("demo").await);
    assert_eq!(bed.change("demo", "correct horse").await, Ok(()));
    assert!(bed.lets_in("correct horse").await);
    assert!(!bed.lets_in("demo").await);
    // asked again, as after an answer that was lost
    assert_eq!(bed.change("demo", "correct horse").await, Ok(()));
    assert!(bed.lets_in("correct horse").await);
    let good = client_password("correct horse");
    let nobody = bed.accounts.change_password(user(9), "x", &good, HERE);
    assert!(matches!(nobody.await, Err(AccountError::NoSuchUser)));
}

#[tokio::test]
async fn wrong_passwords_count_for_all_that_asks_for_one() {
    let bed = Bed::new().await;
    for n in 0..2 {
        assert_eq!(
            bed.change(&format!("guess {n}"), "correct horse").await,
            Err("wrong_password")
        );
        assert_eq!(
            bed.delete(&format!("guess {n}")).await,
            Err("wrong_password")
        );
    }
    assert_eq!(
        bed.change("demo", "correct horse").await,
        Err("too_many_failures")
    );
    assert_eq!(bed.delete("demo").await, Err("too_many_failures"));
    let received = client_password("demo");
    let login = bed.login.validate("demo1", &received, HERE);
    assert!(login.await.is_err());
    assert!(bed.lets_in("demo").await, "the owner, from elsewhere");
}

#[tokio::test]
async fn a_deleted_account_is_shown_as_such_at_once_and_deleted_once() {
    let bed = Bed::new().await;
    let before = bed.users.profiles(&[ME]).await.unwrap();
    assert_eq!(before[0].profile.nick_name, "Demo 1");
    assert_eq!(bed.delete("demo").await, Ok(()));
    assert!(!bed.lets_in("demo").await);
    let shown = bed.users.profiles(&[ME]).await.unwrap();
    assert_eq!(shown[0].profile.nick_name, "deleted account");
    assert_eq!(shown[0].profile.status, UserStatus::LEFT);
    let again = bed
        .accounts
        .delete(ME, &client_password("demo"), HERE)
        .await;
    assert_eq!(again.unwrap().user, shown[0], "asked again it is done");
    assert_eq!(
        bed.change("demo", "correct horse").await,
        Err("wrong_password")
    );
    assert_eq!(bed.store.count_users().await.unwrap(), 2);
}

/// The operator's word is not a deletion.
#[tokio::test]
async fn who_has_left_deletes_nothing() {
    let bed = Bed::new().await;
    let left = ProfileChange {
        status: Some(UserStatus::LEFT),
        ..ProfileChange::default()
    };
    bed.admin.change("demo1", left, None).await.unwrap();
    assert_eq!(bed.delete("demo").await, Err("wrong_password"));
    let shown = bed.users.profiles(&[ME]).await.unwrap();
    assert_eq!(shown[0].profile.nick_name, "Demo 1");
}

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use db_proxy::logic::admin::Admin;
use db_proxy::logic::limiter::FailureLimits;
use db_proxy::logic::login::{Guard, Login, LoginRefusal};
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::logic::resume::{ResumeLimits, Resumes};
use db_proxy::store::{Account, Profile, ProfileChange, Store, UserStatus};
use im_base::task::Tasks;
use proto::device::DeviceType;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::bed::store;

/// Two users, and whoever lets them in.
struct Bed {
    login: Login,
    resumes: Resumes,
    admin: Admin,
    store: Arc<dyn Store>,
    folder: tempfile::TempDir,
}

fn resumes(store: &Arc<dyn Store>, limits: ResumeLimits) -> Resumes {
    let (resumes, task) = Resumes::new(Arc::clone(store), limits);
    Tasks::default().spawn("resume tokens", task.run(std::future::pending()));
    resumes
}

const WINDOWS: i32 = 1;
const PHONE: i32 = 0x12;

fn device(raw: i32) -> DeviceType {
    DeviceType::parse(raw).unwrap()
}

fn source(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

impl Bed {
    async fn new(limits: ResumeLimits) -> Self {
        let (store, folder) = store().await;
        let admin = Admin::new(Arc::clone(&store));
        // with one stored hash, as demo users have
        admin.ensure_demo_users(2, "demo").await.unwrap();
        let failures = FailureLimits {
            per_account: 3,
            ..FailureLimits::default()
        };
        let guard = Some(Guard::new(failures, None));
        Self {
            login: Login::new(Arc::clone(&store), Arc::new(Passwords::new()), guard),
            resumes: resumes(&store, limits),
            admin,
            store,
            folder,
        }
    }

    async fn first(&self) -> (Account, Bytes) {
        let password = client_password("demo");
        let account = self.login.validate("demo1", &password, source(9)).await;
        let account = account.unwrap();
        let token = self.resumes.issue(&account, device(WINDOWS)).await;
        (account, token.unwrap())
    }

    async fn resume(&self, name: &str, raw: i32, token: &[u8]) -> Result<Bytes, LoginRefusal> {
        let login = &self.login;
        let resumed = login.resume(&self.resumes, name, device(raw), token);
        resumed.await.map(|(account, next)| {
            assert_eq!(account.user.profile.name, name);
            next.unwrap()
        })
    }

    async fn is_refused(&self, name: &str, raw: i32, token: &[u8]) {
        let refused = self.resume(name, raw, token).await;
        assert!(matches!(refused, Err(LoginRefusal::Token)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_token_is_as_good_as_the_password_and_each_use_gives_the_next() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (_, first) = bed.first().await;
    let second = bed.resume("demo1", WINDOWS, &first).await.unwrap();
    let third = bed.resume("demo1", WINDOWS, &second).await.unwrap();
    assert_ne!(first, second);
    assert_ne!(second, third);
    assert_eq!(third.len(), 32);
    bed.is_refused("demo1", WINDOWS, &first).await;
    // the answer to the last one may have got lost
    let again = bed.resume("demo1", WINDOWS, &second).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &third).await;
    bed.resume("demo1", WINDOWS, &again).await.unwrap();
}

/// Whoever they are shown for, and whatever is wrong with them, they are refused alike.
#[tokio::test]
async fn what_is_no_token_is_refused_in_one_way() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (_, token) = bed.first().await;
    for (name, raw, shown) in [
        ("demo2", WINDOWS, &token[..]),
        ("nobody", WINDOWS, &token[..]),
        ("demo1", PHONE, &token[..]),
    ] {
        bed.is_refused(name, raw, shown).await;
    }
    let long = vec![7; 100_000];
    for shown in [&b""[..], b"x", &long] {
        bed.is_refused("demo1", WINDOWS, shown).await;
    }
    bed.resume("demo1", WINDOWS, &token).await.unwrap();
}

#[tokio::test]
async fn a_new_password_and_a_lost_standing_end_all_tokens() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (account, token) = bed.first().await;
    let left = ProfileChange {
        status: Some(UserStatus::LEFT),
        ..ProfileChange::default()
    };
    bed.admin.change("demo1", left, None).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;
    let back = ProfileChange {
        status: Some(UserStatus::REGULAR),
        ..ProfileChange::default()
    };
    bed.admin.change("demo1", back, None).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;

    // by whatever way it is changed
    let token = bed.resumes.issue(&account, device(WINDOWS)).await.unwrap();
    bed.store
        .set_password(account.user.id, None, "another hash")
        .await
        .unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;
    bed.store
        .set_password(account.user.id, None, &account.password)
        .await
        .unwrap();
    let token = bed.resume("demo1", WINDOWS, &token).await.unwrap();
    bed.admin.set_password("demo1", "other").await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;
}

#[tokio::test]
async fn a_token_that_was_revoked_or_has_expired_is_no_good() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (account, token) = bed.first().await;
    let user = account.user.id;
    bed.resumes.revoke(user, &[device(PHONE)]).await.unwrap();
    let token = bed.resume("demo1", WINDOWS, &token).await.unwrap();
    bed.resumes.revoke(user, &device(2).class()).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;

    let expiring = resumes(
        &bed.store,
        ResumeLimits {
            lifetime: Duration::ZERO,
            ..ResumeLimits::default()
        },
    );
    let token = expiring.issue(&account, device(WINDOWS)).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;
}

/// Who has a good token comes in wherever somebody guesses passwords, and who shows bad ones (all are, after a restore) is
/// not kept from showing his password.
#[tokio::test]
async fn bad_tokens_and_wrong_passwords_do_not_count_for_each_other() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (_, token) = bed.first().await;
    for _ in 0..200 {
        bed.is_refused("demo1", WINDOWS, &[1; 32]).await;
    }
    let password = client_password("demo");
    let right = bed.login.validate("demo1", &password, source(1));
    right.await.unwrap();
    for _ in 0..4 {
        let wrong = bed.login.validate("demo1", "wrong", source(1)).await;
        assert!(matches!(wrong, Err(LoginRefusal::WrongNameOrPassword)));
    }
    let refused = bed.login.validate("demo1", &password, source(1)).await;
    assert!(matches!(refused, Err(LoginRefusal::TooManyFailures)));
    bed.resume("demo1", WINDOWS, &token).await.unwrap();
}

/// The disk is full, or somebody else holds the file: whoever can show what he is comes in, with no new token.
#[tokio::test]
async fn a_store_that_takes_no_writes_keeps_nobody_out() {
    let bed = Bed::new(ResumeLimits {
        grace: Duration::ZERO,
        ..ResumeLimits::default()
    })
    .await;
    let (account, token) = bed.first().await;
    let file = SqliteConnectOptions::new().filename(bed.folder.path().join("store.db"));
    let mut other = file.connect().await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let started = Instant::now();
    let login = &bed.login;
    let resume = || login.resume(&bed.resumes, "demo1", device(WINDOWS), &token);
    let (first, second, none) = tokio::join!(
        resume(),
        resume(),
        bed.resumes.issue(&account, device(WINDOWS))
    );
    assert_eq!(first.unwrap().1, None);
    assert_eq!(second.unwrap().1, None);
    assert_eq!(none, None);
    assert!(started.elapsed() < Duration::from_secs(4));
    held.rollback().await.unwrap();
    // none of it was made up for behind their backs
    bed.resume("demo1", WINDOWS, &token).await.unwrap();
}

/// A token that an upgrade of the stored password comes with is good.
#[tokio::test]
async fn an_upgraded_password_keeps_the_token_of_its_login() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let stored = "teamtalk$1234$4e66e8c029d64e67f7aadf045ca45851";
    let profile = Profile {
        name: "anna".to_owned(),
        ..Profile::default()
    };
    let password = stored.to_owned();
    let anna = [db_proxy::store::NewUser { profile, password }];
    bed.store.insert_users(&anna).await.unwrap();
    let received = client_password("test123");
    let account = bed.login.validate("anna", &received, None).await.unwrap();
    assert!(account.password.starts_with("$argon2id$"));
    let token = bed.resumes.issue(&account, device(PHONE)).await.unwrap();
    bed.resume("anna", PHONE, &token).await.unwrap();
}

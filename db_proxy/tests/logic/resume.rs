use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db_proxy::logic::admin::Admin;
use db_proxy::logic::limiter::FailureLimits;
use db_proxy::logic::login::{Guard, Login, LoginRefusal};
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::logic::resume::{ResumeLimits, Resumes};
use db_proxy::store::{Account, Profile, ProfileChange, Store, UserStatus};
use proto::device::DeviceType;

use crate::bed::store;

/// Two users, and whoever lets them in.
struct Bed {
    login: Login,
    resumes: Resumes,
    admin: Admin,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
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
            resumes: Resumes::new(Arc::clone(&store), limits),
            admin,
            store,
            _folder: folder,
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
        let resumed = self
            .login
            .resume(&self.resumes, name, device(raw), token, source(1));
        resumed.await.map(|(account, next)| {
            assert_eq!(account.user.profile.name, name);
            next
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
        let refused = bed
            .login
            .resume(&bed.resumes, "demo1", device(WINDOWS), shown, None);
        assert!(matches!(refused.await, Err(LoginRefusal::Token)));
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
    let token = bed.resume("demo1", WINDOWS, &token).await.unwrap();

    // by whatever way it is changed
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

    let expiring = Resumes::new(
        Arc::clone(&bed.store),
        ResumeLimits {
            lifetime: Duration::ZERO,
            ..ResumeLimits::default()
        },
    );
    let token = expiring.issue(&account, device(WINDOWS)).await.unwrap();
    bed.is_refused("demo1", WINDOWS, &token).await;
}

/// As with passwords: who guesses is refused, and nobody else.
#[tokio::test]
async fn guessing_tokens_closes_the_account_for_the_guesser_only() {
    let bed = Bed::new(ResumeLimits::default()).await;
    let (_, token) = bed.first().await;
    for _ in 0..4 {
        bed.is_refused("demo1", WINDOWS, &[1; 32]).await;
    }
    let refused = bed.resume("demo1", WINDOWS, &token).await;
    assert!(matches!(refused, Err(LoginRefusal::TooManyFailures)));
    let password = client_password("demo");
    let refused = bed.login.validate("demo1", &password, source(1)).await;
    assert!(matches!(refused, Err(LoginRefusal::TooManyFailures)));
    let elsewhere = bed
        .login
        .resume(&bed.resumes, "demo1", device(WINDOWS), &token, source(2));
    assert!(elsewhere.await.is_ok());
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

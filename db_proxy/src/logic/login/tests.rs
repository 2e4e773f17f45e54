use futures_util::future::join_all;
use proto::ids::UserId;

use super::*;
use crate::logic::limiter::FailureLimits;
use crate::logic::password::client_password;
use crate::store::{NewUser, Profile, open};

struct Bed {
    login: Login,
    passwords: Arc<Passwords>,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new(limits: Option<FailureLimits>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = open(&url).await.unwrap();
        let passwords = Arc::new(Passwords::new());
        Self {
            login: Login::new(
                Arc::clone(&store),
                Arc::clone(&passwords),
                limits.map(|limits| Guard::new(limits, None)),
            ),
            passwords,
            store,
            _folder: folder,
        }
    }

    async fn add(&self, name: &str, password: &str, status: UserStatus) {
        let profile = Profile {
            name: name.to_owned(),
            status,
            ..Profile::default()
        };
        let password = password.to_owned();
        let users = [NewUser { profile, password }];
        self.store.insert_users(&users).await.unwrap();
    }

    async fn stored(&self, name: &str) -> String {
        let account = self.store.user_by_name(name).await.unwrap();
        account.unwrap().password
    }

    async fn anna(&self) {
        let hash = self.passwords.hash("right").await.unwrap();
        self.add("anna", &hash, UserStatus::REGULAR).await;
    }
}

fn source(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

#[tokio::test]
async fn the_right_password_opens() {
    let bed = Bed::new(Some(FailureLimits::default())).await;
    bed.anna().await;
    let user = bed
        .login
        .validate("anna", "right", source(1))
        .await
        .unwrap();
    assert_eq!(user.user.profile.name, "anna");
    for (name, password) in [("anna", "wrong"), ("anna", ""), ("Anna", "right"), ("", "")] {
        let refused = bed.login.validate(name, password, source(1)).await;
        assert!(
            matches!(refused, Err(LoginRefusal::WrongNameOrPassword)),
            "{name} {password}"
        );
    }
}

#[tokio::test]
async fn only_regular_users_may_log_in() {
    let bed = Bed::new(None).await;
    let hash = bed.passwords.hash("right").await.unwrap();
    for status in 1..=4 {
        let name = format!("user{status}");
        bed.add(&name, &hash, UserStatus(status)).await;
        let refused = bed.login.validate(&name, "right", None).await;
        assert!(matches!(refused, Err(LoginRefusal::WrongNameOrPassword)));
    }
    bed.add("no password", "", UserStatus::REGULAR).await;
    assert!(bed.login.validate("no password", "", None).await.is_err());
}

#[tokio::test]
async fn an_unknown_name_costs_a_hash_like_a_wrong_password() {
    let bed = Bed::new(None).await;
    bed.anna().await;
    let before = bed.passwords.hashes();
    for _ in 0..2 {
        assert!(bed.login.validate("nobody", "x", None).await.is_err());
        assert!(bed.login.validate("anna", "x", None).await.is_err());
    }
    assert_eq!(bed.passwords.hashes() - before, 4);
}

/// D-43: what is stored is a slow hash.
#[tokio::test]
async fn a_teamtalk_password_is_upgraded_by_its_first_login() {
    let bed = Bed::new(None).await;
    let stored = "teamtalk$1234$4e66e8c029d64e67f7aadf045ca45851";
    bed.add("anna", stored, UserStatus::REGULAR).await;
    let received = client_password("test123");
    assert!(bed.login.validate("anna", "wrong", None).await.is_err());
    assert_eq!(bed.stored("anna").await, stored);
    bed.login.validate("anna", &received, None).await.unwrap();
    assert!(bed.stored("anna").await.starts_with("$argon2id$"));
    bed.login.validate("anna", &received, None).await.unwrap();
    assert!(bed.login.validate("anna", "wrong", None).await.is_err());
}

/// Each is let in with the form that is stored, which his resume token is bound to.
#[tokio::test]
async fn two_first_logins_at_once_know_what_is_stored() {
    let bed = Bed::new(None).await;
    let stored = "teamtalk$1234$4e66e8c029d64e67f7aadf045ca45851";
    bed.add("anna", stored, UserStatus::REGULAR).await;
    let received = client_password("test123");
    // as two processes: neither knows what the other computes
    let other = Login::new(Arc::clone(&bed.store), Arc::default(), None);
    let (one, two) = tokio::join!(
        bed.login.validate("anna", &received, None),
        other.validate("anna", &received, None),
    );
    let stored = bed.stored("anna").await;
    assert_eq!(one.unwrap().password, stored);
    assert_eq!(two.unwrap().password, stored);
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let bed = Bed::new(None).await;
    bed.anna().await;
    let user = bed.login.validate("anna", "right", None).await.unwrap();
    let new = bed.passwords.hash("new").await.unwrap();
    bed.store
        .set_password(user.user.id, None, &new)
        .await
        .unwrap();
    assert!(bed.login.validate("anna", "right", None).await.is_err());
    assert!(bed.login.validate("anna", "new", None).await.is_ok());
}

#[tokio::test]
async fn a_storm_with_one_hash_is_one_check() {
    let bed = Bed::new(Some(FailureLimits::default())).await;
    let hash = bed.passwords.hash("demo").await.unwrap();
    for n in 0..50 {
        bed.add(&format!("demo{n}"), &hash, UserStatus::REGULAR)
            .await;
    }
    let names: Vec<_> = (0..50).map(|n| format!("demo{n}")).collect();
    let before = bed.passwords.hashes();
    let logins = names
        .iter()
        .map(|name| bed.login.validate(name, "demo", source(1)));
    let users: Vec<UserId> = join_all(logins)
        .await
        .into_iter()
        .map(|user| user.unwrap().user.id)
        .collect();
    assert_eq!(users.len(), 50);
    assert_eq!(bed.passwords.hashes() - before, 1);
}

#[tokio::test]
async fn guessing_closes_the_account_for_the_guesser_only() {
    let bed = Bed::new(Some(FailureLimits::default())).await;
    bed.anna().await;
    for _ in 0..11 {
        let refused = bed.login.validate("anna", "guess", source(1)).await;
        assert!(matches!(refused, Err(LoginRefusal::WrongNameOrPassword)));
    }
    let before = bed.passwords.hashes();
    let refused = bed.login.validate("anna", "right", source(1)).await;
    assert!(matches!(refused, Err(LoginRefusal::TooManyFailures)));
    assert_eq!(bed.passwords.hashes(), before, "refused unseen");
    assert!(bed.login.validate("anna", "right", source(2)).await.is_ok());
}

#[tokio::test]
async fn guesses_made_all_at_once_learn_no_more() {
    let bed = Bed::new(Some(FailureLimits::default())).await;
    bed.anna().await;
    let guesses: Vec<_> = (0..20).map(|n| format!("guess{n}")).collect();
    let attempts = guesses
        .iter()
        .map(|guess| bed.login.validate("anna", guess, source(1)));
    let (mut wrong, mut unchecked) = (0, 0);
    for attempt in join_all(attempts).await {
        match attempt {
            Err(LoginRefusal::WrongNameOrPassword) => wrong += 1,
            Err(LoginRefusal::TooManyFailures) => {}
            // A busy machine hashes too slowly for all of them.
            Err(LoginRefusal::Unavailable(_)) => unchecked += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        wrong <= 11 && wrong + unchecked >= 11,
        "{wrong}, {unchecked}"
    );
}

#[tokio::test]
async fn without_limits_nobody_is_refused_unseen() {
    let bed = Bed::new(None).await;
    bed.anna().await;
    for _ in 0..12 {
        assert!(
            bed.login
                .validate("anna", "guess", source(1))
                .await
                .is_err()
        );
    }
    assert!(bed.login.validate("anna", "right", source(1)).await.is_ok());
}

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use db_proxy::logic::admin::Admin;
use db_proxy::logic::invite::{InviteError, shown};
use db_proxy::logic::login::{Guard, Login};
use db_proxy::logic::password::{Passwords, client_password};
use db_proxy::logic::registration::{Admission, Registrar, RegistrationLimits, Wish};
use db_proxy::store::Store;
use futures_util::future::join_all;

use crate::bed::store;

const LIMITS: RegistrationLimits = RegistrationLimits {
    accounts: 2,
    attempts: 6,
};

struct Bed {
    registrar: Registrar,
    admin: Admin,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new(admission: Admission) -> Self {
        Self::limited(admission, None).await
    }

    async fn limited(admission: Admission, limits: Option<RegistrationLimits>) -> Self {
        let (store, folder) = store().await;
        let guard = limits.map(|limits| Guard::new(limits.counted(), None));
        let passwords = Arc::new(Passwords::new());
        Self {
            registrar: Registrar::new(Arc::clone(&store), passwords, admission, guard),
            admin: Admin::new(Arc::clone(&store)),
            store,
            _folder: folder,
        }
    }

    /// The word for why there is no account, or "made".
    async fn ask(&self, wish: Wish) -> &'static str {
        match self.registrar.register(wish).await {
            Ok(_) => "made",
            Err(error) => error.reason(),
        }
    }

    async fn count(&self) -> u64 {
        self.store.count_users().await.unwrap()
    }
}

fn wish(name: &str) -> Wish {
    Wish {
        name: name.to_owned(),
        password: client_password("correct horse"),
        source: source(1),
        ..Wish::default()
    }
}

fn source(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

#[tokio::test]
async fn who_registers_may_log_in() {
    let bed = Bed::new(Admission::Everybody).await;
    let new = Wish {
        nick_name: " Anna ".to_owned(),
        gender: 2,
        email: "anna@example.org".to_owned(),
        ..wish("Anna")
    };
    let made = bed.registrar.register(new).await.unwrap();
    let login = Login::new(Arc::clone(&bed.store), Arc::new(Passwords::new()), None);
    let received = client_password("correct horse");
    let account = login.validate("Anna", &received, None).await.unwrap();
    assert_eq!(account.user.id, made);
    let profile = account.user.profile;
    assert_eq!((&*profile.nick_name, profile.gender), ("Anna", 2));
    assert_eq!(profile.email, "anna@example.org");
    assert!(login.validate("anna", &received, None).await.is_err());
    bed.registrar.register(wish("bert")).await.unwrap();
    let bert = bed.store.user_by_name("bert").await.unwrap().unwrap();
    assert_eq!(bert.user.profile.nick_name, "bert");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_makes_nothing() {
    let bed = Bed::new(Admission::Everybody).await;
    assert_eq!(bed.ask(wish("Anna")).await, "made");
    let password = |password: &str| Wish {
        password: password.to_owned(),
        ..wish("bert")
    };
    let long = "x".repeat(129);
    for (wish, reason) in [
        (wish("anna"), "name_taken"),
        (wish("ANNA"), "name_taken"),
        (wish("ab"), "bad_name_length"),
        (wish(&"x".repeat(33)), "bad_name_length"),
        (wish("b rt"), "bad_name_characters"),
        (wish("bért"), "bad_name_characters"),
        (password("secret"), "bad_password_form"),
        (password(&client_password("")), "weak_password"),
        (password(&client_password("123456")), "weak_password"),
        (password(&client_password("bert")), "weak_password"),
        (
            Wish {
                nick_name: long.clone(),
                ..wish("bert")
            },
            "too_large",
        ),
        (
            Wish {
                nick_name: "a\nb".to_owned(),
                ..wish("bert")
            },
            "bad_characters",
        ),
        (
            Wish {
                tel: "\u{7f}".to_owned(),
                ..wish("bert")
            },
            "bad_characters",
        ),
        (
            Wish {
                email: long,
                ..wish("bert")
            },
            "too_large",
        ),
        (
            Wish {
                avatar_url: "x".repeat(256),
                ..wish("bert")
            },
            "bad_avatar",
        ),
        (
            Wish {
                gender: 3,
                ..wish("bert")
            },
            "bad_field",
        ),
    ] {
        assert_eq!(bed.ask(wish).await, reason);
    }
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn nobody_registers_where_that_is_off() {
    let bed = Bed::new(Admission::Nobody).await;
    let code = bed.admin.invites().add(1, None, "").await.unwrap();
    let invited = Wish {
        invite: Some(code),
        ..wish("anna")
    };
    for wish in [wish("anna"), invited, Wish::default()] {
        assert_eq!(bed.ask(wish).await, "registration_off");
    }
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn an_invite_lets_in_as_many_as_it_says() {
    let bed = Bed::new(Admission::Invited).await;
    let with = |name: &str, code: &str| Wish {
        invite: Some(code.to_owned()),
        ..wish(name)
    };
    let invites = bed.admin.invites();
    let code = invites.add(2, None, "for two").await.unwrap();
    assert_eq!(bed.ask(wish("anna")).await, "invite_needed");
    assert_eq!(bed.ask(with("anna", "7Q4M")).await, "no_such_invite");
    assert_eq!(bed.ask(with("anna", &code)).await, "made");
    // a name that is taken costs no use
    assert_eq!(bed.ask(with("ANNA", &code)).await, "name_taken");
    assert_eq!(bed.ask(with("bert", &code.to_lowercase())).await, "made");
    assert_eq!(bed.ask(with("carl", &code)).await, "invite_used_up");
    let expired = invites.add(1, Some(Duration::ZERO), "").await.unwrap();
    assert_eq!(bed.ask(with("carl", &expired)).await, "invite_expired");
    let revoked = invites.add(1, None, "").await.unwrap();
    invites.revoke(&revoked).await.unwrap();
    assert_eq!(bed.ask(with("carl", &revoked)).await, "no_such_invite");
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn an_operator_names_an_invite_by_what_the_list_shows() {
    let bed = Bed::new(Admission::Invited).await;
    let invites = bed.admin.invites();
    let code = invites.add(2, None, "for two").await.unwrap();
    let listed = invites.all().await.unwrap();
    assert_eq!((listed.len(), &*listed[0].note), (1, "for two"));
    let name = shown(&listed[0]);
    assert!(!code.to_lowercase().contains(&name), "{name}");
    invites.revoke(&name.to_uppercase()).await.unwrap();
    assert!(invites.all().await.unwrap().is_empty());
    let again = invites.revoke(&name).await;
    assert!(matches!(again, Err(InviteError::Unknown(_))));
    assert!(matches!(
        invites.add(0, None, "").await,
        Err(InviteError::NoUses)
    ));
    let note = "x".repeat(129);
    assert!(matches!(
        invites.add(1, None, &note).await,
        Err(InviteError::Note)
    ));
}

#[tokio::test]
async fn a_request_made_again_is_answered_with_the_same_account() {
    let bed = Bed::limited(Admission::Invited, Some(LIMITS)).await;
    let code = bed.admin.invites().add(1, None, "").await.unwrap();
    let asked = Wish {
        invite: Some(code),
        key: Some(b"key".to_vec()),
        ..wish("anna")
    };
    let made = bed.registrar.register(asked.clone()).await.unwrap();
    for _ in 0..3 {
        let again = bed.registrar.register(asked.clone()).await.unwrap();
        assert_eq!(again, made);
    }
    let other_password = Wish {
        password: client_password("another"),
        ..asked.clone()
    };
    assert_eq!(bed.ask(other_password).await, "invite_used_up");
    let other_key = Wish {
        key: Some(b"another".to_vec()),
        ..asked
    };
    assert_eq!(bed.ask(other_key).await, "invite_used_up");
}

#[tokio::test]
async fn an_address_gets_so_many_accounts_and_no_more() {
    let bed = Bed::limited(Admission::Everybody, Some(LIMITS)).await;
    let names: Vec<String> = (0..8).map(|n| format!("user{n}")).collect();
    // all at once is as one after the other
    let asked = join_all(names.iter().map(|name| bed.ask(wish(name)))).await;
    assert_eq!(asked.iter().filter(|word| **word == "made").count(), 2);
    let too_many = asked.iter().filter(|word| **word == "too_many_accounts");
    assert_eq!(too_many.count(), 6);
    let elsewhere = Wish {
        source: source(2),
        ..wish("elsewhere")
    };
    assert_eq!(bed.ask(elsewhere).await, "made");
    assert_eq!(bed.count().await, 3);
}

#[tokio::test]
async fn whoever_looks_for_names_is_stopped() {
    let bed = Bed::limited(Admission::Everybody, Some(LIMITS)).await;
    for name in ["anna", "bert"] {
        let elsewhere = Wish {
            source: source(2),
            ..wish(name)
        };
        assert_eq!(bed.ask(elsewhere).await, "made");
    }
    let mut heard = Vec::new();
    for n in 0..9 {
        let name = ["anna", "bert"][n % 2];
        heard.push(bed.ask(wish(name)).await);
    }
    assert_eq!(&heard[..2], ["name_taken", "name_taken"]);
    assert_eq!(heard.last(), Some(&"too_many_accounts"));
}

//! Accounts as people make them themselves.

use proto::im::login::{ImLoginRes, ImRegistReq, ImRegistRes};
use proto::im::message::ImUnreadMsgCntReq;
use tools::client::{Address, Client, Device, RegisterError, registration};
use tools::cluster::{Role, Topology};

use crate::command::run;
use crate::person::{Person, Raw, is_refused, login_request};
use crate::world::{USUAL, World};

/// A good password of somebody new.
pub(crate) const SECRET: &str = "correct horse";

pub(crate) fn open(topology: &mut Topology) {
    topology.open_registration = true;
}

fn open_without_limits(topology: &mut Topology) {
    topology.open_registration = true;
    topology.limits = false;
}

/// Makes an account on a connection of its own; the word for why not, if there is none.
pub(crate) async fn register(at: &Address, request: &ImRegistReq) -> Result<u32, String> {
    let mut client = Client::connect(at).await.unwrap();
    client.register(request).await.map_err(word)
}

fn word(error: RegisterError) -> String {
    match error {
        RegisterError::Refused { reason, .. } => reason,
        RegisterError::Unanswered(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_stranger_makes_an_account_and_is_met_by_everybody() {
    let world = World::start(USUAL, 2, open).await;
    let mut ann = Person::at(&world.msg(1), "demo1", Device::Windows).await;
    let before = ann.all_users(0).await.unwrap();
    let mut request = registration("Zoe.Z", SECRET);
    request.nick = Some("Zoë 🦓".to_owned());
    request.sex = Some(2);

    // All on one connection: what is refused, what is granted, the login.
    let mut stranger = Raw::connect(&world.msg(0)).await;
    let refused: ImRegistRes = stranger.ask(&registration("DEMO2", SECRET), 7).await;
    assert_eq!((refused.result_code, refused.user_id), (1, None));
    assert_eq!(refused.reason.as_deref(), Some("name_taken"));
    assert_eq!(refused.user_name, "DEMO2");
    let made: ImRegistRes = stranger.ask(&request, 8).await;
    assert_eq!((made.result_code, &*made.user_name), (0, "Zoe.Z"));
    let zoe = made.user_id.unwrap();
    let answer: ImLoginRes = stranger
        .ask(&login_request("Zoe.Z", SECRET, Device::Windows), 9)
        .await;
    let profile = answer.user_info.unwrap();
    assert_eq!((profile.user_id, profile.user_gender), (zoe, 2));
    assert_eq!(profile.user_nick_name, "Zoë 🦓");

    // Who knows the others hears of her as of a change.
    let since = before.latest_update_time;
    let changed = ann.all_users(since).await.unwrap().user_list;
    assert!(changed.iter().any(|user| user.user_id == zoe));
    assert_eq!(ann.says(zoe, "welcome").await, 1);
    drop(stranger);
    let mut zoe_here = Person::try_at(&world.msg(1), "Zoe.Z", SECRET, Device::Ios)
        .await
        .unwrap();
    zoe_here.says(ann.id(), "thanks").await;
    assert_eq!(ann.reads().await, (2, zoe, "thanks".to_owned()));
    ann.says(zoe, "bye").await;
    assert_eq!(zoe_here.reads().await.2, "bye");

    // The name as it was given, and no other one.
    is_refused(&world.msg(0), "zoe.z", SECRET).await;
    for taken in ["zoe.z", "ZOE.Z", "Zoe.Z"] {
        let refused = register(&world.msg(1), &registration(taken, SECRET)).await;
        assert_eq!(refused.unwrap_err(), "name_taken");
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_no_account_is_told_why() {
    let world = World::start(USUAL, 1, open_without_limits).await;
    let at = world.msg(0);
    let password = |password: &str| ImRegistReq {
        password: password.to_owned(),
        ..registration("anna", SECRET)
    };
    let mut long_nick = registration("anna", SECRET);
    long_nick.nick = Some("x".repeat(129));
    for (request, word) in [
        (registration("an", SECRET), "bad_name_length"),
        (registration(&"a".repeat(33), SECRET), "bad_name_length"),
        (registration("an na", SECRET), "bad_name_characters"),
        (registration("-anna", SECRET), "bad_name_characters"),
        (registration("änna", SECRET), "bad_name_characters"),
        (password("secret"), "bad_password_form"),
        (registration("anna", ""), "weak_password"),
        (registration("anna", "123456"), "weak_password"),
        (registration("anna", "anna"), "weak_password"),
        (long_nick, "too_large"),
        (ImRegistReq::default(), "bad_name_length"),
    ] {
        assert_eq!(register(&at, &request).await.unwrap_err(), word);
    }
    // No account for who has one, and no end of attempts on one connection.
    let ann = Person::at(&at, "demo1", Device::Windows).await;
    let again = ann.request(registration("anna", SECRET)).await.unwrap();
    assert_eq!(again.result_code, 1);
    assert_eq!(again.reason.as_deref(), Some("logged_in_already"));
    let mut stranger = Raw::connect(&at).await;
    for number in 1..=3 {
        let answer: ImRegistRes = stranger.ask(&password("x"), number).await;
        assert_eq!(answer.result_code, 1);
    }
    stranger.tell(&password("x"), 4).await;
    assert!(stranger.is_closed().await.is_empty());
    // What an account is needed for closes as ever.
    let mut stranger = Raw::connect(&at).await;
    stranger.tell(&ImUnreadMsgCntReq::default(), 1).await;
    assert!(stranger.is_closed().await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn nobody_makes_an_account_where_that_is_off() {
    let world = World::usual(1).await;
    let refused = register(&world.msg(0), &registration("anna", SECRET)).await;
    assert_eq!(refused.unwrap_err(), "registration_off");
    world.end().await;
}

#[tokio::test]
async fn an_address_gets_five_accounts_an_hour() {
    let world = World::start(USUAL, 0, open).await;
    for n in 1..=5 {
        let request = registration(&format!("user{n}"), SECRET);
        let made = register(&world.msg(n % 2), &request).await;
        assert!(made.is_ok(), "{made:?}");
    }
    let refused = register(&world.msg(0), &registration("user6", SECRET)).await;
    assert_eq!(refused.unwrap_err(), "too_many_accounts");
    world.end().await;
}

/// By the commands that operators and newcomers use.
#[tokio::test]
async fn an_invite_is_given_used_and_revoked() {
    let world = World::start(USUAL, 0, |topology| {
        let key = "FERROTALK_REGISTRATION__MODE".to_owned();
        topology
            .environment
            .push((Role::DbProxy, key, "invite".into()));
    })
    .await;
    let store = world.topology().store.clone();
    let login = world.topology().login_url();
    let invite = async |arguments: &[&str]| {
        let arguments = [&["invite", "--store", &store], arguments].concat();
        let (success, text) = run(&arguments, "").await;
        assert!(success, "{text}");
        text.trim_end().to_owned()
    };
    let join = async |user: &str, code: &str| {
        let arguments = [
            "register",
            "--login",
            &login,
            "--user",
            user,
            "--invite",
            code,
            "--password-stdin",
        ];
        run(&arguments, &format!("{SECRET}\n")).await
    };
    let code = invite(&["add", "--uses", "2", "--note", "for two"]).await;
    let (success, text) = join("anna", &code).await;
    assert!(success && text.contains("anna is user "), "{text}");
    drop(
        Person::try_at(&world.msg(0), "anna", SECRET, Device::Mac)
            .await
            .unwrap(),
    );

    let listed: serde_json::Value =
        serde_json::from_str(&invite(&["list", "--json"]).await).unwrap();
    assert_eq!(listed["uses_left"], 1);
    assert_eq!(listed["note"], "for two");
    let name = listed["name"].as_str().unwrap();
    invite(&["revoke", name]).await;
    let (success, text) = join("bert", &code).await;
    assert!(
        !success && text.contains("there is no such invite"),
        "{text}"
    );
    let without = register(&world.msg(1), &registration("bert", SECRET)).await;
    assert_eq!(without.unwrap_err(), "invite_needed");
    world.end().await;
}

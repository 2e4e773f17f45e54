//! Accounts as their users change and end them.

use std::fmt::Debug;

use proto::capability;
use proto::im::base_define::{GroupModifyType, KickReasonType};
use proto::im::buddy::ImAvatarChangedNotify;
use proto::im::ext::buddy::{ImChangeProfileReq, ImUserChanged};
use proto::im::login::ImLoginRes;
use tools::client::{
    Account, AccountError, CloseReason, Conversation, Device, EnterError, Event, LoginError,
    Outgoing, Status, registration,
};

use crate::person::{Person, Raw, is_refused, login_request};
use crate::registration::{SECRET, open, register};
use crate::world::{PASSWORD, USUAL, World, soon};

const SENT_AWAY: CloseReason = CloseReason::Kicked {
    reason: KickReasonType::KickReasonMobileKick as i32,
};

/// The word of a refusal.
fn reason<T: Debug>(outcome: Result<T, AccountError>) -> String {
    match outcome {
        Err(AccountError::Refused { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn with_tokens(password: &str, device: Device) -> Account {
    let account = Account::new("demo1", password, device, Status::Online);
    account.announcing(capability::RESUME | capability::ACCOUNT)
}

/// Two devices on two msg_servers, and a token on each.
#[tokio::test]
async fn a_new_password_sends_the_other_devices_away() {
    let world = World::usual(2).await;
    let (at, other) = (world.msg(0), world.msg(1));
    let (desktop, phone) = (
        with_tokens(PASSWORD, Device::Windows),
        with_tokens(PASSWORD, Device::Ios),
    );
    let (session, events) = desktop.enter(&at).await.unwrap();
    let mut ann = Person { session, events };
    let (phone_session, _phone_events) = phone.enter(&other).await.unwrap();
    let old_token = desktop.token().unwrap();

    assert_eq!(
        reason(ann.change_password("wrong", SECRET).await),
        "wrong_password"
    );
    assert_eq!(
        reason(ann.change_password(PASSWORD, "123456").await),
        "weak_password"
    );
    assert_eq!(
        reason(ann.change_password(PASSWORD, "demo1").await),
        "weak_password"
    );
    phone_session.ping().await.unwrap();
    let token = ann
        .change_password(PASSWORD, SECRET)
        .await
        .unwrap()
        .unwrap();
    assert_ne!(token, old_token);
    assert_eq!(soon("a kick", phone_session.wait_closed()).await, SENT_AWAY);
    // The one that asked goes on.
    let bob = Person::at(&other, "demo2", Device::Windows).await;
    bob.says(ann.id(), "still there?").await;
    assert_eq!(ann.reads().await.2, "still there?");

    is_refused(&other, "demo1", PASSWORD).await;
    // The phone's token is worth nothing, nor is the password that it falls back to.
    let refused = phone.enter(&other).await;
    assert!(matches!(
        refused,
        Err(EnterError::Login(LoginError::Refused { code: 6, .. }))
    ));
    drop(ann);
    let mut request = login_request("demo1", "", Device::Windows);
    request.password = String::new();
    request.capabilities = Some(capability::RESUME);
    request.resume_token = Some(old_token);
    let mut raw = Raw::connect(&other).await;
    let answer: ImLoginRes = raw.ask(&request, 1).await;
    assert_eq!(answer.resume_refused, Some(true));
    request.resume_token = Some(token);
    let mut raw = Raw::connect(&other).await;
    let answer: ImLoginRes = raw.ask(&request, 1).await;
    assert_eq!(answer.result_code, 0, "{answer:?}");
    drop(
        Person::try_at(&at, "demo1", SECRET, Device::Ios)
            .await
            .unwrap(),
    );
    world.end().await;
}

/// Guesses from a device that somebody left open are limited like logins, and together with them.
#[tokio::test]
async fn the_password_cannot_be_guessed_from_a_session() {
    let world = World::usual(1).await;
    let ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    for n in 0..=10 {
        let guess = format!("guess {n}");
        let outcome = match n % 2 {
            0 => ann.change_password(&guess, SECRET).await.map(drop),
            _ => ann.delete_account(&guess).await,
        };
        assert_eq!(reason(outcome), "wrong_password");
    }
    let right = ann.change_password(PASSWORD, SECRET).await;
    assert_eq!(reason(right), "too_many_failures");
    assert_eq!(
        reason(ann.delete_account(PASSWORD).await),
        "too_many_failures"
    );
    is_refused(&world.msg(1), "demo1", PASSWORD).await;
    world.end().await;
}

#[tokio::test]
async fn a_changed_profile_is_told_to_those_who_understand_it() {
    let world = World::usual(3).await;
    let (session, events) = with_tokens(PASSWORD, Device::Windows)
        .enter(&world.msg(0))
        .await
        .unwrap();
    let mut ann = Person { session, events };
    let bob = Account::new("demo2", PASSWORD, Device::Android, Status::Online);
    let bob = bob.announcing(capability::ACCOUNT);
    let (session, events) = bob.enter(&world.msg(1)).await.unwrap();
    let mut bob = Person { session, events };
    let mut cat = Person::at(&world.msg(1), "demo3", Device::Mac).await;

    let change = ImChangeProfileReq {
        nick: Some("Ann".to_owned()),
        gender: Some(2),
        tel: Some("+1 555".to_owned()),
        email: Some("ann@example.org".to_owned()),
        ..Default::default()
    };
    let mine = ann.change_profile(change).await.unwrap();
    assert_eq!((&*mine.user_nick_name, mine.user_gender), ("Ann", 2));
    for person in [&mut ann, &mut bob] {
        let told: ImUserChanged = person.is_sent().await;
        assert_eq!(told.user, mine);
    }
    let change = ImChangeProfileReq {
        avatar: Some("https://example.org/ann.png".to_owned()),
        sign_info: Some("back".to_owned()),
        ..Default::default()
    };
    let mine = ann.change_profile(change).await.unwrap();
    assert_eq!(mine.user_tel, "+1 555", "what is not named stays");
    let told: ImUserChanged = bob.is_sent().await;
    assert_eq!(told.user, mine);
    assert_eq!(cat.users_info(vec![ann.id()]).await.unwrap(), [mine]);
    // Whoever knows nothing of it hears what stock clients hear, and nothing else.
    let heard = cat.so_far().await;
    let is_known = |event: &Event| match event {
        Event::Signature(notice) => notice.sign_info == "back",
        Event::Other(pdu) => pdu
            .decode::<ImAvatarChangedNotify>()
            .is_ok_and(|notice| notice.avatar_url == "https://example.org/ann.png"),
        _ => false,
    };
    assert_eq!(
        heard.iter().filter(|event| is_known(event)).count(),
        2,
        "{heard:?}"
    );
    let is_new = |event: &Event| match event {
        Event::Other(pdu) => pdu.command() == <ImUserChanged as proto::Body>::ID,
        _ => false,
    };
    assert!(!heard.iter().any(is_new), "{heard:?}");

    let wrong = |change: ImChangeProfileReq| async { reason(ann.change_profile(change).await) };
    let none = ImChangeProfileReq::default;
    let nick = |nick: &str| ImChangeProfileReq {
        nick: Some(nick.to_owned()),
        ..none()
    };
    assert_eq!(wrong(none()).await, "empty");
    assert_eq!(wrong(nick(" ")).await, "empty");
    assert_eq!(wrong(nick("a\nb")).await, "bad_characters");
    assert_eq!(wrong(nick(&"x".repeat(129))).await, "too_large");
    assert_eq!(
        wrong(ImChangeProfileReq {
            gender: Some(3),
            ..none()
        })
        .await,
        "bad_field"
    );
    world.end().await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_from_everywhere() {
    let world = World::start(USUAL, 3, open).await;
    let (at, other) = (world.msg(0), world.msg(1));
    let account = with_tokens(PASSWORD, Device::Windows);
    let (session, events) = account.enter(&at).await.unwrap();
    let ann = Person { session, events };
    let ann_id = ann.id();
    let phone = Person::at(&other, "demo1", Device::Ios).await;
    let bobs = Account::new("demo2", PASSWORD, Device::Windows, Status::Online);
    let (session, events) = bobs
        .announcing(capability::ACCOUNT)
        .enter(&other)
        .await
        .unwrap();
    let mut bob = Person { session, events };
    let mut cat = Person::at(&at, "demo3", Device::Windows).await;
    let members = vec![ann_id, bob.id(), cat.id()];
    let group = ann.create_group("three", members).await.unwrap().unwrap();
    ann.says(bob.id(), "remember me").await;
    let before = bob.all_users(0).await.unwrap().latest_update_time;

    assert_eq!(reason(ann.delete_account("wrong").await), "wrong_password");
    phone.ping().await.unwrap();
    ann.delete_account(PASSWORD).await.unwrap();
    assert_eq!(soon("a kick", phone.wait_closed()).await, SENT_AWAY);
    soon("the end of the session", ann.wait_closed()).await;

    // Others are told, and see what is left.
    let told: ImUserChanged = bob.is_sent().await;
    assert_eq!((told.user.user_id, told.user.status), (ann_id, 3));
    assert_eq!(told.user.user_nick_name, "deleted account");
    let stayed = [bob.id(), cat.id()];
    for person in [&mut bob, &mut cat] {
        let notice = person.is_told().await;
        assert_eq!(notice.group_id, group);
        assert_eq!(notice.change_type, GroupModifyType::Del as i32);
        assert_eq!(notice.chg_user_id_list, [ann_id]);
        assert_eq!(notice.cur_user_id_list, stayed);
    }
    let book = bob.all_users(before).await.unwrap().user_list;
    let left = book.iter().find(|user| user.user_id == ann_id).unwrap();
    assert_eq!(*left, told.user);
    let everybody = cat.all_users(0).await.unwrap().user_list;
    assert!(everybody.iter().all(|user| user.user_id != ann_id));
    let said = bob.history(ann_id, 0, 10).await.unwrap();
    assert_eq!(said[0].text().unwrap(), "remember me");
    let now = bob.groups_info(vec![group]).await.unwrap();
    assert_eq!(
        (now[0].version, &now[0].group_member_list[..]),
        (2, &stayed[..])
    );
    // The group goes on; messages to who is gone are kept, as for anybody who has left.
    bob.send(&Outgoing::text(Conversation::Group(group), "so long"))
        .await
        .unwrap();
    assert_eq!(cat.reads().await.2, "so long");
    assert_eq!(bob.says(ann_id, "who is there?").await, 2);

    // Nobody comes back, and nobody takes the name.
    is_refused(&other, "demo1", PASSWORD).await;
    assert!(account.enter(&at).await.is_err());
    assert_eq!(account.token(), None, "the token was refused");
    let taken = register(&at, &registration("demo1", SECRET)).await;
    assert_eq!(taken.unwrap_err(), "name_taken");
    world.end().await;
}

//! Coming back without the password.

use proto::im::login::ImLoginRes;
use tools::accounts::Accounts;
use tools::client::{Account, Device, EnterError, Status};
use tools::cluster::Role;

use crate::person::{Person, Raw, login_request};
use crate::world::{PASSWORD, USUAL, World, soon};

const RESUMES: &str = "im_resumes_total";

fn demo1(password: &str) -> Account {
    Account::new("demo1", password, Device::Windows, Status::Online)
}

/// The msg_server of somebody dies; he comes back at another one, shows his token, and nothing is missing.
#[tokio::test]
async fn a_reconnect_shows_a_token_and_misses_nothing() {
    let world = World::usual(2).await;
    let account = demo1(PASSWORD);
    let (session, _events) = account.enter(&world.msg(0)).await.unwrap();
    let me = session.user_id();
    let token = account.token().unwrap();
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    bob.says(me, "before").await;

    world.kill_minus_nine(Role::MsgServer, 0).await;
    soon("the end of the session", session.wait_closed()).await;
    bob.says(me, "meanwhile").await;
    let (session, events) = account.enter(&world.msg(1)).await.unwrap();
    let accepted = [("outcome", "accepted")];
    world.db_proxies_count_to(RESUMES, &accepted, 1).await;
    assert_ne!(account.token().unwrap(), token, "it was exchanged");
    let mut alice = Person { session, events };
    assert_eq!(alice.id(), me);
    assert_eq!(bob.says(me, "after").await, 3);
    assert_eq!(alice.reads().await, (3, bob.id(), "after".into()));
    assert_eq!(alice.history(bob.id(), 0, 10).await.unwrap().len(), 3);
    world.ready().await;
    world.end().await;
}

/// The tokens outlive every process.
#[tokio::test]
async fn a_token_is_good_after_a_restart_of_everything() {
    let mut world = World::usual(1).await;
    let account = demo1(PASSWORD);
    drop(account.enter(&world.msg(0)).await.unwrap());
    world = world.restart().await;
    drop(account.enter(&world.msg(1)).await.unwrap());
    let accepted = [("outcome", "accepted")];
    world.db_proxies_count_to(RESUMES, &accepted, 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_new_password_ends_the_tokens_of_the_old_one() {
    let world = World::start(USUAL, 1, |_| {}).await;
    let account = demo1(PASSWORD);
    drop(account.enter(&world.msg(0)).await.unwrap());
    let accounts = Accounts::open(&world.topology().store).await.unwrap();
    accounts.set_password("demo1", "new").await.unwrap();

    let refused = account.enter(&world.msg(1)).await;
    let Err(EnterError::Login(error)) = refused else {
        panic!("let in with what was good before");
    };
    assert!(!error.is_retryable(), "{error}");
    assert_eq!(account.token(), None, "not shown again");
    let labels = [("outcome", "refused")];
    world.db_proxies_count_to(RESUMES, &labels, 1).await;
    drop(demo1("new").enter(&world.msg(1)).await.unwrap());
    world.end().await;
}

/// A token that is no good costs a connection and no more: the password follows by itself.
#[tokio::test]
async fn without_a_good_token_the_password_is_sent() {
    let world = World::usual(1).await;
    let account = demo1(PASSWORD);
    let (session, _events) = account.enter(&world.msg(0)).await.unwrap();
    let token = account.token().unwrap();
    session.logout().await.unwrap();
    let (session, _events) = account.enter(&world.msg(1)).await.unwrap();
    assert_ne!(account.token().unwrap(), token);
    session.ping().await.unwrap();
    let labels = [("outcome", "refused")];
    world.db_proxies_count_to(RESUMES, &labels, 1).await;
    world.end().await;
}

/// Nothing of an extension is sent to a client that did not ask for it.
#[tokio::test]
async fn a_stock_client_sees_no_field_of_an_extension() {
    let world = World::usual(1).await;
    let (_raw, answer) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let plain = |answer: &ImLoginRes| ImLoginRes {
        capabilities: None,
        resume_token: None,
        resume_refused: None,
        ..answer.clone()
    };
    assert_eq!(answer, plain(&answer));
    let mut wrong = Raw::connect(&world.msg(0)).await;
    let request = login_request("demo1", "wrong", Device::Windows);
    let answer: ImLoginRes = wrong.ask(&request, 1).await;
    assert_eq!(answer.result_code, 6);
    assert_eq!(answer, plain(&answer));
    world.end().await;
}

//! Processes are killed while people chat; nobody who can be served notices, and nothing that was acknowledged is
//! lost, doubled or out of order.

use tools::client::{Device, LoginError, Outgoing, SendError};
use tools::cluster::{Counts, Role};

use crate::person::Person;
use crate::turmoil::{Victim, chat_through, come_back, no_limits};
use crate::world::{PASSWORD, USUAL, World, soon};

#[tokio::test]
async fn processes_die_while_people_chat() {
    let kills = [
        Victim::Process(Role::DbProxy, 0),
        Victim::Process(Role::RouteServer, 0),
        Victim::Process(Role::LoginServer, 0),
        Victim::Process(Role::MsgServer, 1),
        Victim::Process(Role::DbProxy, 0),
        Victim::Process(Role::RouteServer, 0),
        Victim::Process(Role::MsgServer, 1),
    ];
    chat_through(World::start(USUAL, 2, no_limits).await, &kills).await;
}

/// D-55: no process is the only one of its kind.
#[tokio::test]
async fn of_several_processes_some_die_while_people_chat() {
    let counts = Counts {
        login: 2,
        route: 2,
        db: 1,
        msg: 3,
    };
    let kills = [
        Victim::Process(Role::RouteServer, 0),
        Victim::Process(Role::RouteServer, 1),
        Victim::Process(Role::LoginServer, 0),
        Victim::Process(Role::MsgServer, 2),
        Victim::Process(Role::MsgServer, 1),
        Victim::Process(Role::RouteServer, 0),
        Victim::Process(Role::RouteServer, 1),
    ];
    chat_through(World::start(counts, 2, no_limits).await, &kills).await;
}

#[tokio::test]
async fn a_resend_after_a_reconnect_is_the_same_message_and_is_not_delivered_twice() {
    let world = World::usual(2).await;
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (alice.id(), bob.id());

    let message = Outgoing::text(a, "did you get this?");
    assert_eq!(bob.send(&message).await.unwrap().get(), 1);
    assert_eq!(alice.reads().await.0, 1);

    // His msg_server dies; for all he knows the answer was lost with it.
    world.kill_minus_nine(Role::MsgServer, 1).await;
    soon("the end of the connection", bob.wait_closed()).await;
    let bob = come_back(&world, "demo2").await;
    assert_eq!(bob.send(&message).await.unwrap().get(), 1);
    // Through either msg_server.
    world.ready().await;
    for index in [0, 1] {
        let bob = Person::at(&world.msg(index), "demo2", Device::Windows).await;
        assert_eq!(bob.id(), b);
        assert_eq!(bob.send(&message).await.unwrap().get(), 1);
        let next = Outgoing::text(a, "something else");
        let id = bob.send(&next).await.unwrap().get();
        assert_eq!(
            alice.hears().await.id,
            id,
            "the resends before it were no news"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_key_stands_for_what_was_stored_first() {
    let world = World::usual(2).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let message = Outgoing::text(bob.id(), "the first");
    assert_eq!(alice.send(&message).await.unwrap().get(), 1);

    // A msg_server that has not seen the message yet, and other words under its key.
    world.kill_minus_nine(Role::MsgServer, 1).await;
    soon("the end of the connection", bob.wait_closed()).await;
    world.ready().await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let mut other = message.clone();
    other.data = Outgoing::text(bob.id(), "the second").data;
    assert_eq!(alice.send(&other).await.unwrap().get(), 1);
    assert_eq!(bob.hears().await.text().as_deref(), Some("the first"));
    world.end().await;
}

#[tokio::test]
async fn what_is_written_while_route_server_is_away_arrives_when_it_is_back() {
    let world = World::usual(2).await;
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (alice.id(), bob.id());
    world.cluster.kill_one(Role::RouteServer, 0).await;
    assert_eq!(alice.says(b, "are you there?").await, 1);
    assert_eq!(bob.says(a, "I am").await, 2);
    world.cluster.start_one(Role::RouteServer, 0).await;
    assert_eq!(bob.reads().await.0, 1);
    assert_eq!(alice.reads().await.0, 2);
    world.end().await;
}

#[tokio::test]
async fn without_a_database_everything_that_needs_it_is_refused_and_nothing_else() {
    let world = World::start(USUAL, 3, |topology| {
        let key = "FERROTALK_LIMITS__REQUEST_SECONDS".to_owned();
        topology
            .environment
            .push((Role::MsgServer, key, "1".into()));
    })
    .await;
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (alice.id(), bob.id());
    for index in world.db_proxies() {
        world.cluster.kill_one(Role::DbProxy, index).await;
    }

    let message = Outgoing::text(b, "nobody can store this");
    let refused = alice.send(&message).await;
    assert!(matches!(refused, Err(SendError::Refused)), "{refused:?}");
    assert!(!alice.remove_session(b).await.unwrap(), "its own failure");
    alice.ping().await.unwrap();
    alice.time().await.unwrap();
    assert_eq!(alice.users_status(vec![b]).await.unwrap(), [(b, true)]);
    let login = Person::try_at(&world.msg(0), "demo3", PASSWORD, Device::Windows).await;
    let error = login.err().unwrap();
    let no_database = matches!(error, LoginError::Refused { code, .. } if code == 3);
    assert!(no_database, "{error:?}");

    for index in world.db_proxies() {
        world.cluster.start_one(Role::DbProxy, index).await;
    }
    world.ready().await;
    assert_eq!(alice.send(&message).await.unwrap().get(), 1);
    assert_eq!(bob.says(a, "stored").await, 2);
    assert_eq!(alice.hears().await.id, 2);
    world.end().await;
}

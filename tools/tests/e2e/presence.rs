//! Who is told that somebody is there, and what the death of a process looks like to others: like nothing, unless it
//! had people on it.

use tools::client::{Device, Event, LoginError};
use tools::cluster::{Counts, Role};

use crate::person::Person;
use crate::world::{PASSWORD, USUAL, World, soon};

const TWO_ROUTE_SERVERS: Counts = Counts {
    login: 1,
    route: 2,
    db: 1,
    msg: 2,
};

/// The presence notices among some events.
fn notices(events: &[Event]) -> Vec<(u32, bool)> {
    let notice = |event: &Event| match event {
        Event::Presence { user_id, online } => Some((*user_id, *online)),
        _ => None,
    };
    events.iter().filter_map(notice).collect()
}

/// D-25: nobody is online before he comes.
#[tokio::test]
async fn desktops_are_seen_and_phones_are_not() {
    let world = World::usual(3).await;
    let mut watcher = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let me = watcher.id();
    assert_eq!(watcher.notices().await, (me, true), "one sees oneself come");

    let mut phone = Person::at(&world.msg(1), "demo2", Device::Ios).await;
    let them = phone.id();
    let desktop = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    assert_eq!(watcher.notices().await, (them, true));
    let on = watcher.users_status(vec![them]).await.unwrap();
    assert_eq!(on, [(them, true)]);

    // Another desktop takes over, elsewhere: nothing changes for others.
    let other = Person::at(&world.msg(1), "demo2", Device::Mac).await;
    soon("a kick", desktop.wait_closed()).await;
    other.logout().await.unwrap();
    assert_eq!(watcher.notices().await, (them, false));
    let off = watcher.users_status(vec![them, 0, 4711]).await.unwrap();
    assert_eq!(off, [(them, false), (0, false), (4711, false)]);

    // The phone was there all the time, is told nothing of others, and its going is no news.
    phone.ping().await.unwrap();
    assert_eq!(notices(&phone.so_far().await), []);
    phone.logout().await.unwrap();
    let third = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    assert_eq!(watcher.notices().await, (third.id(), true));
    world.end().await;
}

/// D-50: nobody stays online on a server that is gone.
#[tokio::test]
async fn a_msg_server_that_dies_takes_its_users_offline_for_everybody() {
    let world = World::usual(3).await;
    let mut watcher = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let there = [
        Person::at(&world.msg(1), "demo2", Device::Windows).await,
        Person::at(&world.msg(1), "demo3", Device::Mac).await,
    ];
    let ids = [there[0].id(), there[1].id()];
    while watcher.notices().await != (ids[1], true) {}

    world.kill_minus_nine(Role::MsgServer, 1).await;
    let mut gone = [watcher.notices().await, watcher.notices().await];
    gone.sort_unstable();
    assert_eq!(gone, ids.map(|id| (id, false)));
    let status = watcher.users_status(ids.to_vec()).await.unwrap();
    assert_eq!(status, ids.map(|id| (id, false)));

    // One of them comes back, where there is somebody to come to.
    world.ready().await;
    let back = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    assert_eq!(watcher.notices().await, (ids[0], true));
    assert_eq!(back.says(watcher.id(), "back again").await, 1);
    assert_eq!(watcher.hears().await.id, 1);
    world.end().await;
}

#[tokio::test]
async fn of_two_route_servers_one_may_go_and_nobody_is_told_anything_twice() {
    let world = World::start(TWO_ROUTE_SERVERS, 6, |_| {}).await;
    let mut watcher = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    assert_eq!(watcher.notices().await, (watcher.id(), true));
    let mut others = Vec::new();
    for user in ["demo2", "demo3", "demo4", "demo5"] {
        let other = Person::at(&world.msg(1), user, Device::Windows).await;
        assert_eq!(watcher.notices().await, (other.id(), true), "and only once");
        others.push(other);
    }
    let ids: Vec<u32> = others.iter().map(Person::id).collect();
    let all_there: Vec<_> = ids.iter().map(|id| (*id, true)).collect();

    // Neither is missed when it goes, nor when it comes back.
    for gone in [0, 1, 0] {
        world.cluster.kill_one(Role::RouteServer, gone).await;
        for _ in 0..2 {
            for other in &mut others {
                let id = watcher.says(other.id(), "hello").await;
                assert_eq!(other.hears().await.id, id);
                let id = other.says(watcher.id(), "hello").await;
                assert_eq!(watcher.hears().await.id, id);
            }
        }
        let status = watcher.users_status(ids.clone()).await.unwrap();
        assert_eq!(status, all_there);
        let visitor = Person::at(&world.msg(1), "demo6", Device::Windows).await;
        assert_eq!(watcher.notices().await, (visitor.id(), true));
        world.cluster.start_one(Role::RouteServer, gone).await;
        let link = [("peer", "route_server")];
        for index in [0, 1] {
            world
                .counts_to(Role::MsgServer, index, "im_link_up", &link, 2)
                .await;
        }
        visitor.logout().await.unwrap();
        assert_eq!(watcher.notices().await, (visitor.id(), false));
    }
    assert_eq!(notices(&watcher.so_far().await), []);
    world.end().await;
}

#[tokio::test]
async fn a_restart_of_the_only_route_server_makes_nobody_flicker() {
    let world = World::usual(4).await;
    let mut watcher = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut steady = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let leaver = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    let (s, l) = (steady.id(), leaver.id());
    while watcher.notices().await != (l, true) {}
    while steady.notices().await != (l, true) {}

    world.cluster.kill_one(Role::RouteServer, 0).await;
    leaver.logout().await.unwrap();
    let status = watcher.users_status(vec![s]).await.unwrap();
    assert_eq!(status, [(s, true)], "from memory");
    let login = Person::try_at(&world.msg(0), "demo4", PASSWORD, Device::Windows).await;
    let refused = matches!(login.err(), Some(LoginError::Refused { code: 5, .. }));
    assert!(refused, "nobody could be told, so nobody is let in");
    world.cluster.start_one(Role::RouteServer, 0).await;
    world.ready().await;

    // Whoever comes is seen at once; who left meanwhile is gone as soon as everybody has spoken; nobody else is
    // mentioned at all.
    let newcomer = Person::at(&world.msg(1), "demo4", Device::Windows).await;
    for person in [&mut watcher, &mut steady] {
        assert_eq!(person.notices().await, (newcomer.id(), true));
        assert_eq!(person.notices().await, (l, false));
        assert_eq!(notices(&person.so_far().await), []);
    }
    world.end().await;
}

/// D-56: in a large directory not everybody is told of everybody.
#[tokio::test]
async fn in_a_large_directory_those_see_each_other_who_have_something_to_do_with_each_other() {
    let world = World::start(USUAL, 6, |topology| {
        let small = ("FERROTALK_PRESENCE__DIRECTORY".into(), "5".into());
        topology.environment.push((Role::DbProxy, small.0, small.1));
    })
    .await;
    // Ann and Bob have written to each other, Ann and Cat are in a group; Dan and Eve know nobody.
    let mut ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let cat = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    let mut dan = Person::at(&world.msg(0), "demo4", Device::Windows).await;
    let ids = [ann.id(), bob.id(), cat.id()];
    assert_eq!(ann.says(ids[1], "hello").await, 1);
    assert_eq!(bob.hears().await.id, 1);
    let group = ann.create_group("two", vec![ids[0], ids[2]]).await;
    assert!(group.unwrap().is_some());
    // Oneself one sees in any case.
    assert_eq!(ann.notices().await, (ids[0], true));
    assert_eq!(dan.notices().await, (dan.id(), true));

    // Those who got to know each other just now, and those who come with it from the database.
    bob.logout().await.unwrap();
    assert_eq!(ann.notices().await, (ids[1], false));
    let eve = Person::at(&world.msg(1), "demo5", Device::Windows).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    assert_eq!(ann.notices().await, (ids[1], true));
    cat.logout().await.unwrap();
    assert_eq!(ann.notices().await, (ids[2], false));
    let cat = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    assert_eq!(ann.notices().await, (ids[2], true));

    // Anybody can be asked about, and by the death of a msg_server everybody hears of his own only.
    let all = [bob.id(), cat.id(), eve.id()];
    let status = ann.users_status(all.to_vec()).await.unwrap();
    assert_eq!(status, all.map(|id| (id, true)));
    world.kill_minus_nine(Role::MsgServer, 1).await;
    let mut gone = [ann.notices().await, ann.notices().await];
    gone.sort_unstable();
    assert_eq!(gone, [(ids[1], false), (ids[2], false)]);
    world.ready().await;
    assert_eq!(notices(&ann.so_far().await), []);
    assert_eq!(notices(&dan.so_far().await), []);
    world.end().await;
}

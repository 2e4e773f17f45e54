//! Groups over two msg_servers: who hears what, who may do what, and what is lost when something dies.

use db_proxy::store::{self, Direction, MemberChange};
use proto::Body;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::GroupModifyType;
use proto::im::buddy::ImpcLoginStatusNotify;
use tools::client::{Conversation, Device, Event, Outgoing};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::World;

impl Person {
    async fn tells(&self, group: u32, text: &str) -> u32 {
        match self
            .send(&Outgoing::text(Conversation::Group(group), text))
            .await
        {
            Ok(id) => id.get(),
            Err(error) => panic!("{text:?} to group {group}: {error}"),
        }
    }

    /// The next message of a group: its number, author and text.
    async fn reads_in(&mut self, group: u32) -> (u32, u32, String) {
        let message = self.hears().await;
        assert_eq!(message.conversation, Conversation::Group(group));
        (message.id, message.from, message.text().unwrap())
    }

    /// Nothing but presence has come until now.
    async fn heard_nothing(&mut self) {
        let heard = self.so_far().await;
        let is_presence = |event: &Event| match event {
            Event::Presence { .. } => true,
            Event::Other(pdu) => pdu.command() == ImpcLoginStatusNotify::ID,
            _ => false,
        };
        assert!(heard.iter().all(is_presence), "{heard:?}");
    }

    async fn unread_in(&self, group: u32) -> u32 {
        let list = self.unread().await.unwrap().unreadinfo_list;
        let of_group = |info: &&_| {
            let info: &proto::im::base_define::UnreadInfo = info;
            info.session_type == 2 && info.session_id == group
        };
        list.iter().find(of_group).map_or(0, |info| info.unread_cnt)
    }
}

#[tokio::test]
async fn a_group_over_two_msg_servers() {
    let world = World::usual(4).await;
    let mut ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut anns_phone = Person::at(&world.msg(1), "demo1", Device::Android).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Mac).await;
    let mut cat = Person::at(&world.msg(0), "demo3", Device::Ios).await;
    let mut dan = Person::at(&world.msg(1), "demo4", Device::Windows).await;
    let ids = [ann.id(), bob.id(), cat.id()];
    let group = ann.create_group("three", vec![ids[2], ids[0], ids[1], ids[0]]);
    let group = group.await.unwrap().unwrap();
    for person in [&mut anns_phone, &mut bob, &mut cat] {
        person.heard_nothing().await;
    }

    // Right behind its creation, from the same place; then from elsewhere.
    assert_eq!(ann.tells(group, "welcome").await, 1);
    for person in [&mut anns_phone, &mut bob, &mut cat] {
        let welcome = (1, ids[0], "welcome".to_owned());
        assert_eq!(person.reads_in(group).await, welcome);
    }
    assert_eq!(bob.tells(group, "thanks").await, 2);
    for person in [&mut ann, &mut anns_phone, &mut cat] {
        let thanks = (2, ids[1], "thanks".to_owned());
        assert_eq!(person.reads_in(group).await, thanks);
    }

    // Somebody else hears nothing, says nothing and sees nothing.
    let uninvited = Outgoing::text(Conversation::Group(group), "and me?");
    assert!(dan.send(&uninvited).await.is_err());
    dan.heard_nothing().await;
    assert!(dan.groups_info(vec![group]).await.unwrap().is_empty());
    let latest = dan.latest_id(Conversation::Group(group)).await.unwrap();
    assert_eq!(latest, 0);

    // Bob wrote last and has read all; Cat has not.
    assert_eq!(
        (bob.unread_in(group).await, cat.unread_in(group).await),
        (0, 2)
    );
    cat.mark_read(Conversation::Group(group), 1).await.unwrap();
    assert_eq!(cat.unread_in(group).await, 1);
    world.end().await;
}

#[tokio::test]
async fn members_come_and_go() {
    let world = World::usual(5).await;
    let mut ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let mut dan = Person::at(&world.msg(1), "demo4", Device::Windows).await;
    let group = ann.create_group("few", vec![ann.id(), bob.id()]).await;
    let group = group.unwrap().unwrap();
    assert_eq!(ann.tells(group, "before").await, 1);
    bob.hears().await;

    // A member brings somebody in. The others are told once, he himself is answered.
    let added = bob
        .add_members(group, vec![dan.id(), bob.id()])
        .await
        .unwrap();
    assert_eq!(added.result_code, 0);
    assert_eq!(added.chg_user_id_list, [dan.id()]);
    let everybody = vec![ann.id(), bob.id(), dan.id()];
    assert_eq!(added.cur_user_id_list, everybody);
    for person in [&mut ann, &mut dan] {
        let notice = person.is_told().await;
        assert_eq!(notice.user_id, bob.id());
        assert_eq!(notice.change_type, GroupModifyType::Add as i32);
        assert_eq!(notice.cur_user_id_list, everybody);
        assert_eq!(notice.group_version, None, "that is between servers");
        person.heard_nothing().await;
    }
    bob.heard_nothing().await;

    // He hears what follows and sees nothing of what was.
    assert_eq!(ann.tells(group, "after").await, 2);
    assert_eq!(dan.reads_in(group).await.0, 2);
    assert_eq!(dan.unread_in(group).await, 1);
    let history = dan
        .history(Conversation::Group(group), 0, 10)
        .await
        .unwrap();
    assert_eq!(history.iter().map(|m| m.id).collect::<Vec<_>>(), [2]);

    // Somebody who is away joins, comes at another msg_server and hears the next message.
    let eve = Person::at(&world.msg(0), "demo5", Device::Android).await;
    let eve_id = eve.id();
    eve.logout().await.unwrap();
    assert_eq!(
        ann.add_members(group, vec![eve_id])
            .await
            .unwrap()
            .result_code,
        0
    );
    let mut eve = Person::at(&world.msg(1), "demo5", Device::Android).await;
    assert_eq!(ann.tells(group, "eve?").await, 3);
    assert_eq!(eve.reads_in(group).await.0, 3);

    // Only the creator takes somebody out; whoever is out is told so, and hears no more.
    let refused = bob.remove_members(group, vec![dan.id()]).await.unwrap();
    assert_eq!(refused.result_code, 1);
    let removed = ann.remove_members(group, vec![dan.id()]).await.unwrap();
    assert_eq!(removed.chg_user_id_list, [dan.id()]);
    let notice = loop {
        let notice = dan.is_told().await;
        if notice.change_type == GroupModifyType::Del as i32 {
            break notice;
        }
    };
    assert_eq!(notice.chg_user_id_list, [dan.id()]);
    assert_eq!(ann.tells(group, "without dan").await, 4);
    while bob.hears().await.id != 4 {}
    dan.heard_nothing().await;
    assert!(dan.recent_sessions(0).await.unwrap().is_empty());
    world.end().await;
}

/// What a msg_server stored and did not live to tell: everybody gets it all the same.
#[tokio::test]
async fn a_change_of_which_nobody_was_told_is_noticed_with_the_next_message() {
    let world = World::usual(3).await;
    let ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let mut cat = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    let group = ann.create_group("two", vec![ann.id(), bob.id()]).await;
    let group = group.unwrap().unwrap();
    assert_eq!(ann.tells(group, "hello").await, 1);
    bob.hears().await;

    let store = store::open(&world.topology().store).await.unwrap();
    let change = |direction, user| MemberChange {
        group_id: GroupId::new(group).unwrap(),
        actor: None,
        direction,
        users: vec![UserId::new(user).unwrap()],
        limit: 10,
        groups_per_user: 100,
        request: None,
    };
    let stored = store
        .change_members(&change(Direction::Join, cat.id()))
        .await;
    assert_eq!(stored.unwrap().unwrap().version, 2);
    let stored = store
        .change_members(&change(Direction::Leave, bob.id()))
        .await;
    assert_eq!(stored.unwrap().unwrap().version, 3);

    for (id, text) in [(2, "and cat"), (3, "still there?")] {
        assert_eq!(ann.tells(group, text).await, id);
        assert_eq!(cat.reads_in(group).await, (id, ann.id(), text.to_owned()));
    }
    bob.heard_nothing().await;
    world.end().await;
}

#[tokio::test]
async fn a_group_message_waits_for_a_route_server_and_for_a_msg_server() {
    let world = World::usual(3).await;
    let ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let group = ann.create_group("two", vec![ann.id(), bob.id()]).await;
    let group = group.unwrap().unwrap();
    assert_eq!(ann.tells(group, "one").await, 1);
    assert_eq!(bob.reads_in(group).await.0, 1);

    world.cluster.kill_one(Role::RouteServer, 0).await;
    assert_eq!(ann.tells(group, "two").await, 2);
    world.cluster.start_one(Role::RouteServer, 0).await;
    assert_eq!(bob.reads_in(group).await.0, 2);

    // His msg_server dies; he comes back at its successor, which knows his groups from his login.
    world.kill_minus_nine(Role::MsgServer, 1).await;
    world.ready().await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    assert_eq!(bob.unread_in(group).await, 2);
    assert_eq!(ann.tells(group, "three").await, 3);
    assert_eq!(bob.reads_in(group).await.0, 3);
    assert_eq!(bob.tells(group, "four").await, 4);
    world.end().await;
}

#[tokio::test]
async fn a_message_to_a_large_group_costs_what_its_devices_cost() {
    const MEMBERS: u32 = 5_000;
    const HERE: usize = 20;
    let world = World::usual(MEMBERS).await;
    let ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut others = Vec::new();
    for index in 1..HERE {
        let user = format!("demo{}", index * 7 + 1);
        others.push(Person::at(&world.msg(index % 2), &user, Device::Android).await);
    }
    let group = ann.create_group("all", (1..=MEMBERS).collect()).await;
    let group = group.unwrap().unwrap();

    for id in 1..=10 {
        assert_eq!(ann.tells(group, "to all").await, id);
        for other in &mut others {
            assert_eq!(other.reads_in(group).await.0, id);
        }
    }
    let mut copies = 0;
    let mut fetches = 0;
    for index in [0, 1] {
        copies += world
            .count(Role::MsgServer, index, "im_deliveries_total", &[])
            .await;
        fetches += world
            .count(Role::MsgServer, index, "im_group_fetches_total", &[])
            .await;
    }
    assert_eq!(copies, 10 * others.len() as u64);
    assert_eq!(fetches, 0, "everybody was told when the group was made");
    world.end().await;
}

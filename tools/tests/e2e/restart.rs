//! Everything stops, everything starts again, and nothing has changed.

use tools::client::{Device, Message};

use crate::person::Person;
use crate::world::World;

/// What a user can see of a conversation.
#[derive(Debug, PartialEq)]
struct Seen {
    user_id: u32,
    nick: String,
    history: Vec<Message>,
    unread: Vec<(u32, u32, u32)>,
    recent: Vec<(u32, u32, u32)>,
}

async fn look(person: &Person, peer: u32) -> Seen {
    let unread = person.unread().await.unwrap().unreadinfo_list;
    let recent = person.recent_sessions(0).await.unwrap();
    Seen {
        user_id: person.id(),
        nick: person.profile().user_nick_name.clone(),
        history: person.history(peer, 0, 100).await.unwrap(),
        unread: unread
            .iter()
            .map(|info| (info.session_id, info.unread_cnt, info.latest_msg_id))
            .collect(),
        recent: recent
            .iter()
            .map(|info| (info.session_id, info.latest_msg_id, info.updated_time))
            .collect(),
    }
}

#[tokio::test]
async fn a_restart_of_everything_is_not_seen_in_what_is_stored() {
    let mut world = World::usual(2).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (alice.id(), bob.id());
    for number in 1..=10 {
        alice.says(b, &format!("message {number}")).await;
    }
    while bob.hears().await.id != 10 {}
    bob.mark_read(a, 4).await.unwrap();
    let key = tools::client::Outgoing::text(b, "once");
    assert_eq!(alice.send(&key).await.unwrap().get(), 11);

    let before = (look(&alice, b).await, look(&bob, a).await);
    assert_eq!(before.1.unread, [(a, 7, 11)]);
    world = world.restart().await;
    drop((alice, bob));

    let mut alice = Person::at(&world.msg(1), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    assert_eq!((look(&alice, b).await, look(&bob, a).await), before);

    // And it goes on where it was: a resend is the old message, a new one has the next number.
    assert_eq!(alice.send(&key).await.unwrap().get(), 11);
    assert_eq!(bob.says(a, "good morning").await, 12);
    assert_eq!(alice.reads().await, (12, b, "good morning".into()));
    world.end().await;
}

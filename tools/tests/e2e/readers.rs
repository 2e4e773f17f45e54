//! How far others have read, over two msg_servers.

use proto::capability::READERS;
use tools::client::{Address, Conversation, Device, Event, ReadBy, ReadersError};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::{USUAL, World};

impl Person {
    async fn with_readers(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, READERS).await
    }

    async fn sees_read(&mut self) -> ReadBy {
        self.sees("how far somebody has read", |event| match event {
            Event::ReadBy(read) => Some(read),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn who_shows_it_is_seen_reading_and_sees_others() {
    let world = World::usual(3).await;
    let (here, there) = (world.msg(0), world.msg(1));
    let mut ann = Person::with_readers(&here, "demo1", Device::Windows).await;
    let bob = Person::with_readers(&there, "demo2", Device::Mac).await;
    let bobs_phone = Person::at(&here, "demo2", Device::Android).await;
    let mut cat = Person::with_readers(&there, "demo3", Device::Windows).await;
    let (a, b, c) = (ann.id(), bob.id(), cat.id());
    let read = |user_id, conversation, id| ReadBy {
        user_id,
        conversation,
        id,
    };
    for text in ["1", "2", "3"] {
        ann.says(b, text).await;
    }
    let with_bob = Conversation::User(b);
    bobs_phone.mark_read(a, 1).await.unwrap();
    bob.mark_read(a, 2).await.unwrap();
    assert_eq!(ann.sees_read().await, read(b, with_bob, 2));
    bobs_phone.mark_read(a, 3).await.unwrap();
    bobs_phone.ping().await.unwrap();
    assert_eq!(ann.readers(b).await.unwrap(), [read(b, with_bob, 2)]);

    let group = ann.create_group("three", vec![a, b, c]).await;
    let group = Conversation::Group(group.unwrap().unwrap());
    let id = ann.send_text(group, "hello").await.unwrap().get();
    cat.hears().await;
    bob.mark_read(group, id).await.unwrap();
    for device in [&mut ann, &mut cat] {
        assert_eq!(device.sees_read().await, read(b, group, id));
        assert_eq!(device.readers(group).await.unwrap(), [read(b, group, id)]);
    }
    assert_eq!(bob.readers(group).await.unwrap(), []);
    match bobs_phone.readers(a).await {
        Err(ReadersError::Refused(reason)) => assert_eq!(reason, "shows_nothing"),
        other => panic!("not refused: {other:?}"),
    }

    // It outlives everything that runs.
    drop((bob, bobs_phone, cat));
    let world = world.restart().await;
    let ann = Person::with_readers(&world.msg(1), "demo1", Device::Windows).await;
    assert_eq!(ann.readers(b).await.unwrap(), [read(b, with_bob, 2)]);
    world.end().await;
}

#[tokio::test]
async fn an_operator_may_have_it_off() {
    let world = World::start(USUAL, 2, |topology| {
        let key = "FERROTALK_MESSAGES__READ_POSITIONS".to_owned();
        let off = (Role::DbProxy, key, "false".to_owned());
        topology.environment.push(off);
    })
    .await;
    let mut ann = Person::with_readers(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::with_readers(&world.msg(1), "demo2", Device::Mac).await;
    let id = ann.says(bob.id(), "1").await;
    bob.mark_read(ann.id(), id).await.unwrap();
    bob.ping().await.unwrap();
    match ann.readers(bob.id()).await {
        Err(ReadersError::Refused(reason)) => assert_eq!(reason, "switched_off"),
        other => panic!("not refused: {other:?}"),
    }
    let told = ann.so_far().await;
    let is_read = |event: &Event| matches!(event, Event::ReadBy(_));
    assert!(!told.iter().any(is_read), "{told:?}");
}

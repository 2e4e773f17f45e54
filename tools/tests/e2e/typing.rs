//! Who is typing, and signals, over two msg_servers: to whom one may write, and not to whom one is blocked by.

use proto::capability::{NAK, TYPING};
use proto::im::ext::other::ImNak;
use proto::im::switch_service::Imp2pCmdMsg;
use tools::client::{Address, Conversation, Device, Event, Typing};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::{USUAL, World};

impl Person {
    async fn with_typing(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, TYPING | NAK).await
    }

    /// The next one who begins or ceases to write.
    pub(crate) async fn sees_typing(&mut self) -> Typing {
        self.sees("somebody typing", |event| match event {
            Event::Typing(typing) => Some(typing),
            _ => None,
        })
        .await
    }

    async fn signals(&self, to: u32, text: &str) {
        let signal = Imp2pCmdMsg {
            from_user_id: self.id(),
            to_user_id: to,
            cmd_msg_data: text.to_owned(),
        };
        self.tell(&signal).await.unwrap();
    }
}

#[tokio::test]
async fn the_other_one_sees_it_and_whoever_blocks_does_not() {
    let world = World::usual(3).await;
    let (here, there) = (world.msg(0), world.msg(1));
    let ann = Person::with_typing(&here, "demo1", Device::Windows).await;
    let mut anns_phone = Person::with_typing(&there, "demo1", Device::Ios).await;
    let mut bob = Person::with_typing(&there, "demo2", Device::Mac).await;
    let mut bobs_old_phone = Person::at(&here, "demo2", Device::Android).await;
    let mut cat = Person::with_typing(&there, "demo3", Device::Windows).await;
    let (a, b, c) = (ann.id(), bob.id(), cat.id());
    cat.block(a, true).await.unwrap();

    let conversation = Conversation::User(a);
    for typing in [true, false] {
        ann.say_typing(b, typing).await.unwrap();
        let wanted = Typing {
            user_id: a,
            conversation,
            typing,
        };
        assert_eq!(bob.sees_typing().await, wanted);
    }
    ann.signals(b, "shake").await;
    for device in [&mut bob, &mut bobs_old_phone, &mut anns_phone] {
        let signal: Imp2pCmdMsg = device.is_sent().await;
        assert_eq!(signal.cmd_msg_data, "shake");
    }

    ann.say_typing(c, true).await.unwrap();
    ann.signals(c, "hello?").await;
    let signal: Imp2pCmdMsg = anns_phone.is_sent().await;
    assert_eq!(signal.cmd_msg_data, "hello?", "one's own devices have it");
    let group = ann.create_group("both", vec![a, b, c]).await;
    let group = Conversation::Group(group.unwrap().unwrap());
    ann.send_text(group, "in the group she is heard")
        .await
        .unwrap();
    ann.say_typing(group, true).await.unwrap();
    let typing = cat.sees_typing().await;
    assert_eq!((typing.user_id, typing.conversation), (a, group));
    for device in [&mut bobs_old_phone, &mut anns_phone] {
        let told = device.so_far().await;
        let is_typing = |event: &Event| matches!(event, Event::Typing(_));
        assert!(!told.iter().any(is_typing), "{told:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn where_only_friends_write_only_friends_type() {
    let world = World::start(USUAL, 2, |topology| {
        let key = "FERROTALK_CONTACTS__MESSAGES".to_owned();
        let friends = (Role::DbProxy, key, "friends".to_owned());
        topology.environment.push(friends);
    })
    .await;
    let mut ann = Person::with_typing(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::with_typing(&world.msg(1), "demo2", Device::Mac).await;
    let (a, b) = (ann.id(), bob.id());
    for n in 0..2 {
        match n {
            0 => ann.say_typing(b, true).await.unwrap(),
            _ => ann.signals(b, "shake").await,
        }
        let nak: ImNak = ann.is_sent().await;
        assert_eq!(nak.reason, "not_friends");
    }
    bob.ask_to_be_friends(a, "").await.unwrap();
    let told = bob.so_far().await;
    let is_typing = |event: &Event| matches!(event, Event::Typing(_));
    assert!(!told.iter().any(is_typing), "{told:?}");
}

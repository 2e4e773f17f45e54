//! Mentions and replies, on devices that understand them and devices that do not, over two msg_servers.

use proto::capability::{NAK, REFERENCES, REVISIONS, SYNC};
use tools::client::{
    Account, Address, Conversation, Device, Event, Message, Outgoing, References, RequestError,
    SendError, Status,
};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::{PASSWORD, World};

impl Person {
    async fn with_references(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, REFERENCES | REVISIONS | SYNC | NAK).await
    }

    async fn hears_in(&mut self, group: u32) -> Message {
        self.sees("a message of the group", |event| match event {
            Event::Message(message) if message.conversation == Conversation::Group(group) => {
                Some(message)
            }
            _ => None,
        })
        .await
    }

    async fn refusal(&self, message: Outgoing) -> String {
        match self.send(&message).await {
            Err(SendError::Request(RequestError::Nak { reason, .. })) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn who_is_mentioned_learns_of_it_wherever_he_is() {
    let world = World::usual(4).await;
    let (here, there) = (world.msg(0), world.msg(1));
    let mut ann = Person::with_references(&here, "demo1", Device::Windows).await;
    let mut anns_phone = Person::with_references(&there, "demo1", Device::Ios).await;
    let mut bob = Person::with_references(&there, "demo2", Device::Mac).await;
    let mut bobs_old_phone = Person::at(&here, "demo2", Device::Android).await;
    let (a, b, c) = (ann.id(), bob.id(), 3);
    let group = ann.create_group("four", vec![a, b, c]).await;
    let group = group.unwrap().unwrap();
    let to = Conversation::Group(group);

    let question = Outgoing::text(to, "who comes?").mentioning_everybody();
    let asked = ann.send(&question).await.unwrap().get();
    let answer = Outgoing::text(to, "I do").answering(asked).mentioning([a]);
    assert!(bob.hears_in(group).await.references.everybody);
    assert_eq!(
        bobs_old_phone.hears_in(group).await.references,
        References::default()
    );
    anns_phone.hears_in(group).await;
    let answered = bob.send(&answer).await.unwrap().get();
    for device in [&mut ann, &mut anns_phone] {
        let heard = device.hears_in(group).await;
        assert_eq!(heard.references, answer.references);
        assert!(heard.references.mention(a) && !heard.references.mention(b));
    }
    assert_eq!(
        bobs_old_phone.hears_in(group).await.references,
        References::default()
    );

    assert_eq!(bob.refusal(question.clone()).await, "not_permitted");
    let stranger = Outgoing::text(to, "x").mentioning([b, 4]);
    assert_eq!(ann.refusal(stranger).await, "mentions_no_member");
    let later = Outgoing::text(to, "x").answering(answered + 1);
    assert_eq!(ann.refusal(later).await, "no_such_message");

    // What is edited refers to the same; devices that do not understand that are told without.
    let plain = Account::new("demo3", PASSWORD, Device::Ios, Status::Online);
    let plain = plain.announcing(REVISIONS).enter(&here).await.unwrap();
    let mut plain = Person {
        session: plain.0,
        events: plain.1,
    };
    ann.edit(to, asked, "who comes along?").await.unwrap();
    let edited = bob
        .sees("a revised message", |event| match event {
            Event::Revised(revised) => Some(revised.message),
            _ => None,
        })
        .await;
    assert!(edited.references.everybody);
    let edited = plain
        .sees("a revised message", |event| match event {
            Event::Revised(revised) => Some(revised.message),
            _ => None,
        })
        .await;
    assert_eq!(
        (edited.id, edited.references),
        (asked, References::default())
    );
    let told = plain.so_far().await;
    let is_revised = |event: &Event| matches!(event, Event::Revised(_));
    assert!(!told.iter().any(is_revised), "once: {told:?}");

    // The one who was away.
    let cat = Person::with_references(&there, "demo3", Device::Windows).await;
    let page = cat.sync(None, [], 0).await.unwrap();
    let told = page
        .conversations
        .iter()
        .find(|told| told.conversation == to);
    let told = told.unwrap();
    assert_eq!((told.unread, told.mentioned), (2, Some(asked)));
    assert_eq!(told.messages[1].references.answers, Some(asked));
    ann.recall(to, asked).await.unwrap();
    let page = cat.sync(Some(page.cursor), [], 0).await.unwrap();
    let told = page
        .conversations
        .iter()
        .find(|told| told.conversation == to);
    assert_eq!(told.and_then(|told| told.mentioned), None);
    world.end().await;
}

/// What a msg_server missed while its route_server was away it takes from the store, with what it refers to.
#[tokio::test]
async fn what_was_missed_comes_with_what_it_refers_to() {
    let world = World::usual(2).await;
    let ann = Person::with_references(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::with_references(&world.msg(1), "demo2", Device::Mac).await;
    let first = ann.says(bob.id(), "1").await;
    bob.hears().await;
    world.kill_minus_nine(Role::RouteServer, 0).await;
    let answer = Outgoing::text(bob.id(), "2").answering(first);
    ann.send(&answer).await.unwrap();
    assert_eq!(bob.hears().await.references, answer.references);
}

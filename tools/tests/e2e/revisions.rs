//! Messages that are recalled and edited, on two devices of each over two msg_servers.

use proto::capability::{REVISIONS, SYNC};
use tools::client::{Address, Conversation, Device, Event, Revised, Revision, RevisionError};

use crate::person::Person;
use crate::world::World;

impl Person {
    async fn with_revisions(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, REVISIONS | SYNC).await
    }

    async fn revised(&mut self) -> Revised {
        self.sees("a revised message", |event| match event {
            Event::Revised(revised) => Some(revised),
            _ => None,
        })
        .await
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, RevisionError>) -> String {
    match outcome {
        Err(RevisionError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn all_devices_of_both_see_what_became_of_a_message() {
    let world = World::usual(3).await;
    let (here, there) = (world.msg(0), world.msg(1));
    let ann = Person::with_revisions(&here, "demo1", Device::Windows).await;
    let mut anns_phone = Person::with_revisions(&there, "demo1", Device::Ios).await;
    let mut bob = Person::with_revisions(&there, "demo2", Device::Mac).await;
    let mut bobs_phone = Person::with_revisions(&here, "demo2", Device::Android).await;
    let mut stock = Person::at(&there, "demo3", Device::Windows).await;
    let (a, b, c) = (ann.id(), bob.id(), stock.id());

    let first = ann.says(b, "tomorow").await;
    let second = ann.says(b, "my password is x").await;
    let edited = ann.edit(b, first, "tomorrow").await.unwrap();
    assert_eq!(edited.text().as_deref(), Some("tomorrow"));
    ann.recall(b, second).await.unwrap();
    for (device, with) in [
        (&mut anns_phone, Conversation::User(b)),
        (&mut bob, Conversation::User(a)),
        (&mut bobs_phone, Conversation::User(a)),
    ] {
        let seen = device.revised().await;
        assert_eq!((seen.by, seen.revision), (a, Revision::Edited));
        assert_eq!((seen.message.id, seen.message.conversation), (first, with));
        assert_eq!(seen.message.text().as_deref(), Some("tomorrow"));
        let seen = device.revised().await;
        assert_eq!(
            (seen.message.id, seen.revision),
            (second, Revision::Recalled)
        );
        assert!(!seen.message.text().unwrap().contains("password"));
        let history = device.history(with, 0, 9).await.unwrap();
        let texts: Vec<_> = history
            .iter()
            .map(|message| message.text().unwrap())
            .collect();
        assert_eq!(texts, ["[message recalled]", "tomorrow"]);
    }
    assert_eq!(refused(bob.recall(a, first).await), "not_the_sender");
    assert_eq!(refused(ann.edit(b, second, "y").await), "recalled");
    assert_eq!(refused(ann.recall(c, 1).await), "no_such_message");

    // A client of before sees a text where the message was.
    let id = ann.says(c, "oops").await;
    assert_eq!(stock.reads().await.2, "oops");
    ann.recall(c, id).await.unwrap();
    let history = stock.history(a, 0, 1).await.unwrap();
    assert_eq!(history[0].text().as_deref(), Some("[message recalled]"));
}

#[tokio::test]
async fn who_was_away_learns_which_messages_changed() {
    let world = World::usual(2).await;
    let (here, there) = (world.msg(0), world.msg(1));
    let ann = Person::with_revisions(&here, "demo1", Device::Windows).await;
    let bob = Person::with_revisions(&there, "demo2", Device::Windows).await;
    let (a, b) = (ann.id(), bob.id());
    let ids = [ann.says(b, "1").await, ann.says(b, "2").await];
    let mut cursor = None;
    let mut changes = bob.changes(None);
    while let Some(page) = changes.next().await.unwrap() {
        assert!(page.revised.is_empty(), "everything is new");
        cursor = Some(page.cursor);
    }
    drop(bob);
    ann.edit(b, ids[0], "one").await.unwrap();
    ann.recall(b, ids[1]).await.unwrap();
    let bob = Person::with_revisions(&there, "demo2", Device::Windows).await;
    let page = bob.sync(cursor, [], 0).await.unwrap();
    assert_eq!(page.revised, [(Conversation::User(a), ids.to_vec())]);
}

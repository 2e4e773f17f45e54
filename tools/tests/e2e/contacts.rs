//! Who asks whom to be friends, who blocks whom, and which devices hear of it.

use proto::capability::{CONTACTS, SYNC};
use proto::im::ext::buddy::{Contact, ContactState};
use tools::client::{Address, ContactError, Device, Event, Outgoing, SendError, SyncPage};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::{USUAL, World};

use ContactState::{ContactAsked, ContactAsksMe, ContactFriend, ContactNone};

impl Person {
    /// Logs in with a client that understands contacts.
    async fn with_contacts(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, CONTACTS | SYNC).await
    }

    /// The next notice about a contact.
    async fn contact(&mut self) -> Contact {
        self.sees("a contact", |event| match event {
            Event::ContactChanged(contact) => Some(contact),
            _ => None,
        })
        .await
    }

    /// Reads notices until a contact has that state.
    async fn contact_is(&mut self, user: u32, state: ContactState) -> Contact {
        loop {
            let contact = self.contact().await;
            if contact.user_id == user && contact.state == state as i32 {
                return contact;
            }
        }
    }

    async fn no_contact_came(&mut self) {
        let came = self.so_far().await;
        let contacts = came
            .iter()
            .filter(|event| matches!(event, Event::ContactChanged(_)));
        assert_eq!(contacts.count(), 0, "{came:?}");
    }

    /// What a device learns that shows that page's cursor.
    async fn changes_since(&self, page: Option<&SyncPage>) -> Vec<SyncPage> {
        let mut changes = self.changes(page.map(|page| page.cursor.clone()));
        let mut pages = Vec::new();
        while let Some(page) = changes.next().await.unwrap() {
            pages.push(page);
        }
        pages
    }
}

fn state(contact: &Contact) -> (u32, i32) {
    (contact.user_id, contact.state)
}

/// The last word about somebody.
fn told(pages: &[SyncPage], user: u32) -> Option<i32> {
    let contacts = pages.iter().flat_map(|page| &page.contacts);
    let mut of_user = contacts.filter(|contact| contact.user_id == user);
    of_user.next_back().map(|contact| contact.state)
}

fn refused(error: Result<Contact, ContactError>) -> String {
    match error.unwrap_err() {
        ContactError::Refused(reason) => reason,
        error => panic!("{error}"),
    }
}

/// Two devices of each, crosswise on two msg_servers.
struct Four {
    ann: Person,
    anns_phone: Person,
    bob: Person,
    bobs_phone: Person,
}

impl Four {
    async fn of(world: &World) -> Self {
        let (here, there) = (world.msg(0), world.msg(1));
        Self {
            ann: Person::with_contacts(&here, "demo1", Device::Windows).await,
            anns_phone: Person::with_contacts(&there, "demo1", Device::Ios).await,
            bob: Person::with_contacts(&there, "demo2", Device::Mac).await,
            bobs_phone: Person::with_contacts(&here, "demo2", Device::Android).await,
        }
    }
}

#[tokio::test]
async fn all_devices_of_both_hear_of_a_request_and_how_it_ends() {
    let world = World::usual(3).await;
    let Four {
        mut ann,
        mut anns_phone,
        mut bob,
        mut bobs_phone,
    } = Four::of(&world).await;
    let mut stock = Person::at(&world.msg(0), "demo3", Device::Windows).await;
    let (a, b) = (ann.id(), bob.id());

    let asked = ann.ask_to_be_friends(b, "it is Ann").await.unwrap();
    assert_eq!(state(&asked), (b, ContactAsked as i32));
    assert_eq!(anns_phone.contact().await, asked);
    for device in [&mut bob, &mut bobs_phone] {
        let seen = device.contact().await;
        assert_eq!(state(&seen), (a, ContactAsksMe as i32));
        assert_eq!(seen.greeting(), "it is Ann");
    }

    // Refused on the phone: over for everybody.
    let none = bobs_phone.answer_request(a, false).await.unwrap();
    assert_eq!(state(&none), (a, ContactNone as i32));
    assert_eq!(bob.contact().await, none);
    for device in [&mut ann, &mut anns_phone] {
        assert_eq!(state(&device.contact().await), (b, ContactNone as i32));
    }

    // Both ask at the same moment, at two msg_servers: friends, whoever came first.
    let (one, other) = tokio::join!(
        ann.ask_to_be_friends(b, ""),
        bob.ask_to_be_friends(a, "hello"),
    );
    let states = [one.unwrap().state, other.unwrap().state];
    assert!(states.contains(&(ContactFriend as i32)), "{states:?}");
    for (device, other) in [(&mut anns_phone, b), (&mut bobs_phone, a)] {
        device.contact_is(other, ContactFriend).await;
    }

    // Ended by one, for both. Who only understands what the original has is told nothing of all this.
    ann.remove_friend(b).await.unwrap();
    for (device, other) in [(&mut anns_phone, b), (&mut bob, a), (&mut bobs_phone, a)] {
        device.contact_is(other, ContactNone).await;
    }
    stock
        .ask_to_be_friends(a, "from a stock client")
        .await
        .unwrap();
    ann.contact_is(stock.id(), ContactAsksMe).await;
    ann.answer_request(stock.id(), true).await.unwrap();
    stock.no_contact_came().await;
    let came = stock.so_far().await;
    let others = came.iter().filter(|event| matches!(event, Event::Other(_)));
    assert_eq!(others.count(), 0);

    assert_eq!(refused(ann.ask_to_be_friends(a, "").await), "to_oneself");
    assert_eq!(refused(ann.ask_to_be_friends(99, "").await), "no_such_user");
    assert_eq!(refused(ann.answer_request(b, true).await), "no_request");
    world.end().await;
}

#[tokio::test]
async fn who_was_away_hears_of_contacts_when_he_asks_what_changed() {
    let world = World::usual(4).await;
    let bob = Person::with_contacts(&world.msg(1), "demo2", Device::Mac).await;
    let before = bob.changes_since(None).await;
    assert!(before.iter().all(|page| page.contacts.is_empty()));
    let b = bob.id();
    bob.logout().await.unwrap();

    let ann = Person::with_contacts(&world.msg(0), "demo1", Device::Windows).await;
    let cat = Person::with_contacts(&world.msg(1), "demo3", Device::Windows).await;
    ann.ask_to_be_friends(b, "are you there?").await.unwrap();
    cat.ask_to_be_friends(b, "or not?").await.unwrap();
    cat.remove_friend(b).await.unwrap();

    let bob = Person::with_contacts(&world.msg(0), "demo2", Device::Mac).await;
    let pages = bob.changes_since(before.last()).await;
    assert_eq!(told(&pages, ann.id()), Some(ContactAsksMe as i32));
    assert_eq!(told(&pages, cat.id()), Some(ContactNone as i32));
    bob.answer_request(ann.id(), true).await.unwrap();
    bob.block(cat.id(), true).await.unwrap();

    // A new device, and the list by itself, say the same.
    let phone = Person::with_contacts(&world.msg(1), "demo2", Device::Ios).await;
    let pages = phone.changes_since(None).await;
    assert_eq!(told(&pages, ann.id()), Some(ContactFriend as i32));
    let list = phone.contacts(None).await.unwrap();
    assert!(!list.more && !list.reset);
    let of = |user| list.contacts.iter().find(|contact| contact.user_id == user);
    assert_eq!(of(ann.id()).unwrap().state, ContactFriend as i32);
    assert!(of(cat.id()).unwrap().blocked());
    world.end().await;
}

#[tokio::test]
async fn who_is_blocked_hears_nothing_and_is_not_heard() {
    let world = World::usual(2).await;
    let Four {
        mut ann,
        mut anns_phone,
        mut bob,
        mut bobs_phone,
    } = Four::of(&world).await;
    let (a, b) = (ann.id(), bob.id());
    ann.ask_to_be_friends(b, "").await.unwrap();
    bob.contact_is(a, ContactAsksMe).await;
    bob.answer_request(a, true).await.unwrap();
    ann.contact_is(b, ContactFriend).await;
    anns_phone.contact_is(b, ContactFriend).await;
    bobs_phone.contact_is(a, ContactFriend).await;

    let blocked = bob.block(a, true).await.unwrap();
    assert!(blocked.blocked());
    assert_eq!(bobs_phone.contact().await, blocked);
    for device in [&mut ann, &mut anns_phone] {
        let seen = device.contact().await;
        assert_eq!(state(&seen), (b, ContactNone as i32));
        assert_eq!(seen.blocked, None, "as a removal");
    }
    let asked = ann.ask_to_be_friends(b, "why?").await.unwrap();
    assert_eq!(state(&asked), (b, ContactAsked as i32));
    assert_eq!(anns_phone.contact().await, asked);
    assert_eq!(
        refused(bob.ask_to_be_friends(a, "").await),
        "blocked_by_oneself"
    );
    bob.block(a, false).await.unwrap();
    bobs_phone.contact().await;
    for device in [&mut ann, &mut anns_phone, &mut bob, &mut bobs_phone] {
        device.no_contact_came().await;
    }
    world.end().await;
}

/// Nothing of what is done is lost with a msg_server: whoever is told too late asks.
#[tokio::test]
async fn a_contact_survives_every_process() {
    let world = World::usual(2).await;
    let ann = Person::with_contacts(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::with_contacts(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (ann.id(), bob.id());
    ann.ask_to_be_friends(b, "").await.unwrap();
    bob.answer_request(a, true).await.unwrap();
    drop((ann, bob));
    let world = world.restart().await;
    let ann = Person::with_contacts(&world.msg(1), "demo1", Device::Windows).await;
    let list = ann.contacts(None).await.unwrap();
    let found: Vec<_> = list.contacts.iter().map(state).collect();
    assert_eq!(found, [(b, ContactFriend as i32)]);
    world.end().await;
}

/// `[contacts] messages = "friends"`: strangers, and who is blocked, are refused in the same words.
#[tokio::test]
async fn where_friends_alone_may_write_others_are_refused() {
    let world = World::start(USUAL, 3, |topology| {
        let key = "FERROTALK_CONTACTS__MESSAGES".to_owned();
        let friends = (Role::DbProxy, key, "friends".to_owned());
        topology.environment.push(friends);
    })
    .await;
    let ann = Person::with_contacts(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::with_contacts(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (ann.id(), bob.id());
    let is_refused = async |from: &Person, to: u32| {
        let outcome = from.send(&Outgoing::text(to, "hello")).await;
        matches!(outcome, Err(SendError::Refused))
    };
    assert!(is_refused(&ann, b).await);
    assert!(
        ann.recent_sessions(0).await.unwrap().is_empty(),
        "nothing began"
    );
    ann.ask_to_be_friends(b, "").await.unwrap();
    assert!(is_refused(&ann, b).await, "not yet");
    bob.answer_request(a, true).await.unwrap();
    assert_eq!(ann.says(b, "at last").await, 1);
    assert_eq!(bob.reads().await, (1, a, "at last".to_owned()));
    assert_eq!(bob.says(a, "hello").await, 2);
    bob.block(a, true).await.unwrap();
    assert!(is_refused(&ann, b).await);
    assert!(is_refused(&bob, a).await);
    world.end().await;
}

/// Where everybody may write to everybody: the blocked one notices nothing, and the other one hears nothing.
#[tokio::test]
async fn what_a_blocked_one_writes_stays_with_him() {
    let world = World::usual(2).await;
    let Four {
        ann,
        mut anns_phone,
        mut bob,
        mut bobs_phone,
    } = Four::of(&world).await;
    let (a, b) = (ann.id(), bob.id());
    assert_eq!(ann.says(b, "hello").await, 1);
    assert_eq!(anns_phone.hears().await.id, 1);
    for device in [&mut bob, &mut bobs_phone] {
        assert_eq!(device.hears().await.id, 1);
    }
    let before = bobs_phone.changes_since(None).await;
    bob.block(a, true).await.unwrap();
    assert_eq!(ann.says(b, "are you there?").await, 2);
    assert_eq!(
        anns_phone.reads().await,
        (2, a, "are you there?".to_owned())
    );
    assert_eq!(ann.latest_id(b).await.unwrap(), 2);
    assert_eq!(bob.latest_id(a).await.unwrap(), 1);
    assert_eq!(bob.unread().await.unwrap().total_cnt, 1);
    assert_eq!(bob.history(a, 0, 9).await.unwrap().len(), 1);
    let pages = bobs_phone.changes_since(before.last()).await;
    let talks = pages.iter().flat_map(|page| &page.conversations);
    let told: Vec<u32> = talks
        .flat_map(|talk| &talk.messages)
        .map(|message| message.id)
        .collect();
    assert!(!told.contains(&2), "{told:?}");

    bob.block(a, false).await.unwrap();
    assert_eq!(ann.says(b, "now?").await, 3);
    for device in [&mut bob, &mut bobs_phone] {
        assert_eq!(device.reads().await, (3, a, "now?".to_owned()));
    }
    let ids: Vec<u32> = bob
        .history(a, 0, 9)
        .await
        .unwrap()
        .iter()
        .map(|m| m.id)
        .collect();
    assert_eq!(ids, [3, 1]);
    world.end().await;
}

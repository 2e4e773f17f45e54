//! A device that was away asks what changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::im::buddy::ImChangeSignInfoReq;
use tools::client::{Conversation, Device, Outgoing, SyncPage, SyncedConversation};

use crate::person::Person;
use crate::turmoil::no_limits;
use crate::world::{USUAL, World};

/// Everything since a cursor, in its pages.
async fn all(person: &Person, cursor: Option<&Bytes>) -> Vec<SyncPage> {
    let mut changes = person.changes(cursor.cloned());
    let mut pages = Vec::new();
    while let Some(page) = changes.next().await.unwrap() {
        pages.push(page);
    }
    assert_eq!(changes.cursor(), pages.last().map(|page| &page.cursor));
    pages
}

fn cursor(pages: &[SyncPage]) -> Option<&Bytes> {
    pages.last().map(|page| &page.cursor)
}

fn talks(pages: &[SyncPage]) -> BTreeMap<Conversation, SyncedConversation> {
    let talks = pages.iter().flat_map(|page| &page.conversations).cloned();
    talks.map(|talk| (talk.conversation, talk)).collect()
}

fn texts(talk: &SyncedConversation) -> Vec<String> {
    let texts = talk.messages.iter().map(|message| message.text().unwrap());
    texts.collect()
}

#[tokio::test]
async fn a_phone_that_was_cut_off_learns_everything_with_one_question() {
    let world = World::usual(4).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    let carol = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    let dave = Person::at(&world.msg(1), "demo4", Device::Windows).await;
    let (a, b, c, d) = (alice.id(), bob.id(), carol.id(), dave.id());
    let old = carol
        .create_group("old", vec![b, c])
        .await
        .unwrap()
        .unwrap();
    carol.says(b, "before").await;

    let phone = Person::at(&world.msg(1), "demo2", Device::Android).await;
    let first = all(&phone, None).await;
    let seen = cursor(&first);
    let mut users: Vec<u32> = first
        .iter()
        .flat_map(|page| &page.users)
        .map(|user| user.user_id)
        .collect();
    users.sort_unstable();
    assert_eq!(users, [a, b, c, d]);
    assert_eq!(texts(&talks(&first)[&Conversation::User(c)]), ["before"]);
    drop(phone);

    for text in ["one", "two", "three"] {
        alice.says(b, text).await;
    }
    bob.mark_read(a, 2).await.unwrap();
    assert_eq!(bob.says(d, "hello Dave").await, 1);
    assert_eq!(bob.unread().await.unwrap().total_cnt, 2);
    assert!(bob.remove_session(c).await.unwrap());
    let new = alice.create_group("new", vec![a, b, d]).await.unwrap();
    let new = new.unwrap();
    let greeting = Outgoing::text(Conversation::Group(new), "hello all");
    assert_eq!(dave.send(&greeting).await.unwrap().get(), 1);
    let removed = carol.remove_members(old, vec![b]).await.unwrap();
    assert_eq!(removed.result_code, 0);
    let signature = ImChangeSignInfoReq {
        user_id: a,
        sign_info: "in the office".to_owned(),
        attach_data: None,
    };
    assert_eq!(alice.request(signature).await.unwrap().result_code, 0);

    let phone = Person::at(&world.msg(1), "demo2", Device::Android).await;
    let page = all(&phone, seen).await;
    assert_eq!(page.len(), 1);
    assert!(!page[0].reset);
    let told = talks(&page);
    let state = |with: Conversation| {
        let talk = &told[&with];
        (talk.latest, talk.read, talk.unread, talk.hidden)
    };
    let with_alice = &told[&Conversation::User(a)];
    assert_eq!(texts(with_alice), ["one", "two", "three"]);
    assert_eq!(with_alice.missing_from, None);
    assert_eq!(state(Conversation::User(a)), (3, 2, 1, false));
    assert_eq!(state(Conversation::User(c)), (1, 1, 0, true));
    assert_eq!(state(Conversation::User(d)), (1, 0, 0, false));
    assert_eq!(state(Conversation::Group(new)), (1, 0, 1, false));
    assert_eq!(texts(&told[&Conversation::Group(new)]), ["hello all"]);
    assert_eq!(page[0].left, [old]);
    let groups: Vec<_> = page[0].groups.iter().map(|group| group.group_id).collect();
    assert_eq!(groups, [new]);
    assert_eq!(page[0].groups[0].group_member_list, [a, b, d]);
    let changed = page[0].users.iter().find(|user| user.user_id == a);
    let signature = changed.and_then(|user| user.sign_info.as_deref());
    assert_eq!(signature, Some("in the office"));
    let unread = phone.unread().await.unwrap().total_cnt;
    let counted: u32 = told.values().map(|talk| talk.unread).sum();
    assert_eq!(counted, unread);
    world.end().await;
}

#[tokio::test]
async fn a_long_absence_is_told_in_pages() {
    const EACH: u32 = 280;
    let world = World::start(USUAL, 4, no_limits).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    let b = bob.id();
    let before = all(&bob, None).await;
    bob.logout().await.unwrap();
    let mut authors = Vec::new();
    for name in ["demo1", "demo3", "demo4"] {
        let author = Person::at(&world.msg(1), name, Device::Windows).await;
        for number in 1..=EACH {
            assert_eq!(author.says(b, &format!("message {number}")).await, number);
        }
        authors.push(author);
    }

    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    let mut changes = bob
        .changes(cursor(&before).cloned())
        .with_messages(500)
        .knowing(authors[0].id(), 30);
    let mut heard: BTreeMap<Conversation, Vec<u32>> = BTreeMap::new();
    let mut pages = 0;
    while let Some(page) = changes.next().await.unwrap() {
        pages += 1;
        for talk in &page.conversations {
            assert_eq!((talk.latest, talk.missing_from), (EACH, None));
            let ids = heard.entry(talk.conversation).or_default();
            ids.extend(talk.messages.iter().map(|message| message.id));
        }
    }
    assert_eq!(pages, 2, "500 messages in one");
    for (author, first) in authors.iter().zip([31, 1, 1]) {
        let ids = &heard[&Conversation::User(author.id())];
        assert_eq!(ids, &(first..=EACH).collect::<Vec<_>>());
    }

    // the newest are enough for a start; history has the others
    let few = all(&bob, cursor(&before)).await;
    let told = talks(&few);
    let talk = &told[&Conversation::User(authors[2].id())];
    assert_eq!(talk.messages.len(), 100);
    assert_eq!(talk.missing_from, Some(1));
    let rest = bob.history(authors[2].id(), EACH - 100, 500).await.unwrap();
    assert_eq!(rest.len() as u32, EACH - 100);
    world.end().await;
}

#[tokio::test]
async fn a_restored_backup_makes_clients_begin_anew() {
    let world = World::usual(2).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    alice.says(bob.id(), "hello").await;
    let before = all(&bob, None).await;
    // what a restore does last
    let store = &world.topology().store;
    let archive = db_proxy::store::open_archive(store, None).await.unwrap();
    archive.set_epoch(4711).await.unwrap();
    archive.close().await;

    let after = all(&bob, cursor(&before)).await;
    assert!(after[0].reset);
    assert_eq!(
        texts(&talks(&after)[&Conversation::User(alice.id())]),
        ["hello"]
    );
    let later = all(&bob, cursor(&after)).await;
    assert!(!later[0].reset);
    world.end().await;
}

//! What a client fetches: unread counts, pages of history, recent conversations.

use tools::client::{Device, Event, Message};

use crate::person::Person;
use crate::world::World;

fn ids(page: &[Message]) -> Vec<u32> {
    page.iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn who_was_away_pages_back_through_what_was_written() {
    let world = World::usual(3).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let b = bob.id();
    bob.logout().await.unwrap();
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let carol = Person::at(&world.msg(0), "demo3", Device::Windows).await;
    let (a, c) = (alice.id(), carol.id());
    for number in 1..=25 {
        assert_eq!(alice.says(b, &format!("message {number}")).await, number);
    }
    assert_eq!(carol.says(b, "and one of mine").await, 1);

    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let unread = bob.unread().await.unwrap();
    assert_eq!(unread.total_cnt, 26);
    let mut list = unread.unreadinfo_list;
    list.sort_by_key(|info| info.session_id);
    let list: Vec<_> = list
        .iter()
        .map(|info| {
            let author = info.latest_msg_from_user_id;
            (info.session_id, info.unread_cnt, info.latest_msg_id, author)
        })
        .collect();
    assert_eq!(list, [(a, 25, 25, a), (c, 1, 1, c)]);

    // Backwards, newest first; the id one begins with is included.
    let page = bob.history(a, 0, 10).await.unwrap();
    assert_eq!(ids(&page), (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(page[0].text().unwrap(), "message 25");
    assert!(page.iter().all(|message| message.from == a));
    let page = bob.history(a, 16, 10).await.unwrap();
    assert_eq!(ids(&page), (7..=16).rev().collect::<Vec<_>>());
    let page = bob.history(a, 6, 10).await.unwrap();
    assert_eq!(ids(&page), (1..=6).rev().collect::<Vec<_>>());
    assert_eq!(ids(&bob.history(a, 1000, 2).await.unwrap()), [25, 24]);
    assert!(bob.history(a, 0, 0).await.unwrap().is_empty());
    assert!(bob.history(4711, 0, 10).await.unwrap().is_empty());
    assert!(bob.history(b, 0, 10).await.unwrap().is_empty());
    assert_eq!(ids(&alice.history(b, 0, u32::MAX).await.unwrap()).len(), 25);

    let some = bob.by_ids(a, vec![3, 99, 0, 25, 3]).await.unwrap();
    assert_eq!(ids(&some), [25, 3]);
    assert!(bob.by_ids(a, vec![]).await.unwrap().is_empty());
    assert_eq!(bob.latest_id(a).await.unwrap(), 25);
    assert_eq!(bob.latest_id(4711).await.unwrap(), 0);

    // Reading up to a message leaves the later ones unread, and reading an earlier one again takes nothing back.
    // A question behind the mark sees it; his phone is told.
    let mut phone = Person::at(&world.msg(0), "demo2", Device::Android).await;
    for (mark, left) in [(20, 6), (3, 6), (1000, 1)] {
        bob.mark_read(a, mark).await.unwrap();
        assert_eq!(bob.unread().await.unwrap().total_cnt, left);
        let read = phone
            .sees("a read notice", |event| match event {
                Event::ReadNotify(notice) => Some(notice),
                _ => None,
            })
            .await;
        assert_eq!((read.session_id, read.msg_id), (a, mark));
    }
    assert_eq!(alice.says(b, "message 26").await, 26);
    assert_eq!(
        bob.unread().await.unwrap().total_cnt,
        2,
        "what nobody had written was not read"
    );
    world.end().await;
}

#[tokio::test]
async fn a_conversation_leaves_the_recent_list_and_comes_back_with_its_next_message() {
    let world = World::usual(3).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut phone = Person::at(&world.msg(1), "demo1", Device::Android).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let carol = Person::at(&world.msg(0), "demo3", Device::Windows).await;
    let (a, b, c) = (alice.id(), bob.id(), carol.id());
    let recent = async |person: &Person| {
        let list = person.recent_sessions(0).await.unwrap();
        let mut list: Vec<_> = list
            .iter()
            .map(|info| {
                let author = info.latest_msg_from_user_id;
                (info.session_id, info.latest_msg_id, author)
            })
            .collect();
        list.sort_unstable();
        list
    };
    assert_eq!(recent(&alice).await, []);
    bob.says(a, "hello").await;
    alice.says(b, "hello Bob").await;
    carol.says(a, "hello").await;
    assert_eq!(recent(&alice).await, [(b, 2, a), (c, 1, c)]);
    assert_eq!(recent(&bob).await, [(a, 2, a)]);
    assert_eq!(alice.unread().await.unwrap().total_cnt, 2);

    // Removed once; then there is nothing to remove.
    assert!(alice.remove_session(b).await.unwrap());
    assert!(!alice.remove_session(b).await.unwrap());
    assert!(!alice.remove_session(4711).await.unwrap());
    let told = phone
        .sees("a removal", |event| match event {
            Event::SessionRemoved(notice) => Some(notice),
            _ => None,
        })
        .await;
    assert_eq!((told.user_id, told.session_id), (a, b));
    assert_eq!(recent(&phone).await, [(c, 1, c)]);
    assert_eq!(recent(&bob).await, [(a, 2, a)], "it is still on his list");
    let unread = alice.unread().await.unwrap();
    assert_eq!(unread.total_cnt, 1, "it counts as read");
    assert_eq!(ids(&alice.history(b, 0, 9).await.unwrap()), [2, 1]);

    // The next message brings it back.
    assert_eq!(bob.says(a, "are you there?").await, 3);
    assert_eq!(recent(&phone).await, [(b, 3, b), (c, 1, c)]);
    assert_eq!(alice.unread().await.unwrap().total_cnt, 2);
    let now = alice.time().await.unwrap();
    assert!(alice.recent_sessions(now + 60).await.unwrap().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_address_book_and_profiles_are_there_for_everybody() {
    let world = World::usual(3).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let book = alice.all_users(0).await.unwrap();
    let mut names: Vec<_> = book
        .user_list
        .iter()
        .map(|user| user.user_real_name.clone())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["demo1", "demo2", "demo3"]);
    let later = alice.all_users(book.latest_update_time + 60).await.unwrap();
    assert!(later.user_list.is_empty());
    let known: Vec<u32> = book.user_list.iter().map(|user| user.user_id).collect();
    let asked = [&known[..], &[0, 4711]].concat();
    let profiles = alice.users_info(asked).await.unwrap();
    let mut ids: Vec<u32> = profiles.iter().map(|user| user.user_id).collect();
    ids.sort_unstable();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| known.contains(id)));
    world.end().await;
}

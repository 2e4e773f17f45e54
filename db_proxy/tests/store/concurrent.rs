use futures_util::future::{join, join_all};

use crate::bed::{Bed, ids, keyed, text};

/// D-3, D-8: ids are given where the messages are stored.
pub(crate) async fn eight_writers_in_two_stores_leave_no_gap(bed: Bed) {
    let [a, b] = bed.users().await;
    let other = bed.database.open().await;
    let writers = (0..8).map(|writer| {
        let store = if writer % 2 == 0 { &bed.store } else { &other };
        async move {
            let mut mine = Vec::new();
            for n in 0..25 {
                let from_to = if writer % 4 < 2 { (a, b) } else { (b, a) };
                let message = text(from_to.0, from_to.1, &format!("{writer}:{n}"));
                mine.extend(ids(&store.append(&[message]).await.unwrap()));
            }
            assert!(mine.is_sorted(), "one writer's messages keep their order");
            mine
        }
    });
    let mut given: Vec<u32> = join_all(writers).await.into_iter().flatten().collect();
    given.sort_unstable();
    assert_eq!(given, (1..=200).collect::<Vec<_>>());
    assert_eq!(bed.texts(a, b).await.len(), 200);
    assert_eq!(bed.unread(a).await, [(b, 100)]);
    assert_eq!(bed.unread(b).await, [(a, 100)]);
}

/// D-9, D-95, D-96: first messages from both sides at the same moment are in one conversation, and all of them are there.
pub(crate) async fn first_messages_at_once_make_one_conversation(bed: Bed) {
    let users: [_; 9] = bed.users().await;
    let other = bed.database.open().await;
    let me = users[0];
    let firsts = users[1..].iter().flat_map(|peer| {
        let there = async { bed.store.append(&[text(me, *peer, "x")]).await.unwrap() };
        let back = async { other.append(&[text(*peer, me, "y")]).await.unwrap() };
        [
            futures_util::future::Either::Left(there),
            futures_util::future::Either::Right(back),
        ]
    });
    join_all(firsts).await;
    for peer in &users[1..] {
        assert_eq!(bed.texts(me, *peer).await.len(), 2);
    }
    assert_eq!(bed.recent(me, 0).await.len(), 8);
    assert_eq!(bed.unread_list(me).await.total, 8);
}

pub(crate) async fn one_key_at_two_stores_is_stored_once(bed: Bed) {
    let [a, b] = bed.users().await;
    let other = bed.database.open().await;
    for n in 0..20u8 {
        let message = [keyed(text(a, b, "x"), &[n])];
        let (here, there) = join(bed.store.append(&message), other.append(&message)).await;
        let (here, there) = (here.unwrap()[0].unwrap(), there.unwrap()[0].unwrap());
        assert_eq!(here.message_id, there.message_id);
        assert!(here.duplicate != there.duplicate, "one of them was first");
    }
    assert_eq!(bed.texts(a, b).await.len(), 20);
}

pub(crate) async fn reading_while_others_write_loses_no_count(bed: Bed) {
    let [a, b] = bed.users().await;
    let other = bed.database.open().await;
    let write = async {
        for n in 0..60 {
            let (from, to) = if n % 3 == 0 { (b, a) } else { (a, b) };
            bed.append(&[text(from, to, "x")]).await;
        }
    };
    let read = async {
        for n in 0..40 {
            let mark = crate::bed::mark(b, a, n + 1);
            other.mark_read(&[mark]).await.unwrap();
        }
    };
    join(write, read).await;
    bed.read(b, a, 41).await;
    // of messages 42 to 60, b wrote those whose id is 1 more than a multiple of 3
    assert_eq!(bed.unread(b).await, [(a, 13)]);
}

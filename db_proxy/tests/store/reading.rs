use db_proxy::store::{PageLimit, UnixMillis};
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, mark, text, text_at, text_of};

/// D-5: a mark counts up to its message. D-77: the latest message has its own sender.
pub(crate) async fn unread_is_what_others_wrote_after_the_mark(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1", "2"]).await;
    bed.say(b, a, &["3"]).await;
    bed.say(a, b, &["4"]).await;
    assert_eq!(bed.unread(b).await, [(a, 3)]);
    assert_eq!(bed.unread(a).await, [(b, 1)]);
    bed.read(b, a, 1).await;
    assert_eq!(bed.unread(b).await, [(a, 2)]);
    bed.read(b, a, 3).await;
    let list = bed.unread_list(b).await;
    assert_eq!((list.total, list.conversations[0].unread), (1, 1));
    let latest = &list.conversations[0].latest;
    assert_eq!((latest.id.get(), latest.sender), (4, a));
    bed.read(b, a, 4).await;
    assert!(bed.unread(b).await.is_empty());
    assert_eq!(bed.unread_list(b).await.total, 0);

    bed.say(b, a, &["5"]).await;
    assert!(bed.unread(b).await.is_empty(), "the own message");
    let list = bed.unread_list(a).await;
    assert_eq!(list.conversations[0].unread, 2);
    assert_eq!(list.conversations[0].latest.sender, b);
}

pub(crate) async fn marks_never_go_back_or_past_the_end(bed: Bed) {
    let [a, b, stranger] = bed.users().await;
    bed.say(a, b, &["1", "2", "3"]).await;
    bed.read(b, a, 2).await;
    bed.read(b, a, 1).await;
    assert_eq!(bed.unread(b).await, [(a, 1)]);
    bed.read(b, a, u32::MAX).await;
    bed.say(a, b, &["4"]).await;
    assert_eq!(bed.unread(b).await, [(a, 1)]);
    bed.read(stranger, a, 1).await;
    assert!(bed.unread(stranger).await.is_empty());
}

pub(crate) async fn many_marks_at_once(bed: Bed) {
    let users: [UserId; 30] = bed.users().await;
    let me = users[0];
    let others = &users[1..];
    let batch: Vec<_> = (0..3)
        .flat_map(|_| others.iter().map(|from| text(*from, me, "x")))
        .collect();
    bed.append(&batch).await;
    let mut marks: Vec<_> = others.iter().map(|peer| mark(me, *peer, 2)).collect();
    marks.extend([
        mark(me, others[0], 3),
        mark(me, others[0], 1),
        mark(others[1], me, 3),
    ]);
    bed.store.mark_read(&marks).await.unwrap();
    let list = bed.unread_list(me).await;
    assert_eq!(list.total, 28);
    assert!(list.conversations.iter().all(|entry| entry.unread == 1));
    assert!(bed.unread(others[1]).await.is_empty());
    bed.store.mark_read(&[]).await.unwrap();
}

pub(crate) async fn hiding_lasts_until_the_next_message(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1", "2"]).await;
    assert!(bed.hide(b, a).await);
    assert!(!bed.hide(b, a).await, "it was not on the list any more");
    assert!(bed.recent(b, 0).await.is_empty());
    assert!(bed.unread(b).await.is_empty());
    assert_eq!(bed.recent(a, 0).await, [b], "only one side hid it");
    assert_eq!(bed.texts(a, b).await, ["1", "2"]);

    bed.say(a, b, &["3"]).await;
    assert_eq!(bed.recent(b, 0).await, [a]);
    assert_eq!(bed.unread(b).await, [(a, 1)]);

    assert!(bed.hide(b, a).await);
    bed.say(b, a, &["4"]).await;
    assert_eq!(
        bed.recent(b, 0).await,
        [a],
        "the own message brings it back too"
    );
    assert!(bed.unread(b).await.is_empty());
}

/// D-14, for conversations: whoever asks again with the second he was told misses no change in that second.
pub(crate) async fn recent_repeats_the_second_asked_with(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let batch = [(b, a, 1), (a, c, 2), (d, a, 3)].map(|(from, to, at)| text_at(from, to, "x", at));
    bed.append(&batch).await;
    bed.database
        .execute(
            "UPDATE conversations SET last_message_at_ms = CASE created_at_ms
             WHEN 1 THEN 5000 WHEN 2 THEN 69999 ELSE 70000 END",
        )
        .await;
    assert_eq!(bed.recent(a, 0).await, [d, c, b]);
    assert_eq!(bed.recent(a, 5).await, [d, c, b]);
    assert_eq!(bed.recent(a, 69).await, [d, c]);
    // where several write at the same time, a little more is met again
    let again = bed.recent(a, 70).await;
    assert!(again == [d] || again == [d, c], "{again:?}");
    assert!(bed.recent(a, 90).await.is_empty());
    assert!(bed.recent(a, u32::MAX).await.is_empty());
}

/// The stamp of a conversation is when its message was stored, whatever the message says of itself.
pub(crate) async fn a_stored_message_is_newer_than_what_was_listed(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let list = async |since| bed.store.recent(a, since, EVERYTHING).await.unwrap();
    bed.append(&[text_at(b, a, "b", 9_000_000_000_000)]).await;
    let seen = list(0).await[0].last_active_at;
    assert!(seen.since(UnixMillis::now()).is_zero(), "not of the future");
    bed.append(&[text_at(c, a, "c", 1_000)]).await;
    let entries = list(seen.seconds()).await;
    let latest = entries.iter().find(|entry| entry.with == c.into()).unwrap();
    assert!(latest.last_active_at >= seen);
    assert_eq!(text_of(&latest.latest), "c");
    assert_eq!((latest.latest.sender, latest.latest.id.get()), (c, 1));
}

pub(crate) async fn lists_end_at_their_limits(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    bed.append(&[
        text_at(b, a, "four", 5_000),
        text_at(c, a, "four", 6_000),
        text_at(d, a, "four", 7_000),
    ])
    .await;
    for (rows, bytes, entries) in [(2, 99, 2), (9, 11, 2), (9, 12, 3), (9, 0, 1)] {
        let limit = PageLimit { rows, bytes };
        let recent = bed.store.recent(a, 0, limit).await.unwrap();
        assert_eq!(recent.len(), entries);
        let unread = bed.store.unread(a, limit).await.unwrap();
        assert_eq!(unread.conversations.len(), entries);
        assert_eq!(unread.total, 3, "those count that were cut off");
    }
}

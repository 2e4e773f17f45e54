//! Messages that are recalled or edited.

use std::time::Duration;

use bytes::Bytes;
use db_proxy::store::{
    Conversation, MessageKind, NewMessage, NewRevision, Revised, Revision, RevisionOutcome,
    RevisionRefusal, UnixMillis,
};
use futures_util::future::join_all;
use proto::ids::{MessageId, UserId};

use crate::bed::{Bed, EVERYTHING, between, keyed, text};

const LONG: Duration = Duration::from_secs(3_600);

async fn revise(
    bed: &Bed,
    by: UserId,
    conversation: Conversation,
    id: u32,
    to: Revised,
    within: Duration,
) -> RevisionOutcome {
    let wanted = NewRevision {
        conversation,
        id: MessageId::new(id).unwrap(),
        by,
        to,
        within,
    };
    bed.store.revise(&wanted).await.unwrap()
}

fn edited(text: &'static str) -> Revised {
    Revised::Edited(Bytes::from_static(text.as_bytes()))
}

pub(crate) async fn a_recalled_message_keeps_its_place_and_nothing_else(bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.say(a, b, &["1", "2", "3"]).await;
    let of = between(a, b);
    let by = async |user, id, within| revise(&bed, user, of, id, Revised::Recalled, within).await;
    assert_eq!(by(b, 2, LONG).await, Err(RevisionRefusal::NotTheSender));
    assert_eq!(by(a, 4, LONG).await, Err(RevisionRefusal::NoSuchMessage));
    let strange = revise(&bed, c, between(c, b), 2, Revised::Recalled, LONG).await;
    assert_eq!(strange, Err(RevisionRefusal::NoSuchMessage));
    let recalled = by(a, 2, LONG).await.unwrap();
    assert_eq!((recalled.id.get(), recalled.sender), (2, a));
    assert_eq!(recalled.revision, Revision::Recalled);
    assert!(recalled.body.is_empty());
    // Once more, however late.
    assert_eq!(by(a, 2, Duration::ZERO).await, Ok(recalled.clone()));
    let history = bed.history(b, a).await;
    assert_eq!(history[1], recalled);
    assert_eq!(bed.texts(a, b).await, ["1", "", "3"]);
    assert_eq!(bed.unread(b).await, [(a, 3)], "it was not read");
    let again = revise(&bed, a, of, 2, edited("x"), LONG).await;
    assert_eq!(again, Err(RevisionRefusal::Recalled));
}

pub(crate) async fn an_edited_message_has_another_body(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1"]).await;
    let of = between(a, b);
    let first = revise(&bed, a, of, 1, edited("one"), LONG).await.unwrap();
    assert_eq!(
        (first.revision, &first.body[..]),
        (Revision::Edited, &b"one"[..])
    );
    let late = revise(&bed, a, of, 1, edited("two"), Duration::ZERO).await;
    bed.database
        .execute("UPDATE messages SET stored_at_ms = stored_at_ms - 5000, created_at_ms = created_at_ms - 5000")
        .await;
    // What is so already stays so at any time.
    let same = revise(&bed, a, of, 1, edited("one"), Duration::from_secs(1)).await;
    assert_eq!(same.unwrap().body, first.body);
    let later = revise(&bed, a, of, 1, edited("three"), Duration::from_secs(1)).await;
    assert_eq!(later, Err(RevisionRefusal::TooLate));
    let recalled = revise(&bed, a, of, 1, Revised::Recalled, Duration::from_secs(1)).await;
    assert_eq!(recalled, Err(RevisionRefusal::TooLate));
    let texts = bed.texts(b, a).await;
    let either = if late.is_ok() { "two" } else { "one" };
    assert_eq!(texts, [either]);

    let voice = NewMessage {
        kind: MessageKind(2),
        ..text(a, b, "12345")
    };
    bed.append(&[voice]).await[0].unwrap();
    let no_text = revise(&bed, a, of, 2, edited("x"), LONG).await;
    assert_eq!(no_text, Err(RevisionRefusal::NoText));
    assert!(
        revise(&bed, a, of, 2, Revised::Recalled, LONG)
            .await
            .is_ok()
    );
}

pub(crate) async fn in_a_group_its_creator_may_recall_what_others_wrote(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b, c]).await;
    bed.say_to(group, b, &["1", "2", "3"]).await;
    let of = Conversation::Group(group);
    let recall = async |by, id| revise(&bed, by, of, id, Revised::Recalled, Duration::ZERO).await;
    assert_eq!(recall(c, 1).await, Err(RevisionRefusal::NotTheSender));
    bed.database
        .execute("UPDATE group_members SET role = 1 WHERE user_id = 3")
        .await;
    assert!(recall(c, 1).await.is_ok());
    let edit = revise(&bed, c, of, 2, edited("x"), LONG).await;
    assert_eq!(edit, Err(RevisionRefusal::NotTheSender));
    bed.leave(group, &[c]).await;
    assert_eq!(recall(c, 2).await, Err(RevisionRefusal::NoSuchMessage));
    bed.join(group, &[c]).await;
    // What was written before somebody joined he doesn't see.
    assert_eq!(recall(c, 2).await, Err(RevisionRefusal::NoSuchMessage));
    assert_eq!(bed.seen(a, group).await, ["", "2", "3"]);
}

pub(crate) async fn who_was_away_hears_what_was_revised(bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.say(a, b, &["1", "2", "3"]).await;
    bed.say(a, c, &["1"]).await;
    let before = bed.store.moment().await.unwrap().now;
    let none = bed.store.revised_messages(b, before, 9).await.unwrap();
    assert_eq!(none, []);
    for (with, id, to) in [
        (b, 3, Revised::Recalled),
        (b, 1, edited("one")),
        (c, 1, Revised::Recalled),
    ] {
        revise(&bed, a, between(a, with), id, to, LONG)
            .await
            .unwrap();
    }
    let heard = async |user, since, limit| {
        let revised = bed
            .store
            .revised_messages(user, since, limit)
            .await
            .unwrap();
        let mut ids: Vec<_> = revised.iter().map(|(of, id)| (*of, id.get())).collect();
        ids.sort_by_key(|(of, id)| (of.number(), *id));
        ids
    };
    let (with_b, with_c) = (between(a, b), between(a, c));
    assert_eq!(heard(b, before, 9).await, [(with_b, 1), (with_b, 3)]);
    assert_eq!(heard(b, before, 1).await.len(), 1);
    assert_eq!(heard(c, before, 9).await, [(with_c, 1)]);
    assert_eq!(heard(a, before, 9).await.len(), 3);
    assert_eq!(heard(b, UnixMillis(i64::MAX), 9).await, []);
}

pub(crate) async fn a_resend_of_a_recalled_message_brings_nothing_back(bed: Bed) {
    let [a, b] = bed.users().await;
    let message = keyed(text(a, b, "secret"), b"key");
    let first = bed.append(std::slice::from_ref(&message)).await[0].unwrap();
    revise(&bed, a, between(a, b), 1, Revised::Recalled, LONG)
        .await
        .unwrap();
    let again = bed.append(&[message]).await[0].unwrap();
    assert_eq!(again.message_id, first.message_id);
    assert!(again.duplicate && again.altered);
    assert_eq!(bed.texts(a, b).await, [""]);
}

pub(crate) async fn revisions_at_two_stores_at_once_come_one_after_the_other(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1"]).await;
    let other = bed.database.open().await;
    let wanted = |to| NewRevision {
        conversation: between(a, b),
        id: MessageId::new(1).unwrap(),
        by: a,
        to,
        within: LONG,
    };
    let edit = wanted(edited("x"));
    let recall = wanted(Revised::Recalled);
    let turns = (0..10).map(|n| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        let wanted = if n < 9 { &edit } else { &recall };
        async move { store.revise(wanted).await.unwrap() }
    });
    for outcome in join_all(turns).await {
        assert!(matches!(outcome, Ok(_) | Err(RevisionRefusal::Recalled)));
    }
    let history = bed.store.history(b, between(a, b), None, EVERYTHING);
    let history = history.await.unwrap();
    assert_eq!(history[0].revision, Revision::Recalled);
    assert!(history[0].body.is_empty());
}

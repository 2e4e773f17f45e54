use db_proxy::store::{ClientKey, NewMessage};

use crate::bed::{Bed, ids, keyed, text, text_at};

/// D-78: a resend is stored once.
pub(crate) async fn a_key_sent_again_is_answered_with_the_first(bed: Bed) {
    let [a, b] = bed.users().await;
    let first = bed
        .append(&[keyed(text_at(a, b, "x", 5_000), b"key")])
        .await;
    bed.append(&[text(b, a, "y")]).await;
    let again = bed
        .append(&[keyed(text_at(a, b, "x", 9_000), b"key")])
        .await;
    assert!(!first[0].unwrap().duplicate);
    let again = again[0].unwrap();
    assert!(again.duplicate);
    assert_eq!(again.message_id.get(), 1);
    assert_eq!(again.created_at.0, 5_000);
    assert_eq!(bed.texts(a, b).await, ["x", "y"]);
    assert_eq!(bed.unread(b).await, [(a, 1)]);
}

pub(crate) async fn a_key_twice_in_a_batch_is_stored_once(bed: Bed) {
    let [a, b] = bed.users().await;
    let batch = [
        keyed(text(a, b, "1"), b"p"),
        keyed(text(a, b, "1"), b"p"),
        keyed(text(a, b, "2"), b"q"),
        keyed(text(a, b, "1"), b"p"),
    ];
    let outcomes = bed.append(&batch).await;
    assert_eq!(ids(&outcomes), [1, 1, 2, 1]);
    let duplicates: Vec<_> = outcomes.iter().map(|o| o.unwrap().duplicate).collect();
    assert_eq!(duplicates, [false, true, false, true]);
    assert_eq!(bed.texts(a, b).await, ["1", "2"]);
    assert_eq!(ids(&bed.append(&batch).await), [1, 1, 2, 1]);
}

pub(crate) async fn keys_belong_to_a_sender_and_a_conversation(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let batch = [
        keyed(text(a, b, "1"), b"k"),
        keyed(text(b, a, "2"), b"k"),
        keyed(text(a, c, "1"), b"k"),
    ];
    for _ in 0..2 {
        assert_eq!(ids(&bed.append(&batch).await), [1, 2, 1]);
    }
    assert_eq!(bed.texts(a, b).await, ["1", "2"]);
    assert_eq!(bed.texts(a, c).await, ["1"]);
}

pub(crate) async fn a_local_key_expires_and_an_explicit_one_does_not(bed: Bed) {
    let [a, b] = bed.users().await;
    let local = |at: i64| {
        let message = text_at(a, b, "same", at);
        NewMessage {
            client_key: Some(ClientKey::local(1, message.kind, &message.body)),
            ..message
        }
    };
    let hour = 3_600_000;
    assert_eq!(ids(&bed.append(&[local(0)]).await), [1]);
    assert_eq!(ids(&bed.append(&[local(hour - 1)]).await), [1]);
    assert_eq!(ids(&bed.append(&[local(hour)]).await), [2]);
    assert_eq!(ids(&bed.append(&[local(2 * hour - 1)]).await), [2]);
    assert_eq!(
        ids(&bed.append(&[local(2 * hour), local(3 * hour)]).await),
        [3, 4]
    );

    bed.append(&[keyed(text_at(a, b, "once", 0), b"k")]).await;
    let ever_after = keyed(text_at(a, b, "once", 1_000 * hour), b"k");
    assert_eq!(ids(&bed.append(&[ever_after]).await), [5]);
    assert_eq!(bed.texts(a, b).await.len(), 5);
}

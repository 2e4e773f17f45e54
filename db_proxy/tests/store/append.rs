use std::pin::pin;

use db_proxy::store::AppendRefusal;
use futures_util::future::poll_immediate;
use proto::ids::UserId;

use crate::bed::{Bed, between, ids, text, text_at};

pub(crate) async fn ids_are_contiguous_in_the_order_of_the_batch(bed: Bed) {
    let [a, b] = bed.users().await;
    let first = bed.append(&[text(a, b, "1"), text(b, a, "2")]).await;
    let second = bed.append(&[text(b, a, "3"), text(a, b, "4")]).await;
    assert_eq!(ids(&first), [1, 2]);
    assert_eq!(ids(&second), [3, 4]);
    assert_eq!(bed.texts(a, b).await, ["1", "2", "3", "4"]);
    let senders: Vec<_> = bed.history(b, a).await.iter().map(|m| m.sender).collect();
    assert_eq!(senders, [a, b, b, a]);
}

pub(crate) async fn conversations_count_for_themselves(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let batch = [
        text(a, b, "1"),
        text(a, c, "1"),
        text(c, b, "1"),
        text(b, a, "2"),
        text(c, a, "2"),
    ];
    assert_eq!(ids(&bed.append(&batch).await), [1, 1, 1, 2, 2]);
    assert_eq!(bed.texts(a, b).await, ["1", "2"]);
    assert_eq!(bed.texts(a, c).await, ["1", "2"]);
    assert_eq!(bed.texts(b, c).await, ["1"]);
    assert!(bed.append(&[]).await.is_empty());
}

/// D-45: nobody begins a conversation with somebody who does not exist.
pub(crate) async fn strangers_are_refused_and_leave_no_trace(bed: Bed) {
    let [a, b] = bed.users().await;
    let nobody = UserId::new(77).unwrap();
    let outcomes = bed
        .append(&[text(a, nobody, "x"), text(a, b, "y"), text(nobody, b, "z")])
        .await;
    assert_eq!(outcomes[0], Err(AppendRefusal::NoSuchUser));
    assert_eq!(outcomes[1].unwrap().message_id.get(), 1);
    assert_eq!(outcomes[2], Err(AppendRefusal::NoSuchUser));
    assert!(bed.history(a, nobody).await.is_empty());
    let latest = bed.store.latest_id(a, between(a, nobody)).await.unwrap();
    assert_eq!(latest, None);
    assert_eq!(bed.recent(a, 0).await, [b]);
}

/// Whoever asked may be gone at any moment: then all of a batch is stored, or nothing of it.
pub(crate) async fn a_batch_that_is_given_up_is_stored_whole_or_not_at_all(bed: Bed) {
    let [a, b] = bed.users().await;
    let mut turns = 1;
    for round in 0..24 {
        let texts = [format!("{round} one"), format!("{round} two")];
        let batch = texts.map(|of| text(a, b, &of));
        let mut append = pin!(bed.store.append(&batch));
        for _ in 0..turns {
            if let Some(outcomes) = poll_immediate(&mut append).await {
                outcomes.expect("nobody is in the way");
                break;
            }
            tokio::task::yield_now().await;
        }
        turns = turns * 3 / 2 + 1;
    }
    bed.append(&[text(a, b, "after"), text(a, b, "all")]).await;
    let texts = bed.texts(a, b).await;
    for pair in texts.chunks(2) {
        let [one, two] = pair else {
            panic!("half a batch: {texts:?}");
        };
        let round = one.strip_suffix(" one").map(|round| format!("{round} two"));
        assert!(one == "after" || Some(two) == round.as_ref(), "{texts:?}");
    }
}

pub(crate) async fn a_batch_larger_than_a_statement(bed: Bed) {
    let users: [UserId; 40] = bed.users().await;
    let mut batch = Vec::new();
    for round in 0..2 {
        for (n, from) in users.iter().enumerate() {
            for to in &users[n + 1..] {
                batch.push(text(*from, *to, &round.to_string()));
            }
        }
    }
    let outcomes = bed.append(&batch).await;
    let half = batch.len() / 2;
    assert!(ids(&outcomes[..half]).iter().all(|id| *id == 1));
    assert!(ids(&outcomes[half..]).iter().all(|id| *id == 2));
    assert_eq!(bed.texts(users[3], users[39]).await, ["0", "1"]);
    assert_eq!(bed.unread_list(users[39]).await.total, 78);
}

/// D-75: a sender's clock decides neither the order of messages nor that of conversations.
pub(crate) async fn a_late_clock_does_not_turn_back_the_list(bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.append(&[text_at(a, b, "on time", 9_000)]).await;
    bed.append(&[text_at(a, c, "between", 8_000)]).await;
    bed.long_ago().await;
    bed.append(&[text_at(b, a, "late clock", 2_000)]).await;
    assert_eq!(bed.recent(a, 0).await, [b, c]);
    assert_eq!(bed.history(a, b).await[0].created_at.0, 2_000);
}

pub(crate) async fn reopening_keeps_everything(mut bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1", "2", "3"]).await;
    bed.read(b, a, 2).await;
    let history = bed.history(a, b).await;
    bed.reopen().await;
    assert_eq!(bed.history(a, b).await, history);
    assert_eq!(bed.unread(b).await, [(a, 1)]);
    assert_eq!(ids(&bed.append(&[text(b, a, "4")]).await), [4]);
}

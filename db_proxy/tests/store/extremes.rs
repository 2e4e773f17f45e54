use bytes::Bytes;
use db_proxy::store::{AppendRefusal, MessageKind, NewMessage};
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, between, id, ids, text, text_at};

pub(crate) async fn ids_and_numbers_up_to_the_last(bed: Bed) {
    let [first] = bed.users().await;
    bed.database
        .execute(
            "INSERT INTO users (id, name, department_id, created_at_ms, updated_at_ms)
             VALUES (4294967295, 'last', 4294967295, 0, 0)",
        )
        .await;
    let last = UserId::new(u32::MAX).unwrap();
    let message = NewMessage {
        kind: MessageKind(u8::MAX),
        ..text_at(last, first, "x", i64::from(u32::MAX) * 1000)
    };
    bed.append(&[message]).await;
    assert_eq!(bed.unread(first).await, [(last, 1)]);
    assert_eq!(bed.recent(last, 0).await, [first]);
    assert_eq!(bed.history(first, last).await[0].kind, MessageKind(u8::MAX));
    let users = bed.store.users(&[last]).await.unwrap();
    assert_eq!(users[0].profile.department_id, u32::MAX);
    assert!(bed.hide(last, first).await);
}

pub(crate) async fn a_full_conversation_refuses_and_others_go_on(bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.append(&[text(a, b, "1")]).await;
    bed.database
        .execute("UPDATE messages SET message_id = 4294967294")
        .await;
    bed.database
        .execute("UPDATE conversations SET last_message_id = 4294967294")
        .await;
    let outcomes = bed
        .append(&[text(b, a, "last"), text(a, b, "too many"), text(a, c, "1")])
        .await;
    assert_eq!(ids(&[outcomes[0], outcomes[2]]), [u32::MAX, 1]);
    assert_eq!(outcomes[1], Err(AppendRefusal::ConversationFull));
    let latest = bed.store.latest_id(a, between(a, b)).await.unwrap();
    assert_eq!(latest, Some(id(u32::MAX)));
    let history = bed
        .store
        .history(a, between(a, b), latest, EVERYTHING)
        .await;
    assert_eq!(history.unwrap().len(), 2);
    bed.read(a, b, u32::MAX).await;
    assert!(bed.unread(a).await.is_empty());
}

pub(crate) async fn bodies_are_any_bytes(bed: Bed) {
    let [a, b] = bed.users().await;
    let bodies = [
        Bytes::from_static(b"\0\xff\xfe'\"; --"),
        Bytes::from(vec![0; 1]),
        Bytes::from(vec![0xa5; 1_000_000]),
    ];
    let batch: Vec<_> = bodies
        .iter()
        .map(|body| NewMessage {
            body: body.clone(),
            ..text(a, b, "")
        })
        .collect();
    bed.append(&batch).await;
    let mut history = bed.history(a, b).await;
    history.reverse();
    let stored: Vec<_> = history.into_iter().map(|message| message.body).collect();
    assert_eq!(stored, bodies);
}

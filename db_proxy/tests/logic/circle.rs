use bytes::Bytes;
use db_proxy::logic::circle::{CircleLimits, Circles};
use db_proxy::store::{Conversation, MessageKind, MessagePolicy, NewMessage, UnixMillis};

use crate::bed::{user, with_group};

/// D-56: in a large directory a user follows those he has to do with, not everybody.
#[tokio::test]
async fn a_circle_is_peers_and_then_fellow_members() {
    let (store, _, _folder) = with_group(9, 5).await;
    let message = |sender, receiver| NewMessage {
        conversation: Conversation::between(user(sender), user(receiver)).unwrap(),
        sender: user(sender),
        kind: MessageKind(1),
        body: Bytes::from_static(b"x"),
        created_at: UnixMillis(0),
        client_key: None,
        policy: MessagePolicy::Everyone,
        references: None,
    };
    let batch = [message(8, 1), message(1, 2), message(3, 9)];
    store.append(&batch).await.unwrap();
    let of = async |who, directory, size| {
        let limits = CircleLimits { directory, size };
        let circle = Circles::new(store.clone(), limits)
            .of_user(user(who), true)
            .await;
        let circle = circle.unwrap()?;
        Some(circle.into_iter().map(|id| id.get()).collect::<Vec<_>>())
    };
    assert_eq!(of(1, 9, 500).await, None, "small enough");
    assert_eq!(of(1, 8, 500).await, Some(vec![2, 3, 4, 5, 8]));
    assert_eq!(of(1, 8, 4).await, Some(vec![2, 3, 4, 8]));
    assert_eq!(of(1, 8, 2).await, Some(vec![2, 8]));
    assert_eq!(of(1, 8, 1).await.unwrap().len(), 1);
    assert_eq!(of(1, 8, 0).await, Some(vec![]));
    assert_eq!(of(7, 0, 500).await, Some(vec![]));
}

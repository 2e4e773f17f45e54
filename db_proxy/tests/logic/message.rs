use db_proxy::logic::message::{MessageLimits, Outgoing, SendError};
use db_proxy::store::{AppendRefusal, ClientKey, Counterpart, MessageKind};
use futures_util::future::join_all;
use proto::ids::{GroupId, MessageId};

use crate::bed::{outgoing, user, with_messages};

#[tokio::test]
async fn messages_are_numbered_in_the_order_they_were_sent() {
    with_messages(MessageLimits::default(), |messages| async move {
        let sends = (0..300).map(|_| messages.send(outgoing(1, 2, "x")));
        let stored = join_all(sends).await;
        let ids: Vec<_> = stored
            .into_iter()
            .map(|s| s.unwrap().message_id.get())
            .collect();
        assert_eq!(ids, (1..=300).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_its_reason() {
    let limits = MessageLimits {
        body_bytes: 4,
        ..MessageLimits::default()
    };
    with_messages(limits, |messages| async move {
        let refused = async |outgoing| messages.send(outgoing).await.unwrap_err();
        assert!(matches!(
            refused(outgoing(1, 1, "x")).await,
            SendError::ToSelf
        ));
        assert!(matches!(
            refused(outgoing(1, 2, "")).await,
            SendError::Empty
        ));
        let long = refused(outgoing(1, 2, "12345")).await;
        assert!(matches!(long, SendError::TooLarge { limit: 4 }));
        let stranger = refused(outgoing(1, 9, "x")).await;
        assert!(matches!(
            stranger,
            SendError::Refused(AppendRefusal::NoSuchUser)
        ));
        assert!(!stranger.is_retryable());
        assert!(messages.send(outgoing(1, 2, "1234")).await.is_ok());
    })
    .await;
}

fn group() -> Counterpart {
    Counterpart::Group(GroupId::new(1).unwrap())
}

fn to_group(sender: u32, body: &'static str) -> Outgoing {
    Outgoing {
        to: group(),
        kind: MessageKind(0x11),
        ..outgoing(sender, 2, body)
    }
}

#[tokio::test]
async fn groups_are_written_to_by_their_members_in_their_kinds() {
    with_messages(MessageLimits::default(), |messages| async move {
        let sent = messages.send(to_group(1, "x")).await.unwrap();
        assert_eq!((sent.message_id.get(), sent.group_version), (1, Some(1)));
        let stranger = messages.send(to_group(3, "x")).await.unwrap_err();
        assert!(matches!(
            stranger,
            SendError::Refused(AppendRefusal::NotAMember)
        ));
        let mut wrong = to_group(1, "x");
        wrong.kind = MessageKind(0x01);
        let wrong_kind = messages.send(wrong).await.unwrap_err();
        assert!(matches!(wrong_kind, SendError::WrongKind));
        let mut wrong = outgoing(1, 2, "x");
        wrong.kind = MessageKind(0x11);
        let wrong_kind = messages.send(wrong).await.unwrap_err();
        assert!(matches!(wrong_kind, SendError::WrongKind));
        let unread = messages.unread(user(2)).await.unwrap();
        assert_eq!(unread.conversations[0].with, group());
        messages
            .mark_read(user(2), group(), None, false)
            .await
            .unwrap();
        assert_eq!(messages.unread(user(2)).await.unwrap().total, 0);
        let seen = messages.history(user(3), group(), None, 9).await.unwrap();
        assert!(seen.is_empty());
    })
    .await;
}

/// D-2: a voice message without a sound is refused before it gets an id.
#[tokio::test]
async fn a_voice_message_has_a_sound() {
    with_messages(MessageLimits::default(), |messages| async move {
        for kind in [0x02, 0x12] {
            let voice = |body| {
                let mut message = if kind == 0x02 {
                    outgoing(1, 2, body)
                } else {
                    to_group(1, body)
                };
                message.kind = MessageKind(kind);
                message
            };
            let silent = messages.send(voice("1234")).await.unwrap_err();
            assert!(matches!(silent, SendError::Empty));
            let sent = messages.send(voice("12345")).await.unwrap();
            assert_eq!(sent.message_id.get(), 1);
        }
        assert!(messages.send(outgoing(1, 2, "text")).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_resend_is_the_same_message() {
    with_messages(MessageLimits::default(), |messages| async move {
        let mut message = outgoing(1, 2, "x");
        message.client_key = Some(ClientKey::local(7, message.kind, &message.body));
        let first = messages.send(message.clone()).await.unwrap();
        let again = messages.send(message).await.unwrap();
        assert_eq!(first.message_id, again.message_id);
        assert!(!first.duplicate && again.duplicate);
    })
    .await;
}

#[tokio::test]
async fn reading_everything_leaves_later_messages_unread() {
    with_messages(MessageLimits::default(), |messages| async move {
        let (a, b) = (user(1), user(2));
        messages.mark_read(b, a.into(), None, false).await.unwrap();
        messages.send(outgoing(1, 2, "1")).await.unwrap();
        messages.send(outgoing(1, 2, "2")).await.unwrap();
        messages.mark_read(b, a.into(), None, false).await.unwrap();
        messages.send(outgoing(1, 2, "3")).await.unwrap();
        assert_eq!(messages.unread(b).await.unwrap().total, 1);
        messages
            .mark_read(b, a.into(), MessageId::new(3), false)
            .await
            .unwrap();
        assert_eq!(messages.unread(b).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test]
async fn a_hidden_conversation_comes_back_with_a_message() {
    with_messages(MessageLimits::default(), |messages| async move {
        let (a, b) = (user(1), user(2));
        assert!(!messages.hide(b, a.into()).await.unwrap());
        messages.send(outgoing(1, 2, "1")).await.unwrap();
        assert!(messages.hide(b, a.into()).await.unwrap());
        assert!(messages.recent(b, 0).await.unwrap().is_empty());
        messages.send(outgoing(1, 2, "2")).await.unwrap();
        assert_eq!(messages.recent(b, 0).await.unwrap()[0].with, a.into());
    })
    .await;
}

#[tokio::test]
async fn answers_have_a_size() {
    let limits = MessageLimits {
        page_rows: 5,
        by_ids_rows: 3,
        by_ids_wanted: 4,
        recent_rows: 1,
        ..MessageLimits::default()
    };
    with_messages(limits, |messages| async move {
        let (a, b) = (user(1), user(2));
        for _ in 0..7 {
            messages.send(outgoing(1, 2, "x")).await.unwrap();
        }
        messages.send(outgoing(3, 2, "x")).await.unwrap();
        let history = messages
            .history(a, b.into(), None, usize::MAX)
            .await
            .unwrap();
        assert_eq!(history.len(), 5);
        let page = messages
            .history(a, b.into(), MessageId::new(2), 5)
            .await
            .unwrap();
        assert_eq!(page.len(), 2);
        let ids: Vec<_> = (1..=7).filter_map(MessageId::new).collect();
        let picked = messages.by_ids(a, b.into(), &ids).await.unwrap();
        let picked: Vec<_> = picked.iter().map(|message| message.id.get()).collect();
        assert_eq!(picked, [4, 3, 2]);
        assert_eq!(messages.recent(b, 0).await.unwrap().len(), 1);
        assert_eq!(
            messages.latest_id(b, a.into()).await.unwrap(),
            MessageId::new(7)
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_has_a_conversation_with_himself() {
    with_messages(MessageLimits::default(), |messages| async move {
        let a = user(1);
        assert!(
            messages
                .history(a, a.into(), None, 5)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(messages.by_ids(a, a.into(), &[]).await.unwrap().is_empty());
        assert_eq!(messages.latest_id(a, a.into()).await.unwrap(), None);
        assert!(messages.mark_read(a, a.into(), None, false).await.is_ok());
        assert!(!messages.hide(a, a.into()).await.unwrap());
    })
    .await;
}

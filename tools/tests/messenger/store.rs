//! The local history by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use proto::im::base_define::{GroupInfo, MsgInfo, UserInfo};
use proto::im::ext::buddy::{Contact, ContactState};
use proto::im::ext::message::SyncConversation;
use tools::client::messenger::{LocalStore, StoreError};
use tools::client::{
    Conversation, Message, Outgoing, References, Revision, SyncPage, SyncedConversation,
};

const BOB: Conversation = Conversation::User(2);

fn info(id: u32, text: &str) -> MsgInfo {
    MsgInfo {
        msg_id: id,
        from_session_id: 2,
        create_time: 100 + id,
        msg_type: BOB.text_type(),
        msg_data: Outgoing::text(BOB, text).data,
        ..MsgInfo::default()
    }
}

fn message(id: u32, text: &str) -> Message {
    Message::from_history(BOB, info(id, text))
}

fn told(latest: u32, read: u32, unread: u32, messages: Vec<MsgInfo>) -> SyncedConversation {
    let told = SyncConversation {
        session_type: BOB.session_type(),
        session_id: BOB.id(),
        latest_msg_id: latest,
        read_msg_id: read,
        unread_cnt: unread,
        msg_list: messages,
        ..SyncConversation::default()
    };
    told.into()
}

#[tokio::test]
async fn a_file_is_private_one_programs_at_a_time_and_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/history.db");
    let store = LocalStore::open(&file).await.unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.clone()), 0o600);
    assert_eq!(mode(folder.path().join("deep")), 0o700);
    store.belongs_to(1).await.unwrap();
    let second = LocalStore::open(&file).await;
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
    let foreign = store.belongs_to(2).await;
    assert!(matches!(
        foreign,
        Err(StoreError::Foreign { kept: 1, told: 2 })
    ));
    store.keep_token(Some(b"token")).await.unwrap();
    store.close().await;

    let again = LocalStore::open(&file).await.unwrap();
    assert_eq!(again.user_id().await.unwrap(), 1);
    assert_eq!(
        again.token().await.unwrap(),
        Some(Bytes::from_static(b"token"))
    );
    again.close().await;

    for nonsense in [&b"not a database, but long enough to be looked at"[..], &[]] {
        let other = folder.path().join("other.db");
        fs::write(&other, nonsense).unwrap();
        let opened = LocalStore::open(&other).await;
        match nonsense.is_empty() {
            true => drop(opened.unwrap()),
            false => assert!(matches!(opened, Err(StoreError::NotOurs(_))), "{opened:?}"),
        }
    }
}

/// A page and its cursor are one step, and a cursor that is of no use drops everything but what is still to be sent.
#[tokio::test]
async fn a_page_is_taken_over_with_its_cursor() {
    let store = LocalStore::in_memory().await.unwrap();
    store.belongs_to(1).await.unwrap();
    let page = SyncPage {
        conversations: vec![told(12, 10, 2, (8..=12).map(|id| info(id, "x")).collect())],
        groups: vec![GroupInfo {
            group_id: 7,
            version: 3,
            ..GroupInfo::default()
        }],
        contacts: vec![Contact {
            user_id: 2,
            state: ContactState::ContactFriend as i32,
            stamp: Some(5),
            ..Contact::default()
        }],
        users: vec![UserInfo {
            user_id: 2,
            user_nick_name: "Bob".into(),
            ..UserInfo::default()
        }],
        cursor: Bytes::from_static(b"one"),
        ..SyncPage::default()
    };
    let taken = store.take(page, &Default::default()).await.unwrap();
    assert_eq!(taken.conversations, [BOB]);
    assert_eq!(store.cursor().await.unwrap().unwrap(), "one");
    let state = store.conversation(BOB).await.unwrap().unwrap();
    assert_eq!((state.complete_from, state.complete_to), (8, 12));
    assert_eq!((state.read, state.unread), (10, 2));
    // A new device is told what is unread; the rest is history.
    let unread = store.tell(BOB, 1, 10).await.unwrap();
    let ids: Vec<u32> = unread.iter().map(|entry| entry.message.id).collect();
    assert_eq!(ids, [11, 12]);
    assert_eq!(store.users().await.unwrap()[0].user_nick_name, "Bob");
    assert_eq!(store.groups().await.unwrap()[0].version, 3);
    assert_eq!(store.contacts().await.unwrap().len(), 1);

    // The friend is none any more, and somebody is out of the group.
    let page = SyncPage {
        left: vec![7],
        contacts: vec![Contact {
            user_id: 2,
            stamp: Some(6),
            ..Contact::default()
        }],
        cursor: Bytes::from_static(b"two"),
        ..SyncPage::default()
    };
    let taken = store.take(page.clone(), &Default::default()).await.unwrap();
    assert_eq!(taken.left, [7]);
    assert!(store.contacts().await.unwrap().is_empty());
    assert!(store.groups().await.unwrap().is_empty());
    // Told again, it is no news.
    let taken = store.take(page, &Default::default()).await.unwrap();
    assert!(taken.left.is_empty());

    let page = SyncPage {
        reset: true,
        conversations: vec![told(3, 1, 2, (1..=3).map(|id| info(id, "new")).collect())],
        cursor: Bytes::from_static(b"other"),
        ..SyncPage::default()
    };
    store.take(page, &Default::default()).await.unwrap();
    let here = store.messages(BOB, 0, 10).await.unwrap();
    let texts: Vec<_> = here
        .iter()
        .filter_map(|entry| entry.message.text())
        .collect();
    assert_eq!(texts, ["new"; 3]);
    assert!(store.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_changed_while_nobody_looked_is_fetched_and_nothing_older_replaces_it() {
    let store = LocalStore::in_memory().await.unwrap();
    let arrivals: Vec<Message> = (1..=3).map(|id| message(id, "as sent")).collect();
    store.arrive(&arrivals, true).await.unwrap();
    store.tell(BOB, 1, 10).await.unwrap();
    let edited = Message {
        revision: Some(Revision::Edited),
        ..message(2, "edited")
    };
    let (entry, told) = store.revise(&edited, true).await.unwrap().unwrap();
    assert!(told);
    assert_eq!(entry.message.text().unwrap(), "edited");
    // A push that was overtaken changes nothing.
    store.arrive(&[message(2, "as sent")], true).await.unwrap();
    let here = store.message(BOB, 2).await.unwrap().unwrap();
    assert_eq!(here.message, edited);
    // A notice may come before its message; then that is what is told of.
    let early = Message {
        revision: Some(Revision::Recalled),
        ..message(4, "[recalled]")
    };
    assert_eq!(store.revise(&early, true).await.unwrap(), None);
    store.arrive(&[message(4, "as sent")], true).await.unwrap();
    let next = store.tell(BOB, 1, 10).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].message, early);
}

#[tokio::test]
async fn what_a_message_refers_to_is_kept_until_it_is_taken_back() {
    let group = Conversation::Group(7);
    let sent = MsgInfo {
        mention_user_id: vec![1, 3],
        mention_all: Some(true),
        reply_to_msg_id: Some(1),
        ..info(2, "of course")
    };
    let edited = MsgInfo {
        revision: Some(1),
        ..info(2, "of course not")
    };
    let recalled = MsgInfo {
        msg_data: Bytes::new(),
        revision: Some(2),
        ..info(2, "")
    };
    let [first, sent, edited, recalled] =
        [info(1, "well?"), sent, edited, recalled].map(|info| Message::from_history(group, info));
    let refers = References {
        mentions: vec![1, 3],
        everybody: true,
        answers: Some(1),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let store = LocalStore::open(&file).await.unwrap();
    store.arrive(&[first, sent], false).await.unwrap();
    store.close().await;

    let store = LocalStore::open(&file).await.unwrap();
    let here = async |id| store.message(group, id).await.unwrap().unwrap().message;
    assert_eq!(here(1).await.references, References::default());
    assert_eq!(here(2).await.references, refers);
    store.revise(&edited, false).await.unwrap();
    assert_eq!(here(2).await.text().as_deref(), Some("of course not"));
    assert_eq!(here(2).await.references, refers);
    store.revise(&recalled, false).await.unwrap();
    assert_eq!(here(2).await.references, References::default());
    store.close().await;
}

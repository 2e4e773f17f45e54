use bytes::Bytes;
use proto::im::base_define::{MsgType, SessionType};
use proto::im::buddy::ImChangeSignInfoReq;
use proto::im::ext::message::{ImMissedReq, ImSyncReq, ImSyncRsp, KnownConversation};
use proto::im::group::ImGroupChangeMemberReq;
use proto::im::message::ImMsgDataReadAck;

use crate::bed::{Proxy, message};

const SINGLE: i32 = SessionType::Single as i32;
const GROUP: i32 = SessionType::Group as i32;

fn question(user_id: u32, cursor: Option<&Bytes>) -> ImSyncReq {
    ImSyncReq {
        user_id,
        cursor: cursor.cloned(),
        ..ImSyncReq::default()
    }
}

/// By whom each conversation is named, its newest message, what is read and unread, and the ids that came.
fn talks(answer: &ImSyncRsp) -> Vec<(i32, u32, u32, u32, u32, Vec<u32>)> {
    let talk = |talk: &proto::im::ext::message::SyncConversation| {
        let ids = talk.msg_list.iter().map(|message| message.msg_id);
        (
            talk.session_type,
            talk.session_id,
            talk.latest_msg_id,
            talk.read_msg_id,
            talk.unread_cnt,
            ids.collect(),
        )
    };
    answer.conversation.iter().map(talk).collect()
}

#[tokio::test]
async fn a_device_asks_what_changed() {
    let mut proxy = Proxy::start(3, |_| {}).await;
    proxy.store(message(2, 1, MsgType::SingleText)).await;
    proxy.store(message(1, 2, MsgType::SingleText)).await;
    let group = proxy.create(3, &[1, 3]).await.group_id.unwrap();
    proxy.store(message(3, group, MsgType::GroupText)).await;
    let first = proxy.ask(question(1, None)).await;
    assert_eq!((first.user_id, first.result_code), (1, 0));
    assert_eq!((first.more, first.reset), (Some(false), Some(false)));
    assert_eq!(
        talks(&first),
        [
            (SINGLE, 2, 2, 0, 1, vec![1, 2]),
            (GROUP, group, 1, 0, 1, vec![1])
        ]
    );
    let said = &first.conversation[0].msg_list[1];
    assert_eq!((said.from_session_id, said.msg_type), (1, 1));
    assert_eq!(&said.msg_data[..], b"hello");
    assert_eq!(first.group[0].group_member_list, [1, 3]);
    let mut users: Vec<u32> = first.user.iter().map(|user| user.user_id).collect();
    users.sort_unstable();
    assert_eq!(users, [1, 2, 3]);

    let mark = ImMsgDataReadAck {
        user_id: 1,
        session_id: 2,
        msg_id: 2,
        session_type: SINGLE,
        ..Default::default()
    };
    proxy.ask_read(mark).await;
    let change = ImChangeSignInfoReq {
        user_id: 3,
        sign_info: "away".to_owned(),
        attach_data: None,
    };
    proxy.ask(change).await;
    let removal = ImGroupChangeMemberReq {
        user_id: 3,
        change_type: 2,
        group_id: group,
        member_id_list: vec![1],
        ..ImGroupChangeMemberReq::default()
    };
    assert_eq!(proxy.ask(removal).await.result_code, 0);
    let known = |session_id, msg_id| KnownConversation {
        session_type: SINGLE,
        session_id,
        msg_id,
    };
    let second = ImSyncReq {
        known: vec![known(2, 2)],
        ..question(1, first.cursor.as_ref())
    };
    let second = proxy.ask(second).await;
    assert_eq!(talks(&second), [(SINGLE, 2, 2, 2, 0, vec![])]);
    assert_eq!(second.left_group_id, [group]);
    assert!(second.group.is_empty());
    assert_eq!(second.user.len(), 1);
    assert_eq!(second.user[0].sign_info.as_deref(), Some("away"));
    assert_eq!(second.reset, Some(false));

    // what is no cursor is as good as none, and the client is told
    let nonsense = Bytes::from_static(b"\x01 nonsense");
    let again = proxy.ask(question(1, Some(&nonsense))).await;
    assert_eq!(again.reset, Some(true));
    assert_eq!(talks(&again), [(SINGLE, 2, 2, 2, 0, vec![1, 2])]);
    let empty = proxy.ask(question(1, Some(&Bytes::new()))).await;
    assert_eq!(empty.reset, Some(false));

    let unknown_kind = ImSyncReq {
        known: vec![KnownConversation {
            session_type: 9,
            ..KnownConversation::default()
        }],
        ..question(1, None)
    };
    assert_eq!(proxy.ask(unknown_kind).await.result_code, 1);
    assert_eq!(proxy.ask(question(0, None)).await.result_code, 1);
    proxy.end().await;
}

#[tokio::test]
async fn a_msg_server_asks_what_it_missed() {
    let mut proxy = Proxy::start(3, |_| {}).await;
    proxy.store(message(2, 1, MsgType::SingleText)).await;
    let group = proxy.create(3, &[1, 3]).await.group_id.unwrap();
    proxy.store(message(3, group, MsgType::GroupText)).await;
    let question = |user_id: Vec<u32>| ImMissedReq {
        user_id,
        max_age_ms: 60_000,
        ..ImMissedReq::default()
    };
    let answer = proxy.ask(question(vec![1, 2, 0])).await;
    assert_eq!((answer.result_code, answer.next_page), (0, None));
    let mut told: Vec<_> = answer
        .message
        .iter()
        .map(|missed| {
            let from = missed.message.from_session_id;
            (missed.to_session_id, from, missed.group_version)
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(1, 2, None), (group, 3, Some(1))]);

    assert_eq!(
        proxy.ask(question((1..=501).collect())).await.result_code,
        1
    );
    let nonsense = ImMissedReq {
        page: Some(Bytes::from_static(b"nonsense")),
        ..question(vec![1])
    };
    assert_eq!(proxy.ask(nonsense).await.result_code, 1);
    proxy.end().await;
}

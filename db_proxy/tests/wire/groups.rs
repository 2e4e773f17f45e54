use bytes::Bytes;
use proto::im::base_define::{GroupVersionInfo, MsgType, SessionType};
use proto::im::buddy::{ImRecentContactSessionReq, ImRemoveSessionReq};
use proto::im::ext::group::{ImGroupMembersReq, ImUserGroupsReq};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupInfoListReq, ImGroupShieldReq,
    ImNormalGroupListReq,
};
use proto::im::message::{
    ImGetLatestMsgIdReq, ImGetMsgByIdReq, ImGetMsgListReq, ImMsgData, ImUnreadMsgCntReq,
};

use crate::bed::{Proxy, creation, message};

const ADD: i32 = 1;
const DEL: i32 = 2;
const GROUP: i32 = SessionType::Group as i32;

fn change(
    user_id: u32,
    change_type: i32,
    group_id: u32,
    members: &[u32],
) -> ImGroupChangeMemberReq {
    ImGroupChangeMemberReq {
        user_id,
        change_type,
        group_id,
        member_id_list: members.to_vec(),
        ..ImGroupChangeMemberReq::default()
    }
}

fn info(user_id: u32, groups: &[(u32, u32)]) -> ImGroupInfoListReq {
    let version = |(group_id, version): &(u32, u32)| GroupVersionInfo {
        group_id: *group_id,
        version: *version,
    };
    ImGroupInfoListReq {
        user_id,
        group_version_list: groups.iter().map(version).collect(),
        attach_data: None,
    }
}

#[tokio::test]
async fn a_group_is_made_filled_and_looked_at() {
    let mut proxy = Proxy::start(4, |_| {}).await;
    let created = proxy.create(1, &[3, 1, 3]).await;
    assert_eq!((created.user_id, created.result_code), (1, 0));
    assert_eq!(created.group_name, "group");
    assert_eq!(created.user_id_list, [1, 3]);
    assert_eq!(created.group_version, Some(1));
    let group = created.group_id.unwrap();

    let changed = proxy.ask(change(3, ADD, group, &[4, 1])).await;
    assert_eq!((changed.result_code, changed.change_type), (0, ADD));
    assert_eq!(changed.cur_user_id_list, [1, 3, 4]);
    assert_eq!(changed.chg_user_id_list, [4]);
    assert_eq!(changed.group_version, Some(2));
    let changed = proxy.ask(change(1, DEL, group, &[3])).await;
    assert_eq!(changed.cur_user_id_list, [1, 4]);

    let shield = ImGroupShieldReq {
        user_id: 4,
        group_id: group,
        shield_status: 1,
        attach_data: None,
    };
    let shielded = proxy.ask(shield.clone()).await;
    assert_eq!((shielded.group_id, shielded.result_code), (group, 0));
    let details = proxy.ask(info(4, &[(group, 0)])).await.group_info_list;
    let details = &details[0];
    assert_eq!((details.group_id, details.version), (group, 3));
    assert_eq!(
        (&*details.group_name, &*details.group_avatar),
        ("group", "avatar")
    );
    assert_eq!((details.group_creator_id, details.group_type), (1, 2));
    assert_eq!(
        (details.shield_status, &*details.group_member_list),
        (1, &[1, 4][..])
    );
    for (user_id, shield_status) in [(3, 1), (4, 2), (0, 1)] {
        let shield = ImGroupShieldReq {
            user_id,
            shield_status,
            ..shield.clone()
        };
        assert_eq!(proxy.ask(shield).await.result_code, 1);
    }

    let members = |group_id| ImGroupMembersReq {
        group_id,
        attach_data: None,
    };
    let found = proxy.ask(members(group)).await;
    assert_eq!((found.group_id, found.version), (group, 3));
    assert_eq!(found.member_id, [1, 4]);
    let none = proxy.ask(members(99)).await;
    assert_eq!((none.group_id, none.version), (99, 0));
    proxy.end().await;
}

/// D-18, D-73: whatever is refused about groups is answered, and changes nothing.
#[tokio::test]
async fn what_is_refused_says_so() {
    let mut proxy = Proxy::start(3, |config| config.groups.members = 2).await;
    let group = proxy.create(1, &[1]).await.group_id.unwrap();
    let key_too_long = Some(Bytes::from(vec![0; 65]));
    let creations = [
        creation(1, &[]),
        creation(1, &[0]),
        creation(1, &[9]),
        creation(1, &[1, 2, 3]),
        {
            let mut normal = creation(1, &[1]);
            normal.group_type = 1;
            normal
        },
        {
            let mut unknown = creation(1, &[1]);
            unknown.group_type = 3;
            unknown
        },
        {
            let mut nameless = creation(1, &[1]);
            nameless.group_name.clear();
            nameless
        },
        {
            let mut keyed = creation(1, &[1]);
            keyed.request_key.clone_from(&key_too_long);
            keyed
        },
    ];
    for creation in creations {
        let name = creation.group_name.clone();
        let refused = proxy.ask(creation).await;
        assert_eq!((refused.user_id, refused.result_code), (1, 1));
        assert_eq!((refused.group_id, refused.group_name), (None, name));
        assert!(refused.user_id_list.is_empty());
    }
    for (user, way, group, members) in [
        (1, 3, group, &[2][..]),
        (1, ADD, 99, &[2]),
        (1, ADD, 0, &[2]),
        (1, ADD, group, &[]),
        (1, ADD, group, &[1]),
        (1, ADD, group, &[0]),
        (1, ADD, group, &[9]),
        (1, ADD, group, &[2, 3]),
        (1, DEL, group, &[2]),
        (2, ADD, group, &[2]),
        (2, DEL, group, &[1]),
    ] {
        let refused: ImGroupChangeMemberRsp = proxy.ask(change(user, way, group, members)).await;
        assert_eq!((refused.user_id, refused.result_code), (user, 1));
        assert_eq!((refused.change_type, refused.group_id), (way, group));
        assert!(refused.cur_user_id_list.is_empty());
    }
    let details = proxy.ask(info(1, &[(group, 0), (0, 0), (99, 0)])).await;
    assert_eq!(details.group_info_list.len(), 1);
    assert_eq!(details.group_info_list[0].version, 1);
    proxy.end().await;
}

/// User 0 is the system: it makes normal groups, and may change every group.
#[tokio::test]
async fn the_system_makes_normal_groups() {
    let mut proxy = Proxy::start(3, |_| {}).await;
    let mut normal = creation(0, &[1, 2]);
    normal.group_type = 1;
    let created = proxy.ask(normal).await;
    assert_eq!((created.user_id, created.result_code), (0, 0));
    let normal = created.group_id.unwrap();
    let temporary = proxy.create(1, &[1]).await.group_id.unwrap();
    let list = ImNormalGroupListReq {
        user_id: 1,
        attach_data: None,
    };
    let list = proxy.ask(list).await.group_version_list;
    assert_eq!(
        (list.len(), list[0].group_id, list[0].version),
        (1, normal, 1)
    );
    let refused = proxy.ask(change(1, ADD, normal, &[3])).await;
    assert_eq!(refused.result_code, 1);
    for group in [normal, temporary] {
        let changed = proxy.ask(change(0, ADD, group, &[3])).await;
        assert_eq!(changed.result_code, 0);
    }
    let seen = proxy.ask(info(0, &[(normal, 0), (temporary, 1)])).await;
    assert_eq!(seen.group_info_list.len(), 2);
    assert_eq!(seen.group_info_list[0].group_creator_id, 0);
    proxy.end().await;
}

#[tokio::test]
async fn all_groups_of_a_user_are_told() {
    let mut proxy = Proxy::start(3, |_| {}).await;
    let mut normal = creation(0, &[1, 2]);
    normal.group_type = 1;
    let normal = proxy.ask(normal).await.group_id.unwrap();
    let temporary = proxy.create(1, &[1]).await.group_id.unwrap();
    proxy.ask(change(1, ADD, temporary, &[2])).await;
    for (user_id, expected) in [
        (1, vec![(temporary, 2), (normal, 1)]),
        (3, vec![]),
        (0, vec![]),
    ] {
        let request = ImUserGroupsReq {
            user_id,
            attach_data: None,
        };
        let answer = proxy.ask(request).await;
        let groups = answer.group_version_list.iter();
        let groups: Vec<_> = groups
            .map(|group| (group.group_id, group.version))
            .collect();
        assert_eq!((answer.user_id, groups), (user_id, expected));
    }
    proxy.end().await;
}

#[tokio::test]
async fn a_user_is_in_so_many_groups() {
    let mut proxy = Proxy::start(3, |config| config.groups.per_user = 2).await;
    let first = proxy.create(1, &[1]).await.group_id.unwrap();
    let second = proxy.create(1, &[1, 2]).await.group_id.unwrap();
    let refused = proxy.create(3, &[1, 2, 3]).await;
    assert_eq!((refused.result_code, refused.group_id), (1, None));
    let third = proxy.create(3, &[3]).await.group_id.unwrap();
    let refused = proxy.ask(change(3, ADD, third, &[1, 2])).await;
    assert_eq!(refused.result_code, 1);
    let details = proxy.ask(info(3, &[(third, 0)])).await.group_info_list;
    assert_eq!(details[0].group_member_list, [3], "nothing changed");
    assert_eq!(proxy.ask(change(3, ADD, third, &[2])).await.result_code, 0);
    assert_eq!(proxy.ask(change(1, DEL, first, &[1])).await.result_code, 0);
    assert_eq!(proxy.ask(change(3, ADD, third, &[1])).await.result_code, 0);

    let mut normal = creation(0, &[1, 2, 3]);
    normal.group_type = 1;
    assert_eq!(proxy.ask(normal).await.result_code, 0, "the system");
    let added = proxy.ask(change(0, ADD, second, &[3])).await;
    assert_eq!(added.result_code, 0);
    proxy.end().await;
}

/// D-46: of a group, strangers get nothing: no message, no number, no member.
#[tokio::test]
async fn messages_of_a_group_are_its_members() {
    let mut proxy = Proxy::start(3, |_| {}).await;
    let group = proxy.create(1, &[1, 2]).await.group_id.unwrap();
    let stored = proxy.store(message(1, group, MsgType::GroupText)).await;
    assert_eq!((stored.msg_id, stored.group_version), (1, Some(1)));
    let voice = proxy.store(message(2, group, MsgType::GroupAudio)).await;
    assert_eq!(voice.msg_id, 2);
    let single = proxy.store(message(1, 2, MsgType::SingleText)).await;
    assert_eq!((single.msg_id, single.group_version), (1, None));
    let silent = ImMsgData {
        msg_data: Bytes::from_static(b"1234"),
        ..message(1, group, MsgType::GroupAudio)
    };
    for refused in [
        message(3, group, MsgType::GroupText),
        message(1, 99, MsgType::GroupText),
        message(1, 0, MsgType::GroupText),
        silent,
    ] {
        let answer = proxy.store(refused.clone()).await;
        assert_eq!(answer, refused, "as it came, with message 0");
    }
    for (user_id, count) in [(1, 2), (2, 2), (3, 0)] {
        let history = ImGetMsgListReq {
            user_id,
            session_type: GROUP,
            session_id: group,
            msg_cnt: 9,
            ..ImGetMsgListReq::default()
        };
        assert_eq!(proxy.ask(history).await.msg_list.len(), count);
        let latest = ImGetLatestMsgIdReq {
            user_id,
            session_type: GROUP,
            session_id: group,
            attach_data: None,
        };
        assert_eq!(proxy.ask(latest).await.latest_msg_id as usize, count);
        let by_id = ImGetMsgByIdReq {
            user_id,
            session_type: GROUP,
            session_id: group,
            msg_id_list: vec![1, 2, 3],
            attach_data: None,
        };
        assert_eq!(proxy.ask(by_id).await.msg_list.len(), count);
        assert_eq!(
            proxy
                .ask(info(user_id, &[(group, 0)]))
                .await
                .group_info_list
                .len(),
            count / 2
        );
    }
    let unread = ImUnreadMsgCntReq {
        user_id: 1,
        attach_data: None,
    };
    let unread = proxy.ask(unread).await;
    assert_eq!(unread.total_cnt, 1);
    let entry = &unread.unreadinfo_list[0];
    assert_eq!((entry.session_type, entry.session_id), (GROUP, group));
    assert_eq!(
        (entry.latest_msg_from_user_id, entry.latest_msg_type),
        (2, 0x12)
    );
    assert_ne!(entry.latest_msg_data, stored.msg_data, "a placeholder");
    proxy.end().await;
}

/// D-14: a conversation that changed in the second asked with is listed again.
#[tokio::test]
async fn groups_are_on_lists_like_other_conversations() {
    let mut proxy = Proxy::start(2, |_| {}).await;
    let group = proxy.create(1, &[1, 2]).await.group_id.unwrap();
    let recent = |latest_update_time| ImRecentContactSessionReq {
        user_id: 2,
        latest_update_time,
        attach_data: None,
    };
    assert!(proxy.ask(recent(0)).await.contact_session_list.is_empty());
    proxy.store(message(1, group, MsgType::GroupText)).await;
    let listed = proxy.ask(recent(0)).await.contact_session_list;
    assert_eq!(
        (listed[0].session_type, listed[0].session_id),
        (GROUP, group)
    );
    let again = proxy.ask(recent(listed[0].updated_time)).await;
    assert_eq!(again.contact_session_list, listed);
    let later = proxy.ask(recent(listed[0].updated_time + 1)).await;
    assert!(later.contact_session_list.is_empty());
    for expected in [0, 1] {
        let remove = ImRemoveSessionReq {
            user_id: 2,
            session_type: GROUP,
            session_id: group,
            attach_data: None,
        };
        assert_eq!(proxy.ask(remove).await.result_code, expected);
    }
    assert!(proxy.ask(recent(0)).await.contact_session_list.is_empty());
    proxy.end().await;
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let mut proxy = Proxy::start(2, |_| {}).await;
    let key = Some(Bytes::from_static(b"key"));
    let mut create = creation(1, &[1]);
    create.request_key.clone_from(&key);
    let first = proxy.ask(create.clone()).await;
    assert_eq!(proxy.ask(create).await, first);
    let mut join = change(1, ADD, first.group_id.unwrap(), &[2]);
    join.request_key.clone_from(&key);
    let first = proxy.ask(join.clone()).await;
    assert_eq!(first.result_code, 0);
    assert_eq!(proxy.ask(join).await, first);
    proxy.end().await;
}

/// Somebody sent away and let in again gets no say over what others see under an id of before.
#[tokio::test]
async fn an_old_key_of_a_newcomer_brings_nothing_new() {
    let mut proxy = Proxy::start(2, |_| {}).await;
    let group = proxy.create(1, &[1, 2]).await.group_id.unwrap();
    let mut keyed = message(2, group, MsgType::GroupText);
    keyed.client_msg_id = Some(Bytes::from_static(b"key"));
    assert_eq!(proxy.store(keyed.clone()).await.msg_id, 1);
    for way in [DEL, ADD] {
        let changed = proxy.ask(change(1, way, group, &[2])).await;
        assert_eq!(changed.result_code, 0);
    }
    assert_eq!(proxy.store(keyed.clone()).await.msg_id, 1, "it is stored");
    keyed.msg_data = Bytes::from_static(b"something else");
    assert_eq!(proxy.store(keyed).await.msg_id, 0);
    proxy.end().await;
}

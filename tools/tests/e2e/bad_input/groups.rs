//! Groups as they should not be asked for: nothing of it changes anything.

use proto::im::base_define::{GroupModifyType, GroupType, GroupVersionInfo};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupCreateRsp,
    ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
};
use tools::client::{Conversation, Device};
use tools::cluster::Role;

use super::{Unharmed, closed, refused};
use crate::person::{Person, Raw};
use crate::world::{USUAL, World};

const LIMIT: u32 = 4;

async fn world() -> World {
    World::start(USUAL, 6, |topology| {
        topology.limits = false;
        topology.environment.push((
            Role::DbProxy,
            "FERROTALK_GROUPS__MEMBERS".into(),
            LIMIT.to_string(),
        ));
    })
    .await
}

#[tokio::test]
async fn a_group_that_cannot_be_is_refused() {
    let world = world().await;
    let unharmed = Unharmed::at_first(&world);
    let (mut raw, login) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let me = login.user_info.unwrap().user_id;

    let good = || ImGroupCreateReq {
        group_type: GroupType::Tmp as i32,
        group_name: "good".into(),
        member_id_list: vec![me, me + 1],
        ..Default::default()
    };
    let of = |member_id_list: Vec<u32>| ImGroupCreateReq {
        member_id_list,
        ..good()
    };
    let named = |name: String| ImGroupCreateReq {
        group_name: name,
        ..good()
    };
    let bad = [
        of(vec![]),
        of(vec![me, 0]),
        of(vec![me, 4711]),
        of((me..=me + LIMIT).collect()),
        of((1..60_000).collect()),
        named(String::new()),
        named("   ".into()),
        named("x".repeat(257)),
        named("a\nb".into()),
        ImGroupCreateReq {
            group_avatar: "x".repeat(256),
            ..good()
        },
        ImGroupCreateReq {
            group_type: GroupType::Normal as i32,
            ..good()
        },
        ImGroupCreateReq {
            group_type: 3,
            ..good()
        },
    ];
    for (seq_num, request) in (10..).zip(bad) {
        let answer: ImGroupCreateRsp = raw.ask(&request, seq_num).await;
        assert_eq!((answer.user_id, answer.result_code), (me, 1), "{request:?}");
        assert_eq!(answer.group_id, None);
        assert!(answer.user_id_list.is_empty());
        assert_eq!(answer.group_name, request.group_name);
    }
    refused(&world, "CID_GROUP_CREATE_REQUEST", "permanent_group", 1).await;

    // Names said twice are one member; the first group of all is this one.
    let answer: ImGroupCreateRsp = raw.ask(&of(vec![me + 1, me, me + 1, me]), 99).await;
    assert_eq!(answer.result_code, 0);
    assert_eq!(answer.group_id, Some(1));
    assert_eq!(answer.user_id_list, [me, me + 1]);

    // A million names are too many for a frame.
    raw.tell(&of((1..1_000_000).collect()), 100).await;
    raw.is_closed().await;
    closed(&world, "frame_too_long", 1).await;
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn a_group_is_not_changed_by_those_who_may_not_nor_beyond_its_limit() {
    let world = world().await;
    let unharmed = Unharmed::at_first(&world);
    let (mut creator, login) = Raw::at(&world.msg(0), "demo1", Device::Android).await;
    let me = login.user_info.unwrap().user_id;
    let (mut member, _) = Raw::at(&world.msg(1), "demo2", Device::Android).await;
    let (mut stranger, _) = Raw::at(&world.msg(1), "demo3", Device::Android).await;
    let [b, c, d] = [me + 1, me + 2, me + 3];
    let create = ImGroupCreateReq {
        group_type: GroupType::Tmp as i32,
        group_name: "ours".into(),
        member_id_list: vec![me, b],
        ..Default::default()
    };
    let created: ImGroupCreateRsp = creator.ask(&create, 2).await;
    let group = created.group_id.unwrap();

    let change = |change_type: i32, users: Vec<u32>| ImGroupChangeMemberReq {
        change_type,
        group_id: group,
        member_id_list: users,
        ..Default::default()
    };
    let (add, remove) = (GroupModifyType::Add as i32, GroupModifyType::Del as i32);
    let elsewhere = |group_id: u32| ImGroupChangeMemberReq {
        group_id,
        ..change(add, vec![d])
    };
    let by_creator = [
        change(add, vec![]),
        change(add, vec![me, b]),
        change(add, vec![4711]),
        change(add, vec![c, d, d + 1]),
        change(add, (1..60_000).collect()),
        change(remove, vec![]),
        change(remove, vec![c]),
        change(3, vec![c]),
        change(0, vec![c]),
        elsewhere(0),
        elsewhere(group + 1),
        elsewhere(u32::MAX),
    ];
    let by_member = [change(remove, vec![me]), change(remove, vec![b])];
    let by_stranger = [
        change(add, vec![c]),
        change(add, vec![d]),
        change(remove, vec![b]),
    ];
    for (raw, requests) in [
        (&mut creator, &by_creator[..]),
        (&mut member, &by_member),
        (&mut stranger, &by_stranger),
    ] {
        for request in requests {
            let answer: ImGroupChangeMemberRsp = raw.ask(request, 7).await;
            assert_eq!(answer.result_code, 1, "{request:?}");
            assert_eq!(answer.group_id, request.group_id);
            let named = [answer.cur_user_id_list, answer.chg_user_id_list].concat();
            assert!(named.is_empty(), "{named:?}");
        }
    }
    let mute = |shield_status| ImGroupShieldReq {
        group_id: group,
        shield_status,
        ..Default::default()
    };
    let answers: [ImGroupShieldRsp; 3] = [
        stranger.ask(&mute(1), 8).await,
        member.ask(&mute(2), 8).await,
        member.ask(&mute(1), 8).await,
    ];
    assert_eq!(answers.map(|answer| answer.result_code), [1, 1, 0]);

    let info = ImGroupInfoListReq {
        group_version_list: [group, group, 0, 4711]
            .map(|group_id| GroupVersionInfo {
                group_id,
                version: 0,
            })
            .into(),
        ..Default::default()
    };
    let seen: ImGroupInfoListRsp = member.ask(&info, 9).await;
    let [ours] = &seen.group_info_list[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((ours.version, ours.shield_status), (1, 1), "and muted");
    assert_eq!(ours.group_member_list, [me, b]);
    let unseen: ImGroupInfoListRsp = stranger.ask(&info, 9).await;
    assert!(unseen.group_info_list.is_empty());
    drop(stranger);
    let stranger = Person::at(&world.msg(0), "demo3", Device::Android).await;
    let group = Conversation::Group(group);
    assert!(stranger.history(group, 0, 10).await.unwrap().is_empty());
    assert!(stranger.by_ids(group, vec![1]).await.unwrap().is_empty());
    assert!(!stranger.remove_session(group).await.unwrap());
    unharmed.in_the_end(world).await;
}

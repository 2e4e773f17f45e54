//! Steps in groups as they should not be asked for: each is answered in its own words and counted, and nothing changes.

use proto::im::base_define::GroupType;
use proto::im::ext::group::{
    ImGroupAnswerReq, ImGroupDetailsReq, ImGroupDetailsRsp, ImGroupInviteReq, ImGroupJoinReq,
    ImGroupLeaveReq, ImGroupMemberSetReq, ImGroupRequestsReq, ImGroupRequestsRsp, ImGroupSetReq,
    ImGroupStepRsp, ImGroupTransferReq,
};
use proto::im::group::{ImGroupCreateReq, ImGroupCreateRsp};
use tools::client::Device;

use super::{Unharmed, refused};
use crate::person::{Person, Raw};
use crate::world::World;

#[tokio::test]
async fn steps_that_make_no_sense_are_refused_with_a_reason() {
    let world = World::usual(3).await;
    let unharmed = Unharmed::at_first(&world);
    let (mut raw, login) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let me = login.user_info.unwrap().user_id;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let group = ImGroupCreateReq {
        group_type: GroupType::Tmp as i32,
        group_name: "ours".into(),
        member_id_list: vec![me, bob.id()],
        ..Default::default()
    };
    let group: ImGroupCreateRsp = raw.ask(&group, 2).await;
    let group_id = group.group_id.unwrap();
    let before = bob.group_page(group_id, None).await.unwrap();

    let named = |name: &str| ImGroupSetReq {
        group_id,
        name: Some(name.to_owned()),
        ..Default::default()
    };
    let sets = [
        (named("\u{0}"), "bad_name"),
        (
            ImGroupSetReq {
                inviting: Some(-1),
                ..named("fine")
            },
            "bad_field",
        ),
        (
            ImGroupSetReq {
                member_limit: Some(1),
                ..named("fine")
            },
            "too_many_members",
        ),
        (
            ImGroupSetReq {
                // somebody else's, and a key that is the servers' own
                user_id: bob.id(),
                group_id: u32::MAX,
                request_key: Some(vec![7; 4096].into()),
                ..named("fine")
            },
            "no_such_group",
        ),
    ];
    for (number, (request, reason)) in (10..).zip(sets) {
        let answer: ImGroupStepRsp = raw.ask(&request, number).await;
        assert_eq!((answer.user_id, answer.result_code), (me, 1));
        assert_eq!(
            (answer.reason(), answer.group_id),
            (reason, request.group_id)
        );
        assert_eq!((answer.group, answer.news), (None, None));
        refused(&world, "CID_EXT_GROUP_SET_REQ", reason, 1).await;
    }

    let invite = ImGroupInviteReq {
        group_id,
        invited_user_id: (1..60_000).collect(),
        ..Default::default()
    };
    let answer: ImGroupStepRsp = raw.ask(&invite, 20).await;
    assert_eq!(answer.result_code, 1);
    let member = ImGroupMemberSetReq {
        group_id,
        member_user_id: me,
        muted_seconds: Some(u32::MAX),
        ..Default::default()
    };
    let answer: ImGroupStepRsp = raw.ask(&member, 21).await;
    assert_eq!(answer.reason(), "not_permitted", "the owner");
    let nobody = ImGroupTransferReq {
        group_id,
        ..Default::default()
    };
    let answer: ImGroupStepRsp = raw.ask(&nobody, 22).await;
    assert_eq!(answer.reason(), "no_such_user");
    let answer: ImGroupStepRsp = raw.ask(&ImGroupJoinReq::default(), 23).await;
    assert_eq!(answer.reason(), "no_such_group");
    let answer: ImGroupStepRsp = raw.ask(&ImGroupLeaveReq::default(), 24).await;
    assert_eq!(answer.reason(), "no_such_group");
    let answered = ImGroupAnswerReq {
        group_id,
        applicant_user_id: Some(0),
        ..Default::default()
    };
    let answer: ImGroupStepRsp = raw.ask(&answered, 25).await;
    assert_eq!(answer.reason(), "no_such_user");

    // A cursor that is none is the beginning.
    let nonsense = Some(vec![0xff; 3].into());
    let page = ImGroupDetailsReq {
        group_id,
        cursor: nonsense.clone(),
        ..Default::default()
    };
    let page: ImGroupDetailsRsp = raw.ask(&page, 30).await;
    assert_eq!((page.result_code, page.member.len()), (0, 2));
    let requests = ImGroupRequestsReq {
        cursor: nonsense,
        ..Default::default()
    };
    let requests: ImGroupRequestsRsp = raw.ask(&requests, 31).await;
    assert_eq!((requests.result_code, requests.request.len()), (0, 0));
    assert_eq!(bob.group_page(group_id, None).await.unwrap(), before);
    unharmed.in_the_end(world).await;
}

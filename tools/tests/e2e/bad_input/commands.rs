//! Commands that cannot be granted, that nobody knows, that are none of a client's, or whose bodies cannot be read.

use bytes::Bytes;
use proto::im::base_define::{KickReasonType, SessionType};
use proto::im::buddy::{
    ImChangeAvatarReq, ImChangeAvatarRsp, ImChangeSignInfoReq, ImChangeSignInfoRsp,
    ImDepartmentReq, ImDepartmentRsp, ImRemoveSessionReq, ImRemoveSessionRsp, ImUsersInfoReq,
    ImUsersInfoRsp,
};
use proto::im::ext::message::ImSyncReq;
use proto::im::file::{
    ImFileAddOfflineReq, ImFileDelOfflineReq, ImFileHasOfflineReq, ImFileHasOfflineRsp, ImFileReq,
    ImFileRsp,
};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupCreateRsp,
    ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
    ImNormalGroupListReq, ImNormalGroupListRsp,
};
use proto::im::login::{
    ImDeviceTokenReq, ImDeviceTokenRsp, ImKickPcClientReq, ImKickPcClientRsp, ImKickUser,
    ImLoginReq, ImLoginRes, ImLogoutReq, ImLogoutRsp, ImPushShieldReq, ImPushShieldRsp,
    ImQueryPushShieldReq, ImQueryPushShieldRsp, ImRegistReq,
};
use proto::im::message::{ImGetMsgListReq, ImMsgData};
use proto::im::other::ImHeartBeat;
use proto::im::switch_service::Imp2pCmdMsg;
use proto::{Body, CommandId, Pdu, Role, commands};
use tools::client::Device;

use super::{NOT_LET_IN, Unharmed, closed, refused};
use crate::person::{Raw, login_request};
use crate::world::{PASSWORD, World};

/// D-18: silence is no answer. D-49: nobody deletes the records of others' files.
#[tokio::test]
async fn what_cannot_be_granted_is_answered_in_the_commands_own_words() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    let (mut raw, login) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let user_id = login.user_info.unwrap().user_id;

    // With a failure code where the answer has one …
    let avatar = ImChangeAvatarReq {
        avatar_url: "x".repeat(256),
        ..Default::default()
    };
    let avatar: ImChangeAvatarRsp = raw.ask(&avatar, 2).await;
    assert_eq!((avatar.user_id, avatar.result_code), (user_id, 1));
    let sign = ImChangeSignInfoReq {
        sign_info: "x".repeat(129),
        ..Default::default()
    };
    let sign: ImChangeSignInfoRsp = raw.ask(&sign, 3).await;
    assert_eq!((sign.user_id, sign.result_code), (user_id, 1));
    let shield = ImPushShieldReq {
        shield_status: 7,
        ..Default::default()
    };
    let shield: ImPushShieldRsp = raw.ask(&shield, 4).await;
    assert_eq!((shield.user_id, shield.result_code), (user_id, 1));
    let shield: ImQueryPushShieldRsp = raw.ask(&ImQueryPushShieldReq::default(), 5).await;
    assert_eq!((shield.user_id, shield.result_code), (user_id, 0));
    assert_eq!(shield.shield_status, Some(0), "as it was");
    let create = ImGroupCreateReq {
        group_name: "a group".into(),
        ..Default::default()
    };
    let created: ImGroupCreateRsp = raw.ask(&create, 6).await;
    assert_eq!((created.user_id, created.result_code), (user_id, 1));
    assert_eq!(
        (created.group_name.as_str(), created.group_id),
        ("a group", None)
    );
    let change = ImGroupChangeMemberReq {
        change_type: 2,
        group_id: 9,
        ..Default::default()
    };
    let changed: ImGroupChangeMemberRsp = raw.ask(&change, 7).await;
    assert_eq!((changed.user_id, changed.result_code), (user_id, 1));
    assert_eq!((changed.change_type, changed.group_id), (2, 9));
    let shield = ImGroupShieldReq {
        group_id: 9,
        ..Default::default()
    };
    let shield: ImGroupShieldRsp = raw.ask(&shield, 8).await;
    assert_eq!(
        (shield.user_id, shield.group_id, shield.result_code),
        (user_id, 9, 1)
    );
    let file = ImFileReq {
        to_user_id: 9,
        file_name: "a file".into(),
        trans_mode: 1,
        ..Default::default()
    };
    let file: ImFileRsp = raw.ask(&file, 9).await;
    assert_eq!(
        (file.from_user_id, file.to_user_id, file.result_code),
        (user_id, 9, 1)
    );
    let kicked: ImKickPcClientRsp = raw.ask(&ImKickPcClientReq::default(), 10).await;
    assert_eq!(
        (kicked.user_id, kicked.result_code),
        (user_id, 1),
        "only phones may"
    );
    let group = ImRemoveSessionReq {
        session_type: SessionType::Group as i32,
        session_id: 9,
        ..Default::default()
    };
    let removed: ImRemoveSessionRsp = raw.ask(&group, 11).await;
    assert_eq!((removed.user_id, removed.result_code), (user_id, 1));

    // … else with the truth: there is nothing.
    let departments: ImDepartmentRsp = raw.ask(&ImDepartmentReq::default(), 12).await;
    assert_eq!(
        (departments.user_id, departments.dept_list.len()),
        (user_id, 0)
    );
    let groups: ImNormalGroupListRsp = raw.ask(&ImNormalGroupListReq::default(), 13).await;
    assert_eq!(
        (groups.user_id, groups.group_version_list.len()),
        (user_id, 0)
    );
    let groups: ImGroupInfoListRsp = raw.ask(&ImGroupInfoListReq::default(), 14).await;
    assert_eq!((groups.user_id, groups.group_info_list.len()), (user_id, 0));
    let files: ImFileHasOfflineRsp = raw.ask(&ImFileHasOfflineReq::default(), 15).await;
    assert_eq!((files.user_id, files.offline_file_list.len()), (user_id, 0));
    let token: ImDeviceTokenRsp = raw.ask(&ImDeviceTokenReq::default(), 16).await;
    assert_eq!(token.user_id, user_id);
    let users: ImUsersInfoRsp = raw.ask(&ImUsersInfoReq::default(), 17).await;
    assert_eq!((users.user_id, users.user_info_list.len()), (user_id, 0));

    // What has no answer is counted.
    raw.tell(&ImFileAddOfflineReq::default(), 18).await;
    raw.tell(&ImFileDelOfflineReq::default(), 19).await;
    raw.tell(&Imp2pCmdMsg::default(), 20).await;
    raw.tell(&ImGetMsgListReq::default(), 21).await;
    for (command, reason) in [
        ("CID_FILE_ADD_OFFLINE_REQ", "no_file_server"),
        ("CID_FILE_DEL_OFFLINE_REQ", "no_file_server"),
        ("CID_SWITCH_P2P_CMD", "no_receiver"),
        ("CID_MSG_LIST_REQUEST", "bad_field"),
    ] {
        refused(&world, command, reason, 1).await;
    }
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_gets_the_commands_refusal() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    // Phones are not told who comes and goes.
    let (mut raw, _) = Raw::at(&world.msg(0), "demo1", Device::Android).await;
    // The commands whose answers can say no.
    let can_say_no = [
        ImLoginReq::ID,
        // It has no field for it; the answer alone is what clients wait for.
        ImDeviceTokenReq::ID,
        ImKickPcClientReq::ID,
        ImPushShieldReq::ID,
        ImQueryPushShieldReq::ID,
        ImRemoveSessionReq::ID,
        ImChangeAvatarReq::ID,
        ImChangeSignInfoReq::ID,
        ImMsgData::ID,
        ImSyncReq::ID,
        ImGroupCreateReq::ID,
        ImGroupChangeMemberReq::ID,
        ImGroupShieldReq::ID,
        ImFileReq::ID,
    ];
    let from_clients =
        commands::all().filter(|command| command.allows(Role::Client, Role::MsgServer));
    for (seq_num, command) in (100..).zip(from_clients) {
        let broken = Pdu::from_body(command.id, seq_num, Bytes::from_static(&[0xff; 9]));
        raw.0.send_pdu(&broken).await.unwrap();
        let echo: Pdu = {
            raw.tell(&ImHeartBeat {}, 99).await;
            raw.frame().await
        };
        if command.id == ImHeartBeat::ID {
            assert_eq!(echo, broken, "a heartbeat is never looked into");
            raw.frame().await;
            continue;
        }
        // What is an extension's can always say no, unless nothing answers it.
        let is_extension = command.id.0 & 0xff >= 0x80 && command.reply.is_some();
        if is_extension || command.id == ImRegistReq::ID || can_say_no.contains(&command.id) {
            assert_eq!(
                (Some(echo.command()), echo.seq_num()),
                (command.reply, seq_num)
            );
            assert_eq!(raw.frame().await.command(), ImHeartBeat::ID);
        } else {
            assert_eq!(
                echo.command(),
                ImHeartBeat::ID,
                "{} is answered",
                command.name
            );
        }
        refused(&world, command.name, "unreadable", 1).await;
    }
    unharmed.in_the_end(world).await;
}

#[tokio::test]
async fn what_a_client_may_not_say_ends_the_session_and_what_nobody_knows_does_not() {
    let world = World::usual(1).await;
    let unharmed = Unharmed::at_first(&world);
    let (mut raw, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;

    // A second login is refused, and the first one stands.
    let request = login_request("demo1", PASSWORD, Device::Windows);
    let answer: ImLoginRes = raw.ask(&request, 9).await;
    assert_eq!(answer.result_code, NOT_LET_IN);
    refused(&world, "CID_LOGIN_REQ_USERLOGIN", "logged_in_already", 1).await;

    let unknown = [0, 0x01ff, 0x0112, 0x0799, 0x4711, 0xffff];
    for command in unknown.map(CommandId) {
        let pdu = Pdu::from_body(command, 10, Bytes::from_static(b"from the future"));
        raw.0.send_pdu(&pdu).await.unwrap();
    }
    refused(&world, "unknown", "unknown_command", unknown.len() as u64).await;
    let _echo: ImHeartBeat = raw.ask(&ImHeartBeat {}, 11).await;
    drop(raw);

    // What servers say among each other, or to clients.
    let mut count = 0;
    let internal = commands::all().filter(|command| !command.allows(Role::Client, Role::MsgServer));
    for command in internal {
        let (mut raw, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
        let pdu = Pdu::from_body(command.id, 12, Bytes::new());
        raw.0.send_pdu(&pdu).await.unwrap();
        let frames = raw.is_closed().await;
        let answered = frames.iter().any(|frame| frame.seq_num() == 12);
        assert!(!answered, "{}", command.name);
        refused(&world, command.name, "forbidden_command", 1).await;
        count += 1;
    }
    closed(&world, "forbidden_command", count).await;

    // A logout without a body that can be read is no logout; one with is.
    let (mut raw, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let _answer: ImLogoutRsp = raw.ask(&ImLogoutReq {}, 13).await;
    raw.is_closed().await;
    closed(&world, "logout", 1).await;
    let (mut again, _) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut displaced = Raw::at(&world.msg(1), "demo1", Device::Mac).await.0;
    let kick: ImKickUser = again.frame_of::<ImKickUser>().await.decode().unwrap();
    assert_eq!(
        kick.kick_reason,
        KickReasonType::KickReasonDuplicateUser as i32
    );
    let _echo: ImHeartBeat = displaced.ask(&ImHeartBeat {}, 14).await;
    unharmed.in_the_end(world).await;
}

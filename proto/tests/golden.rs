//! Frames of every service, byte for byte, as they travel between stock clients and servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use proto::im::base_define::{ClientType, MsgType, SessionType, UserInfo, UserStat, UserStatType};
use proto::im::buddy::{ImUserStatNotify, ImUsersInfoRsp};
use proto::im::file::ImFileHasOfflineReq;
use proto::im::group::ImGroupCreateReq;
use proto::im::login::ImLoginReq;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::im::other::ImHeartBeat;
use proto::im::server::ImServerKickUser;
use proto::im::switch_service::Imp2pCmdMsg;
use proto::{Body, Decoder, Pdu};

/// Hex digits, white space ignored, `#` comments to the end of a line.
fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn check<M: Body + PartialEq>(golden: &str, message: M, seq_num: u16) {
    let bytes = unhex(golden);
    let mut decoder = Decoder::new(4096);
    decoder.extend(&bytes);
    let pdu = decoder.next_pdu().unwrap().expect("a whole frame");
    assert_eq!(pdu.command(), M::ID);
    assert_eq!(pdu.seq_num(), seq_num);
    assert_eq!(pdu.decode::<M>().unwrap(), message);
    assert_eq!(
        pdu.to_frame(),
        bytes,
        "a received frame is written as it came"
    );
    // Version and the last field are the sender's own affair; everything else must be equal.
    let ours = Pdu::new(&message, seq_num).to_frame();
    assert_eq!(
        (&ours[..4], &ours[8..14], &ours[16..]),
        (&bytes[..4], &bytes[8..14], &bytes[16..])
    );
}

#[test]
fn login_request_of_an_android_client() {
    check(
        include_str!("../testdata/login_req.hex"),
        ImLoginReq {
            user_name: "alice".to_owned(),
            password: "e10adc3949ba59abbe56e057f20f883e".to_owned(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: ClientType::Android as i32,
            client_version: Some("1.0".to_owned()),
            ..Default::default()
        },
        1,
    );
}

#[test]
fn presence_notice() {
    check(
        include_str!("../testdata/user_stat_notify.hex"),
        ImUserStatNotify {
            user_stat: UserStat {
                user_id: 300,
                status: UserStatType::UserStatusOffline as i32,
            },
            ..Default::default()
        },
        0,
    );
}

/// D-12: no required field is left out.
#[test]
fn profile_reply_carries_its_empty_required_fields() {
    check(
        include_str!("../testdata/users_info_rsp.hex"),
        ImUsersInfoRsp {
            user_id: 1,
            user_info_list: vec![UserInfo {
                user_id: 2,
                user_nick_name: "bob".to_owned(),
                ..Default::default()
            }],
            attach_data: None,
        },
        5,
    );
}

#[test]
fn message_and_its_acknowledgement() {
    check(
        include_str!("../testdata/msg_data.hex"),
        ImMsgData {
            from_user_id: 2,
            to_session_id: 3,
            msg_id: 0,
            create_time: 0,
            msg_type: MsgType::SingleText as i32,
            msg_data: Bytes::from_static(b"nnZSBwfPCz60q69ddmfIJA=="),
            ..Default::default()
        },
        7,
    );
    check(
        include_str!("../testdata/msg_data_ack.hex"),
        ImMsgDataAck {
            user_id: 2,
            session_id: 3,
            msg_id: 1,
            session_type: SessionType::Single as i32,
        },
        7,
    );
}

#[test]
fn group_creation() {
    check(
        include_str!("../testdata/group_create_req.hex"),
        ImGroupCreateReq {
            user_id: 1,
            group_type: 2,
            group_name: "team".to_owned(),
            group_avatar: String::new(),
            member_id_list: vec![1, 2, 300],
            ..Default::default()
        },
        9,
    );
}

#[test]
fn offline_file_question() {
    check(
        include_str!("../testdata/file_has_offline_req.hex"),
        ImFileHasOfflineReq {
            user_id: 7,
            attach_data: None,
        },
        3,
    );
}

#[test]
fn window_shake() {
    check(
        include_str!("../testdata/p2p_cmd.hex"),
        Imp2pCmdMsg {
            from_user_id: 1,
            to_user_id: 2,
            cmd_msg_data: "{}".to_owned(),
        },
        0,
    );
}

#[test]
fn heartbeat_and_server_kick() {
    check(include_str!("../testdata/heartbeat.hex"), ImHeartBeat {}, 0);
    check(
        include_str!("../testdata/server_kick_user.hex"),
        ImServerKickUser {
            user_id: 5,
            client_type: ClientType::Mac as i32,
            reason: 2,
            login_stamp: None,
        },
        0,
    );
}

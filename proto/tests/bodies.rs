//! Bodies: missing and unknown values, refusals, the actor's id, the text cipher.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use prost::Message as _;
use proto::device::{DeviceSet, DeviceType};
use proto::error::read_enum;
use proto::ids::UserId;
use proto::im::base_define::{ClientFileState, ClientType, MsgType};
use proto::im::buddy::{ImRemoveSessionReq, ImUsersInfoReq};
use proto::im::login::ImLoginReq;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::{Body, Pdu, Request, text};

#[test]
fn a_missing_number_reads_as_zero_and_a_missing_enum_as_no_name() {
    let login: ImLoginReq = Pdu::from_body(ImLoginReq::ID, 1, Default::default())
        .decode()
        .unwrap();
    assert_eq!((login.client_type, login.online_status), (0, 0));
    assert!(DeviceType::parse(login.client_type).is_err());
    assert!(read_enum::<ClientType>(login.client_type, "client_type").is_err());
    assert!(read_enum::<MsgType>(99, "msg_type").is_err());
    assert_eq!(
        read_enum::<ClientFileState>(0, "state"),
        Ok(ClientFileState::ClientFilePeerReady)
    );
}

#[test]
fn required_fields_are_written_even_when_zero() {
    let body = Pdu::new(&ImMsgDataAck::default(), 0).body;
    assert_eq!(&body[..], [0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0]);
}

#[test]
fn the_session_overwrites_who_the_body_says_it_is() {
    let mut message = ImMsgData {
        from_user_id: 99,
        ..Default::default()
    };
    message.claim(UserId::new(7).unwrap());
    assert_eq!(message.from_user_id, 7);
    let mut question = ImUsersInfoReq {
        user_id: 99,
        ..Default::default()
    };
    question.claim(UserId::new(7).unwrap());
    assert_eq!(question.user_id, 7);
}

#[test]
fn a_refusal_names_what_was_asked() {
    let request = ImRemoveSessionReq {
        user_id: 1,
        session_type: 2,
        session_id: 3,
        attach_data: None,
    };
    let refusal = request.refusal().unwrap();
    assert_eq!(
        (
            refusal.user_id,
            refusal.result_code,
            refusal.session_type,
            refusal.session_id
        ),
        (1, 1, 2, 3)
    );
    let message = ImMsgData {
        from_user_id: 1,
        to_session_id: 2,
        msg_type: 0x11,
        ..Default::default()
    };
    let refusal = message.refusal().unwrap();
    assert_eq!(
        (refusal.msg_id, refusal.session_id, refusal.session_type),
        (0, 2, 2)
    );
}

#[test]
fn devices_know_their_class() {
    let [windows, mac, ios, android, web, _] =
        DeviceType::KNOWN.map(|raw| DeviceType::parse(raw.into()).unwrap());
    assert!(windows.same_class(mac) && ios.same_class(android) && ios.same_class(web));
    assert!(!windows.same_class(android));
    for device in DeviceType::all() {
        let classes = DeviceType::ONE_OF_EACH_CLASS.iter();
        let of_it = classes.filter(|class| class.same_class(device));
        assert_eq!(of_it.count(), 1, "{device:?}");
    }
    assert!(android.is_mobile() && !mac.is_mobile());
    for raw in [0, -1, 3, 0x10, 0x14, 256 + 1, i32::MAX, i32::MIN] {
        assert!(DeviceType::parse(raw).is_err(), "{raw}");
    }

    let mut set = DeviceSet::default();
    set.insert(ios);
    set.insert(ios);
    assert!(!set.has_desktop());
    set.insert(mac);
    assert!(set.has_desktop());
    set.remove(mac);
    assert!(!set.has_desktop() && !set.is_empty());
    set.remove(ios);
    assert!(set.is_empty());
}

#[test]
fn text_vectors() {
    let key = text::DEFAULT_KEY;
    for (plain, sealed) in [
        ("a", "8+lyaGSNdKxdsEEADyYxvw=="),
        ("hello", "nnZSBwfPCz60q69ddmfIJA=="),
        ("123456789012", "qRbX2o2N6/0vxpOpQhCOOg=="),
        (
            "1234567890123",
            "ovYKzOY+0lEFsnZlqUWIQAr+GZ43+2mMfQMFqTsGBjY=",
        ),
        (
            "1234567890123456",
            "zyFIAqnq8fihaJFqgH9gVAfU6OB7fpsvZh6GP3dYB9g=",
        ),
        ("0123456789ab", "pjioVtcJuh77LuSiew7aJw=="),
        (
            "0123456789abc",
            "TAzR6N1CfvlADH+XckBekQr+GZ43+2mMfQMFqTsGBjY=",
        ),
        (
            "0123456789abcdef",
            "BY1wZOT9JPljcE5qNjw9cQfU6OB7fpsvZh6GP3dYB9g=",
        ),
        ("[语音]", "QhGXlpFjvMFUNrtl1aaPzA=="),
    ] {
        assert_eq!(text::encrypt(plain, key), sealed, "{plain}");
        assert_eq!(
            text::decrypt(sealed.as_bytes(), key).as_deref(),
            Some(plain)
        );
    }
}

#[test]
fn what_is_no_text_is_not_read_as_one() {
    let key = text::DEFAULT_KEY;
    for data in [
        &b""[..],
        b"AAAA",
        b"not base64!",
        b"nnZSBwfPCz60q69ddmfIJA",
        &[0xff, 0xfe],
    ] {
        assert_eq!(text::decrypt(data, key), None, "{data:?}");
    }
}

proptest! {
    #[test]
    fn text_round_trips(plain in "[^\u{0}]{0,200}") {
        let sealed = text::encrypt(&plain, text::DEFAULT_KEY);
        prop_assert_eq!(text::decrypt(sealed.as_bytes(), text::DEFAULT_KEY), Some(plain));
    }

    #[test]
    fn any_bytes_as_a_body_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let pdu = Pdu::from_body(ImMsgData::ID, 1, bytes.into());
        let _outcome = pdu.decode::<ImMsgData>();
        let _outcome = pdu.decode::<ImLoginReq>();
    }
}

#[test]
fn notes_of_servers_are_removed() {
    let mut message = ImMsgData {
        attach_data: Some("note".into()),
        ..Default::default()
    };
    message.detach();
    assert_eq!(message.attach_data, None);
}

/// Every message with the field knows that it has it.
#[test]
fn every_message_with_attach_data_can_drop_it() {
    let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let descriptors = prost_types::FileDescriptorSet::decode(&descriptors[..]).unwrap();
    let rows = [
        include_str!("../src/commands/login.rs"),
        include_str!("../src/commands/buddy.rs"),
        include_str!("../src/commands/msg.rs"),
        include_str!("../src/commands/group.rs"),
        include_str!("../src/commands/file.rs"),
        include_str!("../src/commands/other.rs"),
    ]
    .concat();
    let with_field = descriptors
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .flat_map(|message| &message.field)
        .filter(|field| field.name() == "attach_data")
        .count();
    assert_eq!(rows.matches("attach: attach_data,").count(), with_field);
}

/// A body of any command can be read and written by number alone.
#[test]
fn the_type_of_a_command_is_found_by_its_number() {
    use proto::command::Visitor;
    use proto::{Command, CommandId, commands};

    struct Row;
    impl Visitor for Row {
        type Output = Command;
        fn visit<M: Body>(self) -> Command {
            M::COMMAND
        }
    }

    for command in commands::all() {
        assert_eq!(commands::visit(command.id, Row), Some(*command));
    }
    assert_eq!(commands::visit(CommandId(0x7fff), Row), None);
}

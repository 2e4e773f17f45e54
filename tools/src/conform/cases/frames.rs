//! Frames: headers, lengths, how they are cut up on the way.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding;
use proto::im::buddy::{ImRecentContactSessionReq, ImUsersStatReq};
use proto::im::message::{ImClientTimeReq, ImMsgData, ImUnreadMsgCntReq};
use proto::im::other::ImHeartBeat;
use proto::{Body, CommandId, Pdu};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::expect::{holds, same};

cases! {
    /// A heartbeat comes back byte for byte: version, flag, service, number and reserved field included.
    "frames/heartbeat-echo" heartbeat_echo in Heartbeats {
        commands: [ImHeartBeat],
    }
    /// A reply has version 1, flag 0, the command's own service, reserved 0 and the request's number.
    "frames/reply-header" reply_header in Frame {
        commands: [ImClientTimeReq],
    }
    /// Version, flag and reserved are ignored: every stock client writes something else there.
    "frames/any-version" any_version in Frame {
        commands: [ImClientTimeReq],
    }
    /// The service id is ignored; the command alone decides.
    "frames/any-service" any_service in Frame {
        commands: [ImClientTimeReq],
    }
    /// A number that is no command is ignored, and the connection stays.
    "frames/unknown-command" unknown_command in Refusals {
        commands: [ImClientTimeReq],
    }
    /// A length below 16 closes the connection.
    "frames/length-below-header" length_below_header in Sizes {
        commands: [],
        defects: [32],
    }
    /// A length of 0 closes the connection.
    "frames/length-zero" length_zero in Sizes {
        commands: [],
    }
    /// A length that no client needs closes the connection, before the bytes have come.
    "frames/length-too-long" length_too_long in Sizes {
        commands: [],
        defects: [30],
    }
    /// Several frames in one piece are all answered.
    "frames/several-at-once" several_at_once in Frame {
        commands: [ImClientTimeReq],
        needs: [Tcp],
    }
    /// A frame that comes byte by byte is answered.
    "frames/byte-by-byte" byte_by_byte in Frame {
        commands: [ImUnreadMsgCntReq],
        needs: [Tcp],
    }
    /// A body that is no protobuf message leaves the connection open.
    "frames/unreadable-body" unreadable_body in Fields {
        commands: [ImUnreadMsgCntReq, ImMsgData],
    }
    /// A required field that is missing reads as zero: proto3 libraries leave zeros out.
    "frames/missing-zeros" missing_zeros in Fields {
        commands: [ImUnreadMsgCntReq, ImRecentContactSessionReq, ImMsgData],
    }
    /// Unknown fields are ignored.
    "frames/unknown-fields" unknown_fields in Fields {
        commands: [ImUnreadMsgCntReq, ImMsgData],
    }
    /// Lists of numbers are read packed, too.
    "frames/packed-list" packed_list in Fields {
        commands: [ImUsersStatReq],
    }
    /// A reply has the number of its request, whatever it is, also 0.
    "frames/seq-num-echo" seq_num_echo in SequenceNumbers {
        commands: [ImClientTimeReq, ImUnreadMsgCntReq],
    }
}

async fn heartbeat_echo(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for (version, flag, service_id, seq_num, reserved) in [
        (1, 0, 7, 0, 0),
        (6, 0, 7, 32_766, 0x0030),
        (13, 9, 3, 0xffff, 1),
        (0, 0xffff, 0, 2, 0xffff),
    ] {
        let mut beat = Pdu::new(&ImHeartBeat {}, seq_num);
        beat.header.version = version;
        beat.header.flag = flag;
        beat.header.service_id = service_id;
        beat.header.reserved = reserved;
        alice.send(&beat).await?;
        alice
            .find("the heartbeat's echo", |pdu| {
                (pdu.command() == ImHeartBeat::ID).then(|| same("echo", pdu, &beat))
            })
            .await?;
    }
    Ok(())
}

async fn reply_header(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let seq_num = alice.seq_num();
    let mut request = Pdu::new(&ImClientTimeReq {}, seq_num);
    request.header.version = 6;
    request.header.reserved = 0x0030;
    alice.send(&request).await?;
    let (pdu, _) = alice.reply::<ImClientTimeReq>(seq_num).await?;
    same("version", pdu.header.version, 1)?;
    same("flag", pdu.header.flag, 0)?;
    same("service_id", pdu.header.service_id, 3)?;
    same("reserved", pdu.header.reserved, 0)?;
    let seq_num = alice.seq_num();
    let request = ImUnreadMsgCntReq::default();
    alice.tell(&request, seq_num).await?;
    let (pdu, _) = alice.reply::<ImUnreadMsgCntReq>(seq_num).await?;
    same("version", pdu.header.version, 1)?;
    same("service_id", pdu.header.service_id, 3)
}

async fn any_version(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for (version, flag, reserved) in [(0, 0, 0), (6, 0, 0x0030), (13, 0, 1), (0xffff, 7, 7)] {
        let seq_num = alice.seq_num();
        let mut request = Pdu::new(&ImClientTimeReq {}, seq_num);
        request.header.version = version;
        request.header.flag = flag;
        request.header.reserved = reserved;
        alice.send(&request).await?;
        alice.reply::<ImClientTimeReq>(seq_num).await?;
    }
    Ok(())
}

async fn any_service(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for service_id in [0, 1, 7, 0x5555] {
        let seq_num = alice.seq_num();
        let mut request = Pdu::new(&ImClientTimeReq {}, seq_num);
        request.header.service_id = service_id;
        alice.send(&request).await?;
        alice.reply::<ImClientTimeReq>(seq_num).await?;
    }
    Ok(())
}

async fn unknown_command(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for number in [0, 0x037e, 0x7e7e, 0xffff] {
        let body = Bytes::from_static(b"whatever");
        let seq_num = alice.seq_num();
        let unknown = Pdu::from_body(CommandId(number), seq_num, body);
        alice.send(&unknown).await?;
        alice.ask(&ImClientTimeReq {}).await?;
    }
    Ok(())
}

/// A frame with a header that announces `length`, and nothing else.
fn announcing(length: u32) -> BytesMut {
    let mut header = Pdu::new(&ImHeartBeat {}, 0).header;
    header.length = length;
    let mut bytes = BytesMut::new();
    header.write(&mut bytes);
    bytes
}

async fn length_below_header(ctx: &Ctx) -> Outcome {
    for length in [1, 8, 15] {
        let mut alice = ctx.desktop(ALICE).await?;
        alice.write(&announcing(length)).await?;
        let expected = format!("the connection closed behind length {length}");
        alice.closes(&expected).await?;
    }
    Ok(())
}

async fn length_zero(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    alice.write(&announcing(0)).await?;
    alice.closes("the connection closed behind length 0").await
}

async fn length_too_long(ctx: &Ctx) -> Outcome {
    for length in [64 * 1024 * 1024, u32::MAX] {
        let mut alice = ctx.desktop(ALICE).await?;
        alice.write(&announcing(length)).await?;
        let expected = format!("the connection closed behind length {length}");
        alice.closes(&expected).await?;
    }
    Ok(())
}

async fn several_at_once(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let numbers = [alice.seq_num(), alice.seq_num(), alice.seq_num()];
    let requests = numbers.map(|seq_num| Pdu::new(&ImClientTimeReq {}, seq_num));
    alice.send_cut(&requests, usize::MAX).await?;
    for seq_num in numbers {
        alice.reply::<ImClientTimeReq>(seq_num).await?;
    }
    Ok(())
}

async fn byte_by_byte(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let seq_num = alice.seq_num();
    let request = ImUnreadMsgCntReq {
        user_id: alice.id,
        attach_data: None,
    };
    let request = Pdu::new(&request, seq_num);
    alice.send_cut(&[request], 1).await?;
    alice.reply::<ImUnreadMsgCntReq>(seq_num).await?;
    Ok(())
}

async fn unreadable_body(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for command in [ImUnreadMsgCntReq::ID, ImMsgData::ID] {
        let body = Bytes::from_static(&[0x0a, 0xff, 0xff, 0x01, 0x02]);
        let garbled = Pdu::from_body(command, alice.seq_num(), body);
        alice.send(&garbled).await?;
        alice.ask(&ImClientTimeReq {}).await?;
    }
    Ok(())
}

/// A text without the fields that a client has nothing to say in.
fn bare_text(to: u32, data: &Bytes) -> BytesMut {
    let mut body = BytesMut::new();
    encoding::uint32::encode(2, &to, &mut body);
    encoding::int32::encode(5, &1, &mut body);
    encoding::bytes::encode(6, data, &mut body);
    body
}

async fn missing_zeros(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let seq_num = alice.seq_num();
    let empty = Pdu::from_body(ImUnreadMsgCntReq::ID, seq_num, Bytes::new());
    alice.send(&empty).await?;
    let (_, unread) = alice.reply::<ImUnreadMsgCntReq>(seq_num).await?;
    same("user_id", unread.user_id, alice.id)?;
    let seq_num = alice.seq_num();
    let empty = Pdu::from_body(ImRecentContactSessionReq::ID, seq_num, Bytes::new());
    alice.send(&empty).await?;
    alice.reply::<ImRecentContactSessionReq>(seq_num).await?;
    let (data, seq_num) = (ctx.text(), alice.seq_num());
    let body = bare_text(ctx.id(BOB), &data).freeze();
    alice
        .send(&Pdu::from_body(ImMsgData::ID, seq_num, body))
        .await?;
    let (_, ack) = alice.reply::<ImMsgData>(seq_num).await?;
    holds("msg_id above 0", ack.msg_id > 0, ack)
}

async fn unknown_fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let (data, seq_num) = (ctx.text(), alice.seq_num());
    let mut body = bare_text(ctx.id(BOB), &data);
    encoding::uint32::encode(7, &ctx.id(BOB), &mut body);
    encoding::string::encode(230, &"from a fork".to_owned(), &mut body);
    alice
        .send(&Pdu::from_body(ImMsgData::ID, seq_num, body.freeze()))
        .await?;
    let (_, ack) = alice.reply::<ImMsgData>(seq_num).await?;
    holds("msg_id above 0", ack.msg_id > 0, ack)?;
    let seq_num = alice.seq_num();
    let mut body = BytesMut::new();
    encoding::uint32::encode(1, &alice.id, &mut body);
    encoding::string::encode(230, &"from a fork".to_owned(), &mut body);
    let request = Pdu::from_body(ImUnreadMsgCntReq::ID, seq_num, body.freeze());
    alice.send(&request).await?;
    alice.reply::<ImUnreadMsgCntReq>(seq_num).await?;
    Ok(())
}

async fn packed_list(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let wanted = [ctx.id(BOB), ctx.nobody()];
    let mut body = BytesMut::new();
    encoding::uint32::encode(1, &alice.id, &mut body);
    let mut list = BytesMut::new();
    for id in wanted {
        encoding::encode_varint(u64::from(id), &mut list);
    }
    body.put_u8(2 << 3 | 2);
    encoding::encode_varint(list.len() as u64, &mut body);
    body.put(list);
    let seq_num = alice.seq_num();
    let request = Pdu::from_body(ImUsersStatReq::ID, seq_num, body.freeze());
    alice.send(&request).await?;
    let (_, answer) = alice.reply::<ImUsersStatReq>(seq_num).await?;
    let came: Vec<u32> = answer
        .user_stat_list
        .iter()
        .map(|stat| stat.user_id)
        .collect();
    same("users in the answer", came, wanted.to_vec())
}

async fn seq_num_echo(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for seq_num in [0, 2, 0x7fff, 0x8000, 0xff01, 0xffff] {
        alice.tell(&ImClientTimeReq {}, seq_num).await?;
        alice.reply::<ImClientTimeReq>(seq_num).await?;
        alice.tell(&ImUnreadMsgCntReq::default(), seq_num).await?;
        alice.reply::<ImUnreadMsgCntReq>(seq_num).await?;
    }
    Ok(())
}

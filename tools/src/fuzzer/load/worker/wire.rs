//! Frames as the hot path writes and reads them: made once and patched, and read without an allocation.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use proto::im::message::ImMsgData;
use proto::pdu::write_message;

use super::super::tag::{self, Tag};

/// Where a header has its number.
const SEQ_NUM: std::ops::Range<usize> = 12..14;

/// A message's frame, whole but for its number and its tag.
#[derive(Clone, Debug)]
pub(super) struct Template {
    frame: Vec<u8>,
    body: usize,
}

impl Template {
    /// A message of this type from one user to another, or to a group.
    pub(super) fn new(from: u32, to: u32, msg_type: i32, body: u32) -> Self {
        let body = tag::body(body as usize);
        let length = body.len();
        let message = ImMsgData {
            from_user_id: from,
            to_session_id: to,
            msg_type,
            msg_data: body.into(),
            ..Default::default()
        };
        let mut frame = Vec::new();
        write_message(&message, 0, &mut frame);
        Self {
            body: frame.len() - length,
            frame,
        }
    }

    /// Appends the frame of one message.
    pub(super) fn write(&self, seq_num: u16, tag: Tag, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        frame[SEQ_NUM].copy_from_slice(&seq_num.to_be_bytes());
        tag.write(&mut frame[self.body..]);
    }
}

/// Of a pushed message, what counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) id: u32,
    pub(super) msg_type: u32,
    pub(super) data: &'a [u8],
}

/// Reads an `IMMsgData`; `None` if it is none.
pub(super) fn message(mut body: &[u8]) -> Option<Message<'_>> {
    let mut message = Message::default();
    while !body.is_empty() {
        let (field, wire_type) = decode_key(&mut body).ok()?;
        match (field, wire_type) {
            (1 | 2 | 3 | 5, WireType::Varint) => {
                let value = decode_varint(&mut body).ok()? as u32;
                match field {
                    1 => message.from = value,
                    2 => message.to = value,
                    3 => message.id = value,
                    _ => message.msg_type = value,
                }
            }
            (6, WireType::LengthDelimited) => {
                let length = usize::try_from(decode_varint(&mut body).ok()?).ok()?;
                (message.data, body) = body.split_at_checked(length)?;
            }
            _ => skip_field(wire_type, field, &mut body, DecodeContext::default()).ok()?,
        }
    }
    Some(message)
}

/// Of an acknowledgement, the id. `None` if it is none.
pub(super) fn acked_id(mut body: &[u8]) -> Option<u32> {
    let mut id = 0;
    while !body.is_empty() {
        let (field, wire_type) = decode_key(&mut body).ok()?;
        if (field, wire_type) == (3, WireType::Varint) {
            id = decode_varint(&mut body).ok()? as u32;
        } else {
            skip_field(wire_type, field, &mut body, DecodeContext::default()).ok()?;
        }
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::im::message::ImMsgDataAck;
    use proto::{Body, Decoder};

    use super::*;

    proptest! {
        #[test]
        fn a_template_is_the_message_it_says(from: u32, to: u32, number: u32, seq_num: u16, len in 24u32..200) {
            let tag = Tag { run: 1, conversation: 2, number, due: 3 };
            let mut out = b"before".to_vec();
            Template::new(from, to, 1, len).write(seq_num, tag, &mut out);
            let mut decoder = Decoder::new(1000);
            decoder.extend(&out[6..]);
            let pdu = decoder.next_pdu().unwrap().unwrap();
            prop_assert_eq!((pdu.command(), pdu.seq_num()), (ImMsgData::ID, seq_num));
            let read: ImMsgData = pdu.decode().unwrap();
            prop_assert_eq!((read.from_user_id, read.to_session_id), (from, to));
            prop_assert_eq!(Tag::read(&read.msg_data), Some(tag));
            let short = message(&pdu.body).unwrap();
            prop_assert_eq!((short.from, short.to, short.id, short.msg_type), (from, to, 0, 1));
            prop_assert_eq!(short.data, &read.msg_data[..]);
        }

        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let _message = message(&bytes);
            let _id = acked_id(&bytes);
        }

        #[test]
        fn an_acknowledgement_has_an_id(msg_id: u32, user_id: u32) {
            let ack = ImMsgDataAck { msg_id, user_id, session_id: 7, session_type: 1 };
            prop_assert_eq!(acked_id(&prost::Message::encode_to_vec(&ack)), Some(msg_id));
        }
    }
}

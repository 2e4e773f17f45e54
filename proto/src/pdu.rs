//! One frame: header and body.

use bytes::{BufMut, Bytes, BytesMut};

use crate::command::{Body, CommandId};
use crate::header::{HEADER_LEN, Header};

/// One frame as it was received, or as it goes out. The body shares the memory it was read into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// The header as received; a frame that is sent back unchanged (heartbeat) keeps all of it.
    pub header: Header,
    /// One protobuf message; empty for a message without set fields.
    pub body: Bytes,
}

impl Pdu {
    /// A frame around a message, numbered `seq_num` (0 unless it is a request or a reply).
    pub fn new<M: Body>(message: &M, seq_num: u16) -> Self {
        Self::from_body(M::ID, seq_num, Bytes::from(message.encode_to_vec()))
    }

    /// A frame around a body that is encoded already.
    pub fn from_body(command: CommandId, seq_num: u16, body: Bytes) -> Self {
        Self {
            header: Header::new(command, seq_num, body.len()),
            body,
        }
    }

    /// What the body is.
    pub fn command(&self) -> CommandId {
        self.header.command
    }

    /// The request's number, or 0.
    pub fn seq_num(&self) -> u16 {
        self.header.seq_num
    }

    /// Decodes the body as `M`. The command is the caller's to check.
    pub fn decode<M: Body>(&self) -> Result<M, prost::DecodeError> {
        // `Bytes` fields of the message share the body's memory.
        M::decode(self.body.clone())
    }

    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// Appends the whole frame.
    pub fn write(&self, out: &mut impl BufMut) {
        self.header.write(out);
        out.put_slice(&self.body);
    }

    /// The whole frame as bytes of its own, to be copied to many receivers.
    pub fn to_frame(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.frame_len());
        self.write(&mut out);
        out.freeze()
    }
}

/// Appends a frame around `message` to `out` without a buffer in between.
pub fn write_message<M: Body>(message: &M, seq_num: u16, out: &mut Vec<u8>) {
    let body_len = message.encoded_len();
    out.reserve(HEADER_LEN + body_len);
    Header::new(M::ID, seq_num, body_len).write(out);
    message.encode_raw(out);
}

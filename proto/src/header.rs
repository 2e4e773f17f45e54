//! The 16 bytes in front of every body (PROTOCOL.md, "Frame").

use bytes::BufMut;

use crate::command::CommandId;

/// Bytes of a header, and the smallest length a frame can announce.
pub const HEADER_LEN: usize = 16;

/// A frame's header. All integers are big-endian on the wire.
///
/// `version`, `flag`, `service_id` and `reserved` are never judged on receipt: stock clients write versions 0, 1, 6
/// and 13 there, and dispatch needs the command alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole frame, header included.
    pub length: u32,
    /// 1 from servers.
    pub version: u16,
    /// 0 from servers.
    pub flag: u16,
    /// 1 to 7; equal to the high byte of the command.
    pub service_id: u16,
    /// What the body is.
    pub command: CommandId,
    /// Chosen by the asker and repeated in the reply; 0 in everything that is no reply.
    pub seq_num: u16,
    /// 0 from servers.
    pub reserved: u16,
}

impl Header {
    /// A header as our servers write it.
    pub fn new(command: CommandId, seq_num: u16, body_len: usize) -> Self {
        Self {
            length: (HEADER_LEN + body_len) as u32,
            version: 1,
            flag: 0,
            service_id: command.service_id(),
            command,
            seq_num,
            reserved: 0,
        }
    }

    /// Reads a header. Any sixteen bytes are one; whether its length is acceptable is the decoder's question.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Self {
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Self {
            length: u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            version: u16_at(4),
            flag: u16_at(6),
            service_id: u16_at(8),
            command: CommandId(u16_at(10)),
            seq_num: u16_at(12),
            reserved: u16_at(14),
        }
    }

    /// Appends the sixteen bytes.
    pub fn write(&self, out: &mut impl BufMut) {
        out.put_u32(self.length);
        out.put_u16(self.version);
        out.put_u16(self.flag);
        out.put_u16(self.service_id);
        out.put_u16(self.command.0);
        out.put_u16(self.seq_num);
        out.put_u16(self.reserved);
    }
}

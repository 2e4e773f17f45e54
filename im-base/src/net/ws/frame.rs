//! Frames of RFC 6455: taken off what arrives, put around what leaves.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control as ControlCode, Data, OpCode};

/// Bytes of the longest header: two, a length of eight, a mask.
const MAX_HEAD: usize = 14;

/// Bytes of the longest payload of a control frame.
const MAX_CONTROL: u64 = 125;

/// Bytes of a PDU's header, the smallest length it can announce.
const PDU_HEAD: usize = 16;

/// The other side broke the rules of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation;

/// A control frame of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Ping(Vec<u8>),
    /// With the code it gave.
    Close(Option<CloseCode>),
}

/// Where in a stream of masked frames the next byte belongs.
///
/// Payload is unmasked in the buffer it was read into and goes on from there: no frame and no message is ever kept, so
/// neither needs a limit. What it holds at most is a header or the payload of one control frame.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    head: [u8; MAX_HEAD],
    head_len: usize,
    frame: Option<Frame>,
    /// Between the first and the last frame of a message.
    in_message: bool,
    control: Vec<u8>,
    /// A close frame was the last that counts.
    closed: bool,
}

#[derive(Debug)]
struct Frame {
    /// `None` for data.
    control: Option<ControlCode>,
    mask: [u8; 4],
    left: u64,
}

impl Incoming {
    /// Leaves the payload of data frames at the front of `bytes`, and returns how much that is. Control frames are handed
    /// to `control`; nothing is read behind a close frame.
    pub(super) fn unwrap(
        &mut self,
        bytes: &mut [u8],
        mut control: impl FnMut(Control),
    ) -> Result<usize, Violation> {
        let (mut read, mut kept) = (0, 0);
        while read < bytes.len() && !self.closed {
            let Some(frame) = &mut self.frame else {
                read += self.read_head(&bytes[read..])?;
                self.end_frame(&mut control)?;
                continue;
            };
            let count = usize::try_from(frame.left)
                .unwrap_or(usize::MAX)
                .min(bytes.len() - read);
            let piece = read..read + count;
            unmask(&mut bytes[piece.clone()], frame.mask);
            frame.mask.rotate_left(count % 4);
            frame.left -= count as u64;
            if frame.control.is_some() {
                self.control.extend_from_slice(&bytes[piece]);
            } else {
                bytes.copy_within(piece, kept);
                kept += count;
            }
            read += count;
            self.end_frame(&mut control)?;
        }
        Ok(kept)
    }

    /// Takes bytes of a header, and returns how many it took.
    fn read_head(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let wanted = match self.head_len {
            0 | 1 => 2,
            _ => head_len(self.head[1]),
        };
        let count = (wanted - self.head_len).min(bytes.len());
        self.head[self.head_len..][..count].copy_from_slice(&bytes[..count]);
        self.head_len += count;
        if self.head_len >= 2 && self.head_len == head_len(self.head[1]) {
            let mut head = Cursor::new(&self.head[..self.head_len]);
            let parsed = FrameHeader::parse(&mut head).map_err(|_| Violation)?;
            let (header, length) = parsed.ok_or(Violation)?;
            self.head_len = 0;
            self.frame = Some(self.begin(&header, length)?);
        }
        Ok(count)
    }

    fn begin(&mut self, header: &FrameHeader, length: u64) -> Result<Frame, Violation> {
        let reserved = header.rsv1 || header.rsv2 || header.rsv3;
        // A client has to mask; a length has 63 bits.
        let mask = header.mask.filter(|_| !reserved && length >> 63 == 0);
        let mask = mask.ok_or(Violation)?;
        let control = match header.opcode {
            OpCode::Control(_) if !header.is_final || length > MAX_CONTROL => {
                return Err(Violation);
            }
            OpCode::Control(code) => Some(code),
            OpCode::Data(data) => {
                // Text is not judged as such: what is in it is bytes of a PDU.
                if self.in_message != (data == Data::Continue) {
                    return Err(Violation);
                }
                self.in_message = !header.is_final;
                None
            }
        };
        Ok(Frame {
            control,
            mask,
            left: length,
        })
    }

    fn end_frame(&mut self, control: &mut impl FnMut(Control)) -> Result<(), Violation> {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else {
            return Ok(());
        };
        let Some(code) = frame.control else {
            return Ok(());
        };
        let payload = std::mem::take(&mut self.control);
        match code {
            ControlCode::Ping => control(Control::Ping(payload)),
            ControlCode::Close => {
                self.closed = true;
                control(Control::Close(read_close(&payload)?));
            }
            // Nobody asked for a pong, and `begin` lets no reserved code pass.
            ControlCode::Pong | ControlCode::Reserved(_) => {}
        }
        Ok(())
    }
}

/// Bytes of a header, told by its second byte.
fn head_len(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    2 + length + mask
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    // Eight at a time, which the compiler widens further.
    let wide = (u64::from(u32::from_ne_bytes(mask)) * 0x1_0000_0001).to_ne_bytes();
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        for (byte, mask) in chunk.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(wide) {
        *byte ^= mask;
    }
}

/// A close frame is empty, or a code that may be sent and a reason in UTF-8.
fn read_close(payload: &[u8]) -> Result<Option<CloseCode>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Violation)
        };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    if code.is_allowed() && std::str::from_utf8(reason).is_ok() {
        Ok(Some(code))
    } else {
        Err(Violation)
    }
}

/// Appends `bytes` as binary messages, one for each PDU, until `out` has grown to `enough`; returns how many bytes that
/// took. Bytes that are no whole PDU become one message.
pub(super) fn wrap(bytes: &[u8], enough: usize, out: &mut Vec<u8>) -> usize {
    out.reserve(bytes.len().min(enough) + MAX_HEAD);
    let mut taken = 0;
    while taken < bytes.len() && out.len() < enough {
        let rest = &bytes[taken..];
        let whole = rest
            .first_chunk::<4>()
            .map(|length| u32::from_be_bytes(*length) as usize)
            .filter(|length| (PDU_HEAD..=rest.len()).contains(length));
        let message = &rest[..whole.unwrap_or(rest.len())];
        append(OpCode::Data(Data::Binary), message, out);
        taken += message.len();
    }
    taken
}

/// A pong with the ping's payload.
pub(super) fn pong(payload: &[u8], out: &mut Vec<u8>) {
    append(OpCode::Control(ControlCode::Pong), payload, out);
}

/// A close frame with this code and no words.
pub(super) fn close(code: CloseCode, out: &mut Vec<u8>) {
    let payload = u16::from(code).to_be_bytes();
    append(OpCode::Control(ControlCode::Close), &payload, out);
}

fn append(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    out.reserve(MAX_HEAD + payload.len());
    header
        .format(payload.len() as u64, out)
        .expect("a vector takes everything");
    out.extend_from_slice(payload);
}

//! Frames out of a byte stream.

use bytes::{Buf, BytesMut};

use crate::error::FrameError;
use crate::header::{HEADER_LEN, Header};
use crate::pdu::Pdu;

/// The default largest frame between servers: 1 MiB.
pub const MAX_SERVER_FRAME: u32 = 1024 * 1024;

/// The default largest frame to and from clients: 400 KiB, because stock Android clients refuse more.
pub const MAX_CLIENT_FRAME: u32 = 400 * 1024;

/// Cuts a byte stream into frames.
///
/// The buffer never holds more than the largest frame plus what one `extend` brought, and holds no memory at all
/// between frames. After an error the stream is out of step: drop the decoder with its connection.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max_frame: u32,
}

impl Decoder {
    /// A decoder that refuses frames above `max_frame` bytes, header included.
    pub fn new(max_frame: u32) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_frame,
        }
    }

    /// Changes the largest frame from the next one on: small before a login, larger after it.
    pub fn set_max_frame(&mut self, max_frame: u32) {
        self.max_frame = max_frame;
    }

    /// Adds bytes as they came from the stream.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait for the rest of their frame.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole frame, `None` when more bytes are needed.
    ///
    /// A length is judged as soon as its four bytes are here, so that a bad one is not waited for.
    pub fn next_pdu(&mut self) -> Result<Option<Pdu>, FrameError> {
        if let Some(length) = self.buffer.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length);
            if (length as usize) < HEADER_LEN {
                return Err(FrameError::TooShort { length });
            }
            if length > self.max_frame {
                return Err(FrameError::TooLong {
                    length,
                    max: self.max_frame,
                });
            }
        }
        let Some(header) = self.buffer.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = Header::parse(header);
        let length = header.length as usize;
        if self.buffer.len() < length {
            return Ok(None);
        }
        let mut frame = if self.buffer.len() == length {
            std::mem::take(&mut self.buffer)
        } else {
            self.buffer.split_to(length)
        };
        frame.advance(HEADER_LEN);
        Ok(Some(Pdu {
            header,
            body: frame.freeze(),
        }))
    }
}

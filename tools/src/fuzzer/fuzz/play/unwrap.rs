//! Answers out of what a port says, whatever is around them.

use bytes::{Buf, BytesMut};
use proto::im::ext::other::ImNak;
use proto::im::login::ImLoginRes;
use proto::{Body, Decoder, Pdu, commands};

use super::ids::Ids;
use super::seen::Mark;
use crate::fuzzer::fuzz::dialect::Dialect;

/// Larger than any frame that a server sends.
const MAX_FRAME: u32 = 64 * 1024 * 1024;

/// The largest head of an HTTP answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// What is understood so far. Never keeps more than a frame and what came with its end.
pub(super) enum Unwrap {
    /// Frames, nothing around them.
    Frames(Decoder),
    /// An HTTP answer; only its first line is looked at.
    Http { head: Vec<u8>, done: bool },
    /// An HTTP answer that ought to agree to a WebSocket.
    Handshake { head: Vec<u8> },
    /// Frames in messages.
    WebSocket { raw: BytesMut, frames: Decoder },
}

impl Unwrap {
    pub(super) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Http => Self::Http {
                head: Vec::new(),
                done: false,
            },
            Dialect::Websocket => Self::Handshake { head: Vec::new() },
            _ => Self::Frames(Decoder::new(MAX_FRAME)),
        }
    }

    /// Takes bytes and hands out what they mean; an error says why they mean nothing.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        ids: &Ids,
        found: &mut dyn FnMut(Mark),
    ) -> Result<(), String> {
        match self {
            Self::Frames(decoder) => {
                decoder.extend(bytes);
                frames(decoder, ids, found)
            }
            Self::Http { done: true, .. } => Ok(()),
            Self::Http { head, done } => {
                head.extend_from_slice(bytes);
                if let Some(status) = status(head)? {
                    found(Mark::Status(status));
                    *done = true;
                }
                Ok(())
            }
            Self::Handshake { head } => {
                head.extend_from_slice(bytes);
                let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                    return if head.len() > MAX_HEAD {
                        Err("a head without an end".into())
                    } else {
                        Ok(())
                    };
                };
                let status = status(head)?.ok_or("an empty head")?;
                found(Mark::Status(status));
                if status != 101 {
                    *self = Self::Http {
                        head: Vec::new(),
                        done: true,
                    };
                    return Ok(());
                }
                let rest = head.split_off(end + 4);
                *self = Self::WebSocket {
                    raw: BytesMut::new(),
                    frames: Decoder::new(MAX_FRAME),
                };
                self.take(&rest, ids, found)
            }
            Self::WebSocket {
                raw,
                frames: decoder,
            } => {
                raw.extend_from_slice(bytes);
                while let Some((head, payload)) = message(raw)? {
                    match head & 0x0f {
                        8 => {
                            let code = payload
                                .first_chunk()
                                .map_or(1005, |code| u16::from_be_bytes(*code));
                            found(Mark::WebSocketClose(code));
                        }
                        0..=2 => {
                            decoder.extend(&payload);
                            frames(decoder, ids, found)?;
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
        }
    }
}

/// The status of an HTTP answer, once its first line is there.
fn status(head: &[u8]) -> Result<Option<u16>, String> {
    const BEGIN: &[u8] = b"HTTP/1.";
    let compared = head.len().min(BEGIN.len());
    if head[..compared] != BEGIN[..compared] {
        return Err("what came does not begin like an answer of HTTP".into());
    }
    let Some(line) = head.get(..12) else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(&line[9..]).ok();
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(status) => Ok(Some(status)),
        None => Err("an answer of HTTP without a status".into()),
    }
}

fn frames(decoder: &mut Decoder, ids: &Ids, found: &mut dyn FnMut(Mark)) -> Result<(), String> {
    while let Some(pdu) = decoder.next_pdu().map_err(|error| error.to_string())? {
        frame(&pdu, ids, found)?;
    }
    Ok(())
}

fn frame(pdu: &Pdu, ids: &Ids, found: &mut dyn FnMut(Mark)) -> Result<(), String> {
    let Some(row) = commands::find(pdu.command()) else {
        return Err(format!("a frame of the unknown command {}", pdu.command()));
    };
    found(Mark::Reply(row.id));
    ids.learn(row.body, &pdu.body);
    let undecodable =
        |error: prost::DecodeError| format!("a {} that cannot be decoded: {error}", row.name);
    if row.id == ImLoginRes::ID {
        let answer: ImLoginRes = pdu.decode().map_err(undecodable)?;
        found(Mark::Login(answer.result_code));
    } else if row.id == ImNak::ID {
        let nak: ImNak = pdu.decode().map_err(undecodable)?;
        found(Mark::Refused(nak.reason.chars().take(40).collect()));
    }
    Ok(())
}

/// The next WebSocket frame of a server, taken off: its first byte and its payload.
fn message(raw: &mut BytesMut) -> Result<Option<(u8, BytesMut)>, String> {
    let Some([head, second]) = raw.first_chunk::<2>().copied() else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err("a WebSocket frame of the server with a mask".into());
    }
    let (length, skip) = match second {
        126 => match raw.get(2..4) {
            Some(length) => (u64::from(u16::from_be_bytes([length[0], length[1]])), 4),
            None => return Ok(None),
        },
        127 => match raw.get(2..10).and_then(|length| length.first_chunk::<8>()) {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        length => (u64::from(length), 2),
    };
    if length > u64::from(MAX_FRAME) {
        return Err(format!("a WebSocket frame of {length} bytes"));
    }
    if (raw.len() as u64) < skip as u64 + length {
        return Ok(None);
    }
    raw.advance(skip);
    Ok(Some((head, raw.split_to(length as usize))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::im::other::ImHeartBeat;

    fn all(dialect: Dialect, bytes: &[u8], size: usize) -> Result<Vec<Mark>, String> {
        let (mut unwrap, ids, mut marks) = (Unwrap::new(dialect), Ids::default(), Vec::new());
        for piece in bytes.chunks(size) {
            unwrap.take(piece, &ids, &mut |mark| marks.push(mark))?;
        }
        Ok(marks)
    }

    #[test]
    fn answers_are_found_however_they_are_cut() {
        let beat = Pdu::new(&ImHeartBeat {}, 3).to_frame();
        let mut web = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n".to_vec();
        web.extend_from_slice(&[0x82, 16]);
        web.extend_from_slice(&beat);
        web.extend_from_slice(&[0x88, 2, 0x03, 0xea]);
        for size in 1..web.len() {
            let reply = Mark::Reply(ImHeartBeat::ID);
            let found = all(Dialect::Client, &beat, size).unwrap();
            assert_eq!(found, std::slice::from_ref(&reply));
            let wanted = [Mark::Status(101), reply, Mark::WebSocketClose(1002)];
            assert_eq!(all(Dialect::Websocket, &web, size).unwrap(), wanted);
            let http = all(Dialect::Http, b"HTTP/1.1 404 Not Found\r\n\r\n", size).unwrap();
            assert_eq!(http, [Mark::Status(404)]);
        }
    }

    #[test]
    fn what_is_none_of_the_language_is_told() {
        assert!(all(Dialect::Client, &[0; 16], 16).is_err());
        assert!(all(Dialect::Http, b"SSH-2.0", 7).is_err());
        let mut unknown = Pdu::new(&ImHeartBeat {}, 0).to_frame().to_vec();
        unknown[10] = 0x6f;
        assert!(
            all(Dialect::Client, &unknown, 16)
                .unwrap_err()
                .contains("unknown")
        );
    }
}

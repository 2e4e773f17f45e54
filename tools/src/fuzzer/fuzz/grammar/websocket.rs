//! What is around frames on a WebSocket, right and wrong. Bytes are made here and not by a library, which would refuse to.

use fastrand::Rng;

use crate::fuzzer::fuzz::script::{Bytes, IdPlace, Part, Step};

/// A request that is agreed to. The key is the one of RFC 6455's example.
pub(crate) const HANDSHAKE: &[u8] = b"GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

const BINARY: u8 = 0x82;

/// A client's message in one WebSocket frame, with a mask that changes nothing, so that ids stay where they are.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![head];
    match payload.len() {
        length @ ..126 => out.push(0x80 | length as u8),
        length @ ..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}

fn message(part: Part) -> Part {
    let bytes = frame(BINARY, &part.bytes.0);
    let moved = bytes.len() - part.bytes.0.len();
    let ids = part.ids.into_iter().map(|place| IdPlace {
        at: place.at + moved,
        ..place
    });
    Part {
        ids: ids.collect(),
        bytes: Bytes(bytes),
    }
}

/// Puts what is written into messages, and now and then something else between them.
pub(super) fn wrap(rng: &mut Rng, steps: Vec<Step>) -> Vec<Step> {
    if rng.u8(..12) == 0 {
        return handshakes(rng);
    }
    let wild = rng.u8(..3) == 0;
    let wrapped = steps.into_iter().flat_map(|step| match step {
        Step::Open { on, .. } => {
            let shake = Step::write(on, vec![Part::plain(HANDSHAKE)]);
            vec![step, shake, Step::Read { on, ms: 500 }]
        }
        Step::Write {
            on,
            parts,
            times,
            piece,
            gap_ms,
        } => {
            let mut out = Vec::new();
            for part in parts {
                if wild && rng.u8(..4) == 0 {
                    out.push(Part::plain(odd(rng)));
                }
                out.extend(cut(rng, part, wild));
            }
            vec![Step::Write {
                on,
                parts: out,
                times,
                piece,
                gap_ms,
            }]
        }
        other => vec![other],
    });
    wrapped.collect()
}

/// A part as one message, or in fragments, or without what WebSocket asks for.
fn cut(rng: &mut Rng, part: Part, wild: bool) -> Vec<Part> {
    match rng.u8(..10) {
        0 => {
            let at = rng.usize(..=part.bytes.0.len());
            let (head, tail) = part.bytes.0.split_at(at);
            vec![
                Part::plain(frame(0x02, head)),
                Part::plain(frame(0x80, tail)),
            ]
        }
        1 => vec![Part::plain(frame(0x81, &part.bytes.0))],
        2 if wild => vec![part],
        _ => vec![message(part)],
    }
}

/// A WebSocket frame that should not be.
fn odd(rng: &mut Rng) -> Vec<u8> {
    let small: Vec<u8> = (0..rng.usize(..126)).map(|_| rng.u8(..)).collect();
    match rng.u8(..9) {
        0 => frame(0x89, &small),
        1 => frame(0x8a, &small),
        // A close frame, with a code that may not be.
        2 => frame(0x88, &rng.u16(..).to_be_bytes()),
        3 => frame(0x88, &small),
        // Any head: reserved bits, unknown kinds, continuations of nothing.
        4 => frame(rng.u8(..), &small),
        // A ping in fragments, or too long.
        5 => frame(0x09, &small),
        6 => frame(0x89, &[b'p'; 300]),
        // Without a mask.
        7 => {
            let mut out = frame(BINARY, &small);
            out[1] &= 0x7f;
            out
        }
        // A length that lies, up to 2^63.
        _ => {
            let mut out = vec![BINARY, 0xff];
            let length = [0, 1, 125, 1 << 31, 1 << 63, u64::MAX][rng.usize(..6)];
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&small);
            out
        }
    }
}

/// Requests that are no handshake.
fn handshakes(rng: &mut Rng) -> Vec<Step> {
    let mut request = HANDSHAKE.to_vec();
    for _ in 0..rng.usize(..4) {
        let at = rng.usize(..request.len());
        match rng.u8(..4) {
            0 => request[at] = rng.u8(..),
            1 => request.truncate(at.max(1)),
            2 => {
                request.splice(at..at, std::iter::repeat_n(b'A', rng.usize(1..9_000)));
            }
            _ => {
                let copy = request[at..].to_vec();
                request.extend_from_slice(&copy);
            }
        }
    }
    vec![
        Step::Open {
            on: 0,
            narrow: false,
        },
        Step::write(0, vec![Part::plain(request)]),
        Step::Read { on: 0, ms: 40 },
    ]
}

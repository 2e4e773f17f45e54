//! Bodies by the schema: right ones with values from the edges, and ones that are wrong in every way the encoding knows.

use fastrand::Rng;
use proto::schema::{self, Field, Kind, Label};

use super::script::IdPlace;

/// How deep messages are put into each other on purpose.
const DEEPEST: usize = 120;

/// A body as it grows.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) ids: Vec<IdPlace>,
}

/// Writes bodies.
#[derive(Debug)]
pub(super) struct Bodies<'a> {
    rng: &'a mut Rng,
    /// Names that exist.
    users: &'a [String],
    /// Of a thousand fields, how many are broken.
    broken: u16,
}

impl<'a> Bodies<'a> {
    pub(super) fn new(rng: &'a mut Rng, users: &'a [String], broken: u16) -> Self {
        Self { rng, users, broken }
    }

    /// A message of that name.
    pub(super) fn message(&mut self, name: &str) -> Body {
        let mut body = Body::default();
        self.fields(name, 0, &mut body);
        if self.rng.u16(..1000) < self.broken / 2 {
            self.ruin(&mut body);
        }
        body
    }

    fn fields(&mut self, name: &str, depth: usize, body: &mut Body) {
        let Some(message) = schema::message(name) else {
            return;
        };
        for field in message.fields {
            let times = match field.label {
                Label::Required => usize::from(self.rng.u16(..1000) >= self.broken),
                Label::Optional => usize::from(self.rng.u8(..3) == 0),
                Label::Repeated => self.many(depth),
            };
            for _ in 0..times {
                self.field(field, depth, body);
            }
        }
        if self.rng.u16(..1000) < self.broken {
            self.stray(body);
        }
    }

    fn many(&mut self, depth: usize) -> usize {
        match self.rng.u8(..20) {
            0..=4 => 0,
            5..=12 => 1,
            13..=17 => self.rng.usize(2..8),
            18 if depth == 0 => self.rng.usize(100..600),
            19 if depth == 0 && self.broken > 0 => self.rng.usize(600..5_000),
            _ => 2,
        }
    }

    fn field(&mut self, field: &Field, depth: usize, body: &mut Body) {
        if self.rng.u16(..1000) < self.broken {
            return self.broken_field(field, body);
        }
        match field.kind {
            Kind::Uint32 if self.rng.u8(..3) > 0 && is_id(field.name) => {
                put_key(field.number, 0, body);
                self.learnt(body);
            }
            Kind::Uint32 => {
                let value = u64::from(self.number() as u32);
                put_key(field.number, 0, body);
                put_varint(value, body);
            }
            Kind::Uint64 => {
                let value = self.number();
                put_key(field.number, 0, body);
                put_varint(value, body);
            }
            Kind::Bool => {
                put_key(field.number, 0, body);
                put_varint(u64::from(self.rng.bool()), body);
            }
            Kind::Enum(values) => {
                let named = self.rng.u8(..12) > 0;
                let value = match self.rng.choice(values) {
                    Some(value) if named => *value as u64,
                    _ => self.number(),
                };
                put_key(field.number, 0, body);
                put_varint(value, body);
            }
            Kind::Text | Kind::Bytes => {
                let value = self.text(field);
                put_key(field.number, 2, body);
                put_varint(value.len() as u64, body);
                body.bytes.extend_from_slice(&value);
            }
            Kind::Message(name) => {
                let mut inner = Body::default();
                if depth < 4 {
                    self.fields(name, depth + 1, &mut inner);
                }
                put_key(field.number, 2, body);
                put_varint(inner.bytes.len() as u64, body);
                let begin = body.bytes.len();
                body.bytes.append(&mut inner.bytes);
                body.ids.extend(inner.ids.into_iter().map(|place| IdPlace {
                    at: begin + place.at,
                    ..place
                }));
            }
        }
    }

    /// An id in five bytes, to be replaced by one that the target told.
    fn learnt(&mut self, body: &mut Body) {
        let pick = self.rng.u32(..);
        let value = self.rng.u32(1..12);
        body.ids.push(IdPlace {
            at: body.bytes.len(),
            pick,
        });
        body.bytes.extend_from_slice(&padded_varint(value));
    }

    /// Mostly from the edges.
    fn number(&mut self) -> u64 {
        const EDGES: [u64; 16] = [
            0,
            1,
            2,
            3,
            100,
            127,
            128,
            255,
            1_000,
            65_535,
            65_536,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x7fff_ffff_ffff_ffff,
            u64::MAX,
        ];
        match self.rng.u8(..8) {
            0..=4 => EDGES[self.rng.usize(..EDGES.len())],
            5 | 6 => u64::from(self.rng.u8(..32)),
            _ => self.rng.u64(..),
        }
    }

    fn text(&mut self, field: &Field) -> Vec<u8> {
        const TEXTS: [&[u8]; 12] = [
            b"",
            b"a",
            b"\0",
            b"' OR 1=1; --",
            b"%s%n%x{}",
            b"../../etc/passwd",
            b"\r\n\r\n",
            "\u{feff}\u{202e}\u{1f980} \u{0301}\u{10ffff}".as_bytes(),
            b"1.0",
            b"AAAAAAAAAAAAAAAAAAAAAA==",
            b"[{\"mg_msg_type\":0}]",
            b"2147483648",
        ];
        if field.name.contains("name") && self.rng.bool() && !self.users.is_empty() {
            return self.users[self.rng.usize(..self.users.len())]
                .clone()
                .into_bytes();
        }
        match self.rng.u8(..20) {
            0..=11 => TEXTS[self.rng.usize(..TEXTS.len())].to_vec(),
            12..=14 if field.kind == Kind::Text => {
                vec![self.rng.u8(0x01..0x80); self.rng.usize(..64)]
            }
            12..=14 => self.noise(64),
            15 | 16 => vec![b'x'; self.rng.usize(1..4_096)],
            17 => vec![b'y'; self.rng.usize(4_000..70_000)],
            18 if self.broken > 0 => vec![0xff; self.rng.usize(1..64)],
            _ => self.rng.u32(..).to_string().into_bytes(),
        }
    }

    fn noise(&mut self, longest: usize) -> Vec<u8> {
        let length = self.rng.usize(..=longest);
        (0..length).map(|_| self.rng.u8(..)).collect()
    }

    /// A field that is there, but not as it should be.
    fn broken_field(&mut self, field: &Field, body: &mut Body) {
        let number = field.number;
        match self.rng.u8(..10) {
            // The other wire types, those of groups and the two that do not exist included.
            0..=2 => {
                put_key(number, self.rng.u64(..8), body);
                let noise = self.noise(12);
                body.bytes.extend_from_slice(&noise);
            }
            // Lengths beyond the end.
            3 | 4 => {
                put_key(number, 2, body);
                let length = self.number();
                put_varint(length, body);
                let noise = self.noise(12);
                body.bytes.extend_from_slice(&noise);
            }
            // Varints of ten bytes and more.
            5 | 6 => {
                put_key(number, 0, body);
                let length = self.rng.usize(9..14);
                body.bytes.extend(std::iter::repeat_n(0xff, length));
                body.bytes.push(self.rng.u8(..2));
            }
            // Text that is no UTF-8.
            7 => {
                put_key(number, 2, body);
                put_varint(4, body);
                body.bytes.extend_from_slice(&[0xc3, 0x28, 0xff, 0x80]);
            }
            // Messages in messages in messages.
            8 => {
                let mut nested = Vec::new();
                for _ in 0..self.rng.usize(2..DEEPEST) {
                    let mut outer = Body::default();
                    put_key(number, 2, &mut outer);
                    put_varint(nested.len() as u64, &mut outer);
                    outer.bytes.append(&mut nested);
                    nested = outer.bytes;
                }
                body.bytes.append(&mut nested);
            }
            // Groups in groups in groups.
            _ => {
                for _ in 0..self.rng.usize(1..DEEPEST) {
                    put_key(number, 3, body);
                }
            }
        }
    }

    /// A field that the message does not have.
    fn stray(&mut self, body: &mut Body) {
        let number = match self.rng.u8(..4) {
            0 => 0,
            1 => 0x1fff_ffff,
            2 => self.rng.u32(100..200),
            _ => self.rng.u32(..),
        };
        put_key(number, self.rng.u64(..8), body);
        let noise = self.noise(16);
        body.bytes.extend_from_slice(&noise);
    }

    /// Spoils a whole body.
    fn ruin(&mut self, body: &mut Body) {
        let length = body.bytes.len();
        match self.rng.u8(..5) {
            0 if length > 0 => body.bytes.truncate(self.rng.usize(..length)),
            1 if length > 0 => {
                for _ in 0..self.rng.usize(1..8) {
                    let at = self.rng.usize(..length);
                    body.bytes[at] ^= 1 << self.rng.u8(..8);
                }
            }
            2 => body.bytes = self.noise(256),
            3 => {
                let copy = body.bytes.clone();
                for _ in 0..self.rng.usize(1..4) {
                    body.bytes.extend_from_slice(&copy);
                }
            }
            _ => body.bytes.extend(self.noise(16)),
        }
        let length = body.bytes.len();
        body.ids.retain(|place| place.at + 5 <= length);
    }
}

/// Whether a field names somebody or something.
pub(super) fn is_id(name: &str) -> bool {
    name.ends_with("_id") || name.ends_with("_id_list") || name.contains("msg_id")
}

pub(super) fn put_key(number: u32, wire_type: u64, body: &mut Body) {
    put_varint(u64::from(number) << 3 | wire_type & 7, body);
}

pub(super) fn put_varint(mut value: u64, body: &mut Body) {
    while value >= 0x80 {
        body.bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    body.bytes.push(value as u8);
}

/// A number as a varint of five bytes, whatever it is.
pub(super) fn padded_varint(value: u32) -> [u8; 5] {
    let byte = |place: u32| (value >> (7 * place)) as u8 & 0x7f | 0x80;
    [byte(0), byte(1), byte(2), byte(3), (value >> 28) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use proto::commands;
    use proto::im::login::ImLoginReq;

    #[test]
    fn a_padded_varint_is_the_number() {
        for value in [0, 1, 127, 128, 0x7fff_ffff, u32::MAX] {
            let mut bytes = &padded_varint(value)[..];
            let read = prost::encoding::decode_varint(&mut bytes).unwrap();
            assert_eq!(read, u64::from(value));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn without_breakage_bodies_decode_and_places_are_of_ids() {
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let users = ["demo1".to_owned()];
            let body = Bodies::new(&mut rng, &users, 0).message("IM.Login.IMLoginReq");
            ImLoginReq::decode(&body.bytes[..]).unwrap();
        }
        let mut places = 0;
        for command in commands::all() {
            let mut rng = Rng::with_seed(7);
            let body = Bodies::new(&mut rng, &[], 0).message(command.body);
            for place in &body.ids {
                let number = &body.bytes[place.at..place.at + 5];
                assert!(number[..4].iter().all(|byte| byte & 0x80 != 0));
                places += 1;
            }
        }
        assert!(places > 20, "{places}");
    }

    #[test]
    fn the_seed_decides() {
        let make = |seed| {
            let mut rng = Rng::with_seed(seed);
            Bodies::new(&mut rng, &[], 300)
                .message("IM.Message.IMMsgData")
                .bytes
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}

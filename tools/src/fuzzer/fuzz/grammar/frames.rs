//! Frames: right ones, and ones whose header lies.

use fastrand::Rng;
use proto::header::HEADER_LEN;
use proto::{Command, CommandId, Header, commands};

use super::Grammar;
use crate::fuzzer::fuzz::body::{Bodies, Body};
use crate::fuzzer::fuzz::script::{Bytes, IdPlace, Part};

/// Writes frames for one port.
pub(super) struct Frames<'a> {
    pub(super) grammar: &'a Grammar,
    commands: Vec<&'static Command>,
}

/// How much is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// What a right client sends, though with odd values.
    Right,
    /// Right frames, broken bodies.
    Bodies,
    /// Anything.
    None,
}

impl<'a> Frames<'a> {
    pub(super) fn new(grammar: &'a Grammar) -> Self {
        Self {
            grammar,
            commands: grammar.dialect.commands(),
        }
    }

    /// A frame of any command.
    pub(super) fn any(&self, rng: &mut Rng, care: Care) -> Part {
        let foreign = care != Care::Right && rng.u8(..6) == 0;
        let command = if foreign {
            // What belongs on another link, or the other way.
            let all = commands::all().count();
            commands::all().nth(rng.usize(..all))
        } else {
            self.commands
                .get(rng.usize(..self.commands.len().max(1)))
                .copied()
        };
        match command {
            Some(command) => self.of(rng, command.id, care),
            None => Part::plain(vec![0; HEADER_LEN]),
        }
    }

    /// A frame of that command.
    pub(super) fn of(&self, rng: &mut Rng, command: CommandId, care: Care) -> Part {
        let broken = match care {
            Care::Right => 0,
            Care::Bodies => rng.u16(50..400),
            Care::None => rng.u16(..300),
        };
        let body = match commands::find(command) {
            Some(row) => Bodies::new(rng, &self.grammar.users, broken).message(row.body),
            None => Body::default(),
        };
        let seq_num = match rng.u8(..8) {
            0 => 0,
            1 => 1,
            2 => u16::MAX,
            _ => rng.u16(..64),
        };
        let mut part = frame(Header::new(command, seq_num, body.bytes.len()), body);
        if care == Care::None && rng.u8(..3) == 0 {
            self.spoil(rng, &mut part);
        }
        part
    }

    /// Makes a frame wrong.
    pub(super) fn spoil(&self, rng: &mut Rng, part: &mut Part) {
        let bytes = &mut part.bytes.0;
        let length = bytes.len();
        if length < HEADER_LEN {
            return;
        }
        match rng.u8(..14) {
            0..=2 => {
                let max = self.grammar.dialect.max_frame();
                let lies = [
                    0,
                    1,
                    4,
                    15,
                    16,
                    17,
                    max - 1,
                    max,
                    max + 1,
                    0x7fff_ffff,
                    0x8000_0000,
                    u32::MAX,
                ];
                set_length(bytes, lies[rng.usize(..lies.len())]);
            }
            3 => set_length(bytes, (length as u32).wrapping_add_signed(rng.i32(-40..40))),
            // Version, flag, service, command, number, reserved.
            4..=6 => {
                let at = rng.usize(2..HEADER_LEN / 2) * 2;
                let value = rng.u16(..).to_be_bytes();
                bytes[at..at + 2].copy_from_slice(&value);
            }
            7 => bytes[10..12].copy_from_slice(&rng.u16(0x0100..0x0800).to_be_bytes()),
            // Ends in the middle, at any byte.
            8 | 9 => bytes.truncate(rng.usize(..length)),
            10 => {
                for _ in 0..rng.usize(1..10) {
                    let at = rng.usize(..length);
                    bytes[at] ^= 1 << rng.u8(..8);
                }
            }
            // Garbage in front or behind, which puts everything later out of step.
            11 => bytes.extend((0..rng.usize(1..40)).map(|_| rng.u8(..))),
            12 => {
                let garbage: Vec<u8> = (0..rng.usize(1..40)).map(|_| rng.u8(..)).collect();
                bytes.splice(0..0, garbage);
                part.ids.clear();
            }
            _ => {
                let size = rng.usize(..self.grammar.dialect.max_frame() as usize);
                bytes.resize(length + size, rng.u8(..));
                let size = bytes.len() as u32;
                set_length(bytes, size);
            }
        }
        let length = part.bytes.0.len();
        part.ids.retain(|place| place.at + 5 <= length);
    }
}

fn set_length(bytes: &mut [u8], length: u32) {
    bytes[..4].copy_from_slice(&length.to_be_bytes());
}

fn frame(header: Header, body: Body) -> Part {
    let mut bytes = Vec::with_capacity(HEADER_LEN + body.bytes.len());
    header.write(&mut bytes);
    bytes.extend_from_slice(&body.bytes);
    let ids = body.ids.into_iter().map(|place| IdPlace {
        at: HEADER_LEN + place.at,
        ..place
    });
    Part {
        bytes: Bytes(bytes),
        ids: ids.collect(),
    }
}

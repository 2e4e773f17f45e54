//! In which order frames are sent, how they are cut, and what happens to the connection meanwhile.

use fastrand::Rng;
use proto::im::base_define::ClientType;
use proto::im::login::{ImLoginReq, ImLogoutReq, ImRegistReq};
use proto::{Body, Role};

use super::frames::{Care, Frames};
use super::{Grammar, crowd};
use crate::fuzzer::fuzz::script::{Part, Step};

/// How long answers are waited for, if there are any.
const ANSWERS_MS: u64 = 40;

/// Devices of the two classes, and numbers that are no devices.
const DEVICES: [i32; 6] = [
    ClientType::Windows as i32,
    ClientType::Mac as i32,
    ClientType::Ios as i32,
    ClientType::Android as i32,
    0x13,
    0x21,
];

pub(super) fn steps(rng: &mut Rng, grammar: &Grammar) -> Vec<Step> {
    let frames = Frames::new(grammar);
    match rng.u8(..100) {
        0..=1 => crowd(rng, grammar),
        2..=5 => garbage(rng),
        6..=9 => cut_everywhere(rng, &frames),
        10..=14 => flood(rng, &frames),
        15..=18 => never_reads(rng, &frames),
        19..=21 => hang(rng, &frames),
        22..=33 if grammar.logs_in() => many_devices(rng, &frames),
        34..=38 if grammar.logs_in() => twice(rng, &frames),
        39..=43 if grammar.logs_in() => after_logout(rng, &frames),
        44..=55 => before_login(rng, &frames),
        _ => conversation(rng, &frames),
    }
}

/// Opens a connection and, most often, gets through the door.
fn enter(rng: &mut Rng, frames: &Frames<'_>, on: u8) -> Vec<Step> {
    let mut steps = vec![Step::Open {
        on,
        narrow: rng.u8(..16) == 0,
    }];
    if frames.grammar.logs_in() {
        steps.push(login(rng, frames, on));
    } else if rng.u8(..8) > 0 {
        steps.extend(hello(rng, frames, on));
    }
    steps
}

fn login(rng: &mut Rng, frames: &Frames<'_>, on: u8) -> Step {
    Step::Login {
        on,
        user: rng.usize(..frames.grammar.users.len()),
        device: DEVICES[rng.usize(..DEVICES.len())],
    }
}

/// What a server says first: the commands that nothing answers.
fn hello(rng: &mut Rng, frames: &Frames<'_>, on: u8) -> Option<Step> {
    let (from, _) = frames.grammar.dialect.ends()?;
    if from != Role::MsgServer {
        return None;
    }
    let commands = frames.grammar.dialect.commands();
    let told: Vec<_> = commands
        .iter()
        .filter(|command| command.reply.is_none())
        .collect();
    let parts = (0..rng.usize(1..5)).filter_map(|_| {
        let command = rng.choice(&told)?;
        Some(frames.of(rng, command.id, Care::Right))
    });
    let parts: Vec<Part> = parts.collect();
    Some(Step::write(on, parts))
}

/// Writes frames in one of several ways.
fn say(rng: &mut Rng, parts: Vec<Part>, on: u8) -> Step {
    let (piece, gap_ms) = match rng.u8(..20) {
        0 => (1, 0),
        1 => (rng.usize(1..40), 1),
        2 => (rng.usize(1..2_000), 0),
        3 => (15, rng.u64(1..4)),
        _ => (0, 0),
    };
    // A byte at a time is for what is short.
    let long = parts.iter().map(|part| part.bytes.0.len()).sum::<usize>() > 2_000;
    Step::Write {
        on,
        parts,
        times: 1,
        piece: if long && piece > 0 {
            piece + 1_000
        } else {
            piece
        },
        gap_ms: if long { 0 } else { gap_ms },
    }
}

fn some(rng: &mut Rng, frames: &Frames<'_>, most: usize) -> Vec<Part> {
    let care = match rng.u8(..10) {
        0..=3 => Care::Right,
        4..=7 => Care::Bodies,
        _ => Care::None,
    };
    (0..rng.usize(1..=most))
        .map(|_| frames.any(rng, care))
        .collect()
}

fn end(rng: &mut Rng, on: u8) -> Option<Step> {
    match rng.u8(..6) {
        0 => Some(Step::HalfClose { on }),
        1 => Some(Step::Reset { on }),
        2 => Some(Step::Close { on }),
        _ => None,
    }
}

/// Enters, asks, reads, asks again.
fn conversation(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = enter(rng, frames, 0);
    for _ in 0..rng.usize(1..6) {
        let parts = some(rng, frames, 8);
        steps.push(say(rng, parts, 0));
        if rng.u8(..4) > 0 {
            steps.push(Step::Read {
                on: 0,
                ms: ANSWERS_MS,
            });
        }
    }
    steps.extend(end(rng, 0));
    steps.push(Step::Read {
        on: 0,
        ms: ANSWERS_MS,
    });
    steps
}

/// Everything that needs a login or a hello, without one.
fn before_login(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = vec![Step::Open {
        on: 0,
        narrow: false,
    }];
    if frames.grammar.dialect.has_sessions() && rng.bool() {
        // the one thing that is worth something to a stranger
        for _ in 0..rng.usize(1..5) {
            let care = if rng.bool() {
                Care::Right
            } else {
                Care::Bodies
            };
            let account = frames.of(rng, ImRegistReq::ID, care);
            steps.push(say(rng, vec![account], 0));
        }
    }
    let parts = some(rng, frames, 12);
    steps.push(say(rng, parts, 0));
    steps.push(Step::Read {
        on: 0,
        ms: ANSWERS_MS,
    });
    if frames.grammar.dialect.has_sessions() {
        let broken = frames.of(rng, ImLoginReq::ID, Care::Bodies);
        steps.push(say(rng, vec![broken], 0));
        steps.push(Step::Read {
            on: 0,
            ms: ANSWERS_MS,
        });
    }
    steps.extend(end(rng, 0));
    steps
}

/// Bytes that are no frame.
fn garbage(rng: &mut Rng) -> Vec<Step> {
    let length = [1, 3, 4, 15, 16, 17, 100, 5_000][rng.usize(..8)];
    let same = rng.bool().then(|| rng.u8(..));
    let bytes: Vec<u8> = (0..length)
        .map(|_| same.unwrap_or_else(|| rng.u8(..)))
        .collect();
    vec![
        Step::Open {
            on: 0,
            narrow: false,
        },
        say(rng, vec![Part::plain(bytes)], 0),
        Step::Read {
            on: 0,
            ms: ANSWERS_MS,
        },
    ]
}

/// One frame, cut off at several bytes, each on a connection of its own that ends there.
fn cut_everywhere(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let whole = frames.any(rng, Care::Right);
    let length = whole.bytes.0.len();
    let mut steps = Vec::new();
    for _ in 0..rng.usize(1..12) {
        let at = if rng.bool() {
            rng.usize(..length.min(20))
        } else {
            rng.usize(..length)
        };
        steps.push(Step::Open {
            on: 0,
            narrow: false,
        });
        if frames.grammar.logs_in() && rng.u8(..3) == 0 {
            steps.push(login(rng, frames, 0));
        }
        steps.push(Step::write(0, vec![Part::plain(&whole.bytes.0[..at])]));
        steps.push(match rng.u8(..3) {
            0 => Step::Reset { on: 0 },
            1 => Step::HalfClose { on: 0 },
            _ => Step::Close { on: 0 },
        });
    }
    steps
}

/// A few frames many times over.
fn flood(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = enter(rng, frames, 0);
    let parts = some(rng, frames, 3);
    let size: usize = parts.iter().map(|part| part.bytes.0.len()).sum();
    // Two megabytes at most.
    let most = (2_000_000 / size.max(1)).clamp(1, 1_000) as u32;
    steps.push(Step::Write {
        on: 0,
        parts,
        times: rng.u32(1..=most),
        piece: 0,
        gap_ms: 0,
    });
    steps.push(Step::Read {
        on: 0,
        ms: 4 * ANSWERS_MS,
    });
    steps.extend(end(rng, 0));
    steps
}

/// Asks for much and takes nothing.
fn never_reads(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = vec![Step::Open {
        on: 0,
        narrow: true,
    }];
    if frames.grammar.logs_in() {
        steps.push(login(rng, frames, 0));
    }
    for _ in 0..rng.usize(2..10) {
        let parts = some(rng, frames, 10);
        steps.push(Step::Write {
            on: 0,
            parts,
            times: rng.u32(1..20),
            piece: 0,
            gap_ms: 0,
        });
    }
    steps.push(Step::Pause { ms: rng.u64(..100) });
    steps.extend(end(rng, 0));
    steps
}

/// Says little or nothing and stays.
fn hang(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for on in 0..rng.u8(1..8) {
        steps.push(Step::Open { on, narrow: false });
        if rng.bool() {
            let mut part = frames.any(rng, Care::Right);
            part.bytes.0.truncate(rng.usize(..20));
            part.ids.clear();
            steps.push(Step::write(on, vec![part]));
        }
    }
    steps.push(Step::Pause {
        ms: rng.u64(50..400),
    });
    steps
}

/// One or two users at several devices: they displace each other, and act all the same.
fn many_devices(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let count = rng.u8(2..6);
    let user = rng.usize(..frames.grammar.users.len());
    let mut steps = Vec::new();
    for on in 0..count {
        steps.push(Step::Open { on, narrow: false });
        steps.push(Step::Login {
            on,
            user: if rng.u8(..4) == 0 { user + 1 } else { user },
            device: DEVICES[rng.usize(..DEVICES.len())],
        });
    }
    for _ in 0..rng.usize(2..12) {
        let on = rng.u8(..count);
        let parts = some(rng, frames, 4);
        steps.push(say(rng, parts, on));
        let on = rng.u8(..count);
        steps.push(Step::Read {
            on,
            ms: ANSWERS_MS / 2,
        });
        if rng.u8(..6) == 0 {
            steps.extend(end(rng, on));
        }
    }
    steps
}

/// Logs in where somebody is logged in.
fn twice(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = enter(rng, frames, 0);
    for _ in 0..rng.usize(1..4) {
        steps.push(login(rng, frames, 0));
        let parts = some(rng, frames, 3);
        steps.push(say(rng, parts, 0));
        steps.push(Step::Read {
            on: 0,
            ms: ANSWERS_MS,
        });
    }
    steps
}

/// Goes on behind a logout, in the same write or after the answer.
fn after_logout(rng: &mut Rng, frames: &Frames<'_>) -> Vec<Step> {
    let mut steps = enter(rng, frames, 0);
    let mut parts = some(rng, frames, 3);
    parts.push(frames.of(rng, ImLogoutReq::ID, Care::Right));
    if rng.bool() {
        steps.push(Step::write(0, std::mem::take(&mut parts)));
        steps.push(Step::Read {
            on: 0,
            ms: ANSWERS_MS,
        });
    }
    parts.extend(some(rng, frames, 4));
    steps.push(say(rng, parts, 0));
    steps.push(Step::Read {
        on: 0,
        ms: ANSWERS_MS,
    });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzer::fuzz::dialect::Dialect;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_of_a_port_is_sent_before_long() {
        for dialect in [
            Dialect::Client,
            Dialect::MsgServerToDb,
            Dialect::MsgServerToRoute,
        ] {
            let grammar = Grammar {
                dialect,
                users: vec!["demo1".into()],
                crowd: 4,
            };
            let mut missing: BTreeSet<u16> =
                dialect.commands().iter().map(|row| row.id.0).collect();
            for number in 0..3_000 {
                for step in grammar.script(1, number).steps {
                    let Step::Write { parts, .. } = step else {
                        continue;
                    };
                    for id in parts.iter().filter_map(|part| part.bytes.0.get(10..12)) {
                        missing.remove(&u16::from_be_bytes([id[0], id[1]]));
                    }
                }
                if missing.is_empty() {
                    break;
                }
            }
            assert!(missing.is_empty(), "{missing:x?} on {}", dialect.name());
        }
    }
}

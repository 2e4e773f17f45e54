//! Scripts out of scripts: small changes to one that was interesting, and parts of a second one in it.

use fastrand::Rng;

use crate::fuzzer::fuzz::script::{CONNECTIONS, Part, Script, Step};

/// Steps that a script may grow to.
const MOST_STEPS: usize = 200;

/// Bytes that a script may grow to, repetitions included.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A script that differs from `script` in a few places; some of it may come from `other`.
pub(crate) fn mutate(rng: &mut Rng, script: &Script, other: &Script) -> Script {
    let mut mutant = script.clone();
    for _ in 0..rng.usize(1..5) {
        change(rng, &mut mutant.steps, &other.steps);
    }
    mutant.steps.truncate(MOST_STEPS);
    if mutant.steps.is_empty() || mutant.len() > MOST_BYTES {
        return script.clone();
    }
    mutant
}

fn change(rng: &mut Rng, steps: &mut Vec<Step>, other: &[Step]) {
    if steps.is_empty() {
        return;
    }
    let at = rng.usize(..steps.len());
    match rng.u8(..12) {
        0 => {
            steps.remove(at);
        }
        1 => steps.insert(at, steps[at].clone()),
        2 => {
            let with = rng.usize(..steps.len());
            steps.swap(at, with);
        }
        3 if !other.is_empty() => {
            let begin = rng.usize(..other.len());
            let end = rng.usize(begin..other.len()) + 1;
            steps.splice(at..at, other[begin..end].iter().cloned());
        }
        4 => {
            if let Some(on) = steps[at].connection_mut() {
                *on = rng.u8(..4).min(CONNECTIONS - 1);
            }
        }
        5 => steps.insert(at, Step::Pause { ms: rng.u64(..50) }),
        _ => {
            let (mine, theirs) = (writes(steps), parts_of(other));
            if let Some(parts) = mine.into_iter().nth(at % 8) {
                change_parts(rng, parts, &theirs);
            }
        }
    }
}

fn writes(steps: &mut [Step]) -> Vec<&mut Vec<Part>> {
    let parts = steps.iter_mut().filter_map(|step| match step {
        Step::Write { parts, .. } => Some(parts),
        _ => None,
    });
    parts.collect()
}

fn parts_of(steps: &[Step]) -> Vec<&Part> {
    let parts = steps.iter().flat_map(|step| match step {
        Step::Write { parts, .. } => parts.as_slice(),
        _ => &[],
    });
    parts.collect()
}

fn change_parts(rng: &mut Rng, parts: &mut Vec<Part>, theirs: &[&Part]) {
    if parts.is_empty() {
        return;
    }
    let at = rng.usize(..parts.len());
    match rng.u8(..8) {
        0 => {
            parts.remove(at);
        }
        1 => parts.insert(at, parts[at].clone()),
        2 => {
            let with = rng.usize(..parts.len());
            parts.swap(at, with);
        }
        3 if !theirs.is_empty() => parts.insert(at, theirs[rng.usize(..theirs.len())].clone()),
        // The head of one and the tail of another.
        4 if !theirs.is_empty() => {
            let tail = &theirs[rng.usize(..theirs.len())].bytes.0;
            let cut = rng.usize(..=parts[at].bytes.0.len());
            let from = rng.usize(..=tail.len());
            parts[at].bytes.0.truncate(cut);
            parts[at].bytes.0.extend_from_slice(&tail[from..]);
        }
        _ => flip(rng, &mut parts[at].bytes.0),
    }
    for part in parts {
        let length = part.bytes.0.len();
        part.ids.retain(|place| place.at + 5 <= length);
    }
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if bytes.is_empty() {
        return;
    }
    for _ in 0..rng.usize(1..5) {
        // Mostly in or near the header, which is small and decides most.
        let at = if rng.bool() {
            rng.usize(..bytes.len().min(24))
        } else {
            rng.usize(..bytes.len())
        };
        match rng.u8(..3) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] ^= 1 << rng.u8(..8),
            _ => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.usize(..5)],
        }
    }
}

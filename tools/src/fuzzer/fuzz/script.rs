//! A test case: steps that one attacker takes on up to sixteen connections. A small JSON file; playing it needs nothing else.

use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::dialect::Dialect;

/// Connections that a script may name.
pub(super) const CONNECTIONS: u8 = 16;

/// The largest file that is read as a script, in bytes.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Steps, and the kind of port that they are meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// What the port speaks.
    pub(crate) dialect: Dialect,
    /// One after the other.
    pub(crate) steps: Vec<Step>,
}

/// What the attacker does. `on` is the number of a connection, below 16; a step on one that is not open is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Connects. What was open under the number is closed.
    Open {
        /// Which.
        on: u8,
        /// With the smallest receive buffer, so that an unread answer soon blocks the server.
        #[serde(default, skip_serializing_if = "is_false")]
        narrow: bool,
    },
    /// Logs in as one of the run's users and waits a little for the answer.
    Login {
        /// Which.
        on: u8,
        /// The user's place in the run's list, taken modulo its length.
        user: usize,
        /// `client_type` of the request.
        device: i32,
    },
    /// Writes; gives up after three seconds, and at what the server does not take within half a second.
    Write {
        /// Which.
        on: u8,
        /// One after the other.
        parts: Vec<Part>,
        /// How often all of it.
        #[serde(default = "once", skip_serializing_if = "is_one")]
        times: u32,
        /// Bytes of each single write; 0 is all at once.
        #[serde(default, skip_serializing_if = "is_zero")]
        piece: usize,
        /// Between two pieces.
        #[serde(default, skip_serializing_if = "is_zero64")]
        gap_ms: u64,
    },
    /// Reads what comes until there is a lull, at most so long.
    Read {
        /// Which.
        on: u8,
        /// At most.
        ms: u64,
    },
    /// Does nothing, with everything left open.
    Pause {
        /// So long.
        ms: u64,
    },
    /// Says that nothing more is written, and keeps reading.
    HalfClose {
        /// Which.
        on: u8,
    },
    /// Closes.
    Close {
        /// Which.
        on: u8,
    },
    /// Closes with a reset.
    Reset {
        /// Which.
        on: u8,
    },
    /// Opens many connections that say nothing, and closes them.
    Crowd {
        /// How many; the run has a limit of its own.
        count: u32,
        /// How long they stay.
        ms: u64,
    },
}

fn once() -> u32 {
    1
}

fn is_one(times: &u32) -> bool {
    *times == 1
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_zero64(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Bytes that belong together, most often a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// As they are written.
    pub(crate) bytes: Bytes,
    /// Where an id stands that is replaced by one that the target told before, if it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ids: Vec<IdPlace>,
}

/// Five bytes of a body that hold a number of 32 bits as a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdPlace {
    /// Offset in the part.
    pub(crate) at: usize,
    /// Which of the ids that were learnt, modulo their number.
    pub(crate) pick: u32,
}

/// Bytes, in hex where they are text.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not pairs of hex digits"))
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    });
    digits.map(char::from).collect()
}

/// Reads pairs of hex digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect()
}

impl Part {
    /// Bytes without places for ids.
    pub(crate) fn plain(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: Bytes(bytes.into()),
            ids: Vec::new(),
        }
    }
}

impl Step {
    /// Everything at once, one time.
    pub(crate) fn write(on: u8, parts: Vec<Part>) -> Self {
        Self::Write {
            on,
            parts,
            times: 1,
            piece: 0,
            gap_ms: 0,
        }
    }

    /// The connection it is about.
    pub(crate) fn connection_mut(&mut self) -> Option<&mut u8> {
        match self {
            Self::Open { on, .. }
            | Self::Login { on, .. }
            | Self::Write { on, .. }
            | Self::Read { on, .. }
            | Self::HalfClose { on }
            | Self::Close { on }
            | Self::Reset { on } => Some(on),
            Self::Pause { .. } | Self::Crowd { .. } => None,
        }
    }
}

impl Script {
    /// Bytes that it writes, repetitions included.
    pub(crate) fn len(&self) -> usize {
        let of_step = |step: &Step| match step {
            Step::Write { parts, times, .. } => {
                let once: usize = parts.iter().map(|part| part.bytes.0.len()).sum();
                once.saturating_mul(*times as usize)
            }
            _ => 0,
        };
        self.steps.iter().map(of_step).sum()
    }

    /// Whether it writes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The scripts one after the other; each begins with nothing open.
    pub(crate) fn chain(dialect: Dialect, scripts: &[Self]) -> Self {
        let mut steps = Vec::new();
        for script in scripts {
            steps.extend(script.steps.iter().cloned());
            steps.extend((0..CONNECTIONS).filter_map(|on| {
                let opens =
                    |step: &Step| matches!(step, Step::Open { on: opened, .. } if *opened == on);
                script.steps.iter().any(opens).then_some(Step::Close { on })
            }));
        }
        Self { dialect, steps }
    }

    /// Reads a script's file, of 64 MiB at most.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let size = std::fs::metadata(path)
            .with_context(|| format!("reading {name}"))?
            .len();
        anyhow::ensure!(size <= LARGEST_FILE, "{name} is too large for a script");
        let text = std::fs::read(path).with_context(|| format!("reading {name}"))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{name} is no script of `pdu-fuzzer fuzz`"))
    }

    /// As its file has it.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("numbers and texts are JSON");
        json.push(b'\n');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_its_file() {
        let script = Script {
            dialect: Dialect::Client,
            steps: vec![
                Step::Open {
                    on: 0,
                    narrow: true,
                },
                Step::Login {
                    on: 0,
                    user: 2,
                    device: 17,
                },
                Step::Write {
                    on: 0,
                    parts: vec![Part {
                        bytes: Bytes(vec![0, 0xff, 0x10]),
                        ids: vec![IdPlace { at: 1, pick: 7 }],
                    }],
                    times: 3,
                    piece: 1,
                    gap_ms: 2,
                },
                Step::Read { on: 0, ms: 5 },
                Step::Crowd { count: 3, ms: 1 },
                Step::Reset { on: 0 },
            ],
        };
        let read: Script = serde_json::from_slice(&script.to_json()).unwrap();
        assert_eq!(read, script);
        assert_eq!(script.len(), 9);
        assert!(serde_json::from_str::<Bytes>("\"0g\"").is_err());
        assert!(serde_json::from_str::<Bytes>("\"012\"").is_err());
    }
}

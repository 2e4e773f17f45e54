//! What happened in a run: one record after the other, kept in memory and written to a file as lines of JSON.
//!
//! Each line is an object with `at`, the microseconds since the beginning of the run, `what`, the kind of record, and the
//! fields of that kind as [`What`] names them. Conversations are texts, see [`Talk`]. Lines are in the order of their times. What
//! a client is about to do is noted before it does it, what it learns after it has learnt it: an interval between two records
//! is never shorter than what happened.

mod talk;

pub use talk::Talk;

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// A message as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its number in the conversation.
    pub id: u32,
    /// Who wrote it.
    pub from: u32,
    /// Which message of the run it is, by its content; nothing if its content is none of the run.
    pub key: Option<u64>,
}

/// How a client got messages that it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A page of history.
    History,
    /// What changed.
    Sync,
}

/// A conversation in an unread list or an answer of what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Which one.
    pub talk: Talk,
    /// Messages that the user has not read.
    pub unread: u32,
    /// The newest message.
    pub latest: u32,
    /// Up to where the user has read, where the answer says it.
    pub read: Option<u32>,
}

/// A kind of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The first record: what is needed to judge and to repeat the run.
    Run {
        /// What the schedule of faults follows from.
        seed: u64,
        /// How soon after a fault everybody has to have everything, in milliseconds.
        heal_ms: u64,
        /// Whether processes are restarted in turn, and no client that can move may notice.
        rolling: bool,
        /// The command line.
        command: String,
    },
    /// A conversation of the run.
    Talk {
        /// Which one.
        talk: Talk,
        /// Its newest message before the run.
        base: u32,
        /// The users in it.
        members: Vec<u32>,
    },
    /// A device of the run.
    Device {
        /// Its number.
        device: u32,
        /// Whose.
        user: u32,
        /// How people call it.
        name: String,
        /// Whether it announces no extensions.
        stock: bool,
    },
    /// A login succeeded.
    Connected {
        /// Whose.
        device: u32,
        /// Counts the device's connections from 1.
        connection: u32,
        /// Where.
        server: String,
        /// Whether the server tells it to move before it stops.
        moves: bool,
        /// Whether the server lets it ask for what changed.
        syncs: bool,
    },
    /// A login failed.
    NotConnected {
        /// Whose.
        device: u32,
        /// Why, in words.
        reason: String,
    },
    /// A connection is over.
    Disconnected {
        /// Whose.
        device: u32,
        /// Which one.
        connection: u32,
        /// Why, in words.
        reason: String,
    },
    /// A message is sent, or sent again.
    Sent {
        /// From where.
        device: u32,
        /// Over which connection.
        connection: u32,
        /// Which message.
        key: u64,
        /// Where to.
        talk: Talk,
    },
    /// It was acknowledged.
    Acked {
        /// To which device.
        device: u32,
        /// Over which connection.
        connection: u32,
        /// Which message.
        key: u64,
        /// The number under which it is stored.
        id: u32,
    },
    /// It was refused, or not answered; it will be sent again.
    Failed {
        /// To which device.
        device: u32,
        /// Over which connection.
        connection: u32,
        /// Which message.
        key: u64,
        /// Why, in words.
        reason: String,
    },
    /// A message was pushed.
    Pushed {
        /// To which device.
        device: u32,
        /// Over which connection.
        connection: u32,
        /// Of which conversation.
        talk: Talk,
        /// The message.
        #[serde(flatten)]
        seen: Seen,
    },
    /// Messages came in an answer.
    Fetched {
        /// To which device.
        device: u32,
        /// Over which connection.
        connection: u32,
        /// How.
        way: Way,
        /// Of which conversation.
        talk: Talk,
        /// The messages.
        seen: Vec<Seen>,
    },
    /// The server says that something may be missing.
    Hinted {
        /// To which device.
        device: u32,
    },
    /// The server sends a client elsewhere.
    ToMove {
        /// Which device.
        device: u32,
        /// Within how many milliseconds.
        within_ms: u64,
    },
    /// A read mark is sent.
    Marked {
        /// From which device.
        device: u32,
        /// In which conversation.
        talk: Talk,
        /// Up to which message.
        id: u32,
    },
    /// Another device of the same user is told of one.
    MarkTold {
        /// Which device is told.
        device: u32,
        /// In which conversation.
        talk: Talk,
        /// Up to which message.
        id: u32,
    },
    /// What a user was told of what is unread.
    Unread {
        /// Who asked.
        user: u32,
        /// When that was, as `at`.
        asked: u64,
        /// Whether conversations that are not named have nothing unread.
        complete: bool,
        /// Whether it is the last word: every mark has had its time.
        last: bool,
        /// The conversations.
        standings: Vec<Standing>,
    },
    /// A fault begins.
    FaultBegan {
        /// Counts from 1.
        fault: u32,
        /// What, in words.
        what_fault: String,
    },
    /// Its cause is gone: the process runs and is ready, or the link is there again.
    FaultEnded {
        /// Which one.
        fault: u32,
        /// How it ended, if there is something to say.
        note: String,
    },
    /// From here on nothing new is sent; what is not acknowledged is sent again.
    Rest,
    /// What is stored, read by a client in the end. A conversation has one such record or more.
    Stored {
        /// Of which conversation.
        talk: Talk,
        /// The messages.
        seen: Vec<Seen>,
    },
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Microseconds since the beginning.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Where records go. Clones write into the same history.
///
/// A std mutex suffices: it is held while one record is put into a vector, or some are copied to be written.
#[derive(Clone, Debug)]
pub struct History {
    began: Instant,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            records: Arc::default(),
        }
    }
}

impl History {
    /// Notes something with the time of now.
    pub fn note(&self, what: What) {
        let mut records = self.lock();
        // Under the lock, so that records are in the order of their times.
        let at = self.now();
        records.push(Record { at, what });
    }

    /// The time of now as records have it.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing was noted yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the records from the one with that index on, at most so many.
    pub fn since(&self, index: usize, most: usize) -> Vec<Record> {
        let records = self.lock();
        let end = records.len().min(index.saturating_add(most));
        records.get(index..end).unwrap_or_default().to_vec()
    }

    /// Takes all records out.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes records as lines.
pub fn write(records: &[Record], to: &mut impl Write) -> std::io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *to, record)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads a file of such lines. An incomplete last line, as a run leaves that was killed, is left out.
pub fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut lines = std::io::BufReader::new(file);
    let (mut records, mut line, mut number) = (Vec::<Record>::new(), String::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let length = lines
            .read_line(&mut line)
            .with_context(|| format!("reading {}", path.display()))?;
        if length == 0 || !line.ends_with('\n') {
            return Ok(records);
        }
        let record: Record = serde_json::from_str(&line)
            .with_context(|| format!("{}:{number} is no record", path.display()))?;
        ensure!(
            records.last().is_none_or(|last| last.at <= record.at),
            "{}:{number} is older than the line before",
            path.display()
        );
        records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_same_after_a_way_through_a_file() {
        let seen = Seen {
            id: 3,
            from: 2,
            key: Some(9),
        };
        let history = History::default();
        for what in [
            What::Rest,
            What::Pushed {
                device: 1,
                connection: 2,
                talk: Talk::Pair(1, 2),
                seen,
            },
            What::Stored {
                talk: Talk::Group(4),
                seen: vec![seen],
            },
        ] {
            history.note(what);
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let mut file = Vec::new();
        write(&history.since(0, 9), &mut file).unwrap();
        file.extend_from_slice(b"{\"at\":");
        std::fs::write(&path, &file).unwrap();
        assert_eq!(read(&path).unwrap(), history.take());
        assert!(String::from_utf8(file).unwrap().contains(
            r#""what":"pushed","device":1,"connection":2,"talk":"1-2","id":3,"from":2,"key":9"#
        ));
    }
}

//! What came of a script.

use std::collections::{BTreeMap, BTreeSet};

use proto::CommandId;
use serde::{Serialize, Serializer};

/// Something that a target did. What was seen together is a script's signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mark {
    /// It sent this command.
    Reply(CommandId),
    /// It answered a login with this code.
    Login(i32),
    /// It refused a request with this reason (IMNak).
    Refused(String),
    /// It answered with this status of HTTP.
    Status(u16),
    /// It ended a WebSocket with this code.
    WebSocketClose(u16),
    /// A connection ended so.
    Ended(Ending),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// It was not accepted.
    NotAccepted,
    /// It was not opened: the run has enough.
    OverLimit,
    /// By this side.
    Ours,
    /// By the target.
    Closed,
    /// By the target, with a reset.
    Reset,
    /// By this side, for the target took nothing any more.
    NotTaken,
    /// By this side, for what came was none of the port's language.
    Garbled,
}

impl Ending {
    /// As in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotAccepted => "not accepted",
            Self::OverLimit => "not opened (--connections)",
            Self::Ours => "closed here",
            Self::Closed => "closed by the target",
            Self::Reset => "reset by the target",
            Self::NotTaken => "closed here: the target reads no more",
            Self::Garbled => "closed here: what came is no frame",
        }
    }
}

/// What a script caused.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Seen {
    pub(crate) connections: u64,
    pub(crate) frames_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// Frames that came, by command; answers of HTTP by status.
    #[serde(serialize_with = "hex_keys")]
    pub(crate) replies: BTreeMap<u16, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) endings: BTreeMap<Ending, u64>,
    /// What came that is none of the port's language.
    pub(crate) garbled: Option<String>,
    #[serde(skip)]
    pub(crate) marks: BTreeSet<Mark>,
}

fn hex_keys<S: Serializer>(replies: &BTreeMap<u16, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        replies
            .iter()
            .map(|(id, count)| (CommandId(*id).to_string(), count)),
    )
}

impl Seen {
    /// A connection is over.
    pub(super) fn end(&mut self, ending: Ending) {
        *self.endings.entry(ending).or_default() += 1;
        self.marks.insert(Mark::Ended(ending));
    }

    /// Something came.
    pub(super) fn mark(&mut self, mark: Mark) {
        match &mark {
            Mark::Reply(command) => *self.replies.entry(command.0).or_default() += 1,
            Mark::Status(status) => *self.statuses.entry(*status).or_default() += 1,
            _ => {}
        }
        self.marks.insert(mark);
    }

    /// Adds what another script caused; its signature stays its own.
    pub(crate) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.frames_sent += other.frames_sent;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        let counts = |mine: &mut BTreeMap<u16, u64>, theirs: &BTreeMap<u16, u64>| {
            for (key, count) in theirs {
                *mine.entry(*key).or_default() += count;
            }
        };
        counts(&mut self.replies, &other.replies);
        counts(&mut self.statuses, &other.statuses);
        for (ending, count) in &other.endings {
            *self.endings.entry(*ending).or_default() += count;
        }
        if self.garbled.is_none() {
            self.garbled.clone_from(&other.garbled);
        }
    }
}

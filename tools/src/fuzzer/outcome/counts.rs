use std::fmt;
use std::ops::{Index, IndexMut};

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Counter {
            $($(#[$doc])+ $name,)+
        }

        impl Counter {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in reports and between processes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

counters! {
    /// Connections that were opened.
    Connected = "connected",
    /// Connections that could not be opened.
    ConnectFailed = "connect_failed",
    /// Connections that the other side ended, or that broke, when nobody wanted it.
    Dropped = "dropped",
    /// Logins with a password that were let in.
    LoggedIn = "logged_in",
    /// Logins by a token that were let in.
    Resumed = "resumed",
    /// Logins that were refused, or not answered in time.
    LoginFailed = "login_failed",
    /// Messages written to a socket, each resend included.
    Sent = "sent",
    /// Messages that were acknowledged with an id.
    Acked = "acked",
    /// Messages that were answered with a refusal.
    Refused = "refused",
    /// Messages that were not answered when the run ended, or when their connection did.
    Unanswered = "unanswered",
    /// Pushes that were expected for what was acknowledged: one for each device of a receiver that is online.
    Expected = "expected",
    /// Pushes that arrived, each message once for each device.
    Delivered = "delivered",
    /// Pushes of acknowledged messages that did not arrive although the device was online all the time.
    Lost = "lost",
    /// Pushes of a message that the device already had, and acknowledgements of different messages with one id.
    Doubled = "doubled",
    /// Pushes that arrived behind a later message of the same sender and conversation.
    OutOfOrder = "out_of_order",
    /// Pushes that arrived behind a later message of a conversation in which several others write. Ids tell the order; which
    /// way is faster is nobody's promise.
    Overtaken = "overtaken",
    /// Pushes of acknowledged messages that did not arrive on a device that was not online all the time.
    Away = "away",
    /// Pushes of messages whose sender was never told an id.
    DeliveredUnacked = "delivered_unacked",
    /// Pushes on devices that are not of the conversation.
    Misdelivered = "misdelivered",
    /// Messages at a fixed rate that this side wrote more than 10 ms after their turn, through its own fault; they are timed
    /// from their turn all the same.
    Behind = "behind",
    /// Turns at a fixed rate that were not taken: the writer was not online, or too much was unanswered.
    Skipped = "skipped",
    /// Pages of history that were read.
    HistoryRead = "history_read",
    /// Messages on those pages.
    HistoryMessages = "history_messages",
    /// Notices of somebody's presence that arrived.
    Presence = "presence",
    /// Requests other than messages that were not answered in time, or refused.
    RequestFailed = "request_failed",
    /// Answers that could not be understood.
    Malformed = "malformed",
}

/// A number for each [`Counter`]. Written as a map without the zeros.
#[derive(Clone, PartialEq, Eq)]
pub struct Counts([u64; Counter::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Counter::ALL.len()])
    }
}

impl Counts {
    /// One more.
    pub fn add(&mut self, counter: Counter) {
        self[counter] += 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Those that are not zero, in the order of [`Counter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        let all = Counter::ALL
            .iter()
            .map(|counter| (*counter, self[*counter]));
        all.filter(|(_, count)| *count > 0)
    }

    /// Whether the promise about messages was broken: something lost, doubled, out of order or with
    /// somebody whom it was not for.
    pub fn is_broken_promise(&self) -> bool {
        self.broken_promises().next().is_some()
    }

    /// How the promise about messages was broken, and how often.
    pub fn broken_promises(&self) -> impl Iterator<Item = (Counter, u64)> {
        let broken = [
            Counter::Lost,
            Counter::Doubled,
            Counter::OutOfOrder,
            Counter::Misdelivered,
        ];
        let counts = broken.map(|counter| (counter, self[counter]));
        counts.into_iter().filter(|(_, count)| *count > 0)
    }
}

impl Index<Counter> for Counts {
    type Output = u64;

    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter as usize]
    }
}

impl IndexMut<Counter> for Counts {
    fn index_mut(&mut self, counter: Counter) -> &mut u64 {
        &mut self.0[counter as usize]
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(counter, count)| (counter.name(), count));
        f.debug_map().entries(names).finish()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (counter, count) in self.iter() {
            map.serialize_entry(counter.name(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names of counters to numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Counts::default();
                while let Some((name, count)) = map.next_entry::<String, u64>()? {
                    let counter = Counter::ALL.iter().find(|counter| counter.name() == name);
                    let counter = counter
                        .ok_or_else(|| de::Error::custom(format_args!("no counter {name:?}")))?;
                    counts[*counter] = count;
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_survive_the_way_between_processes() {
        let mut counts = Counts::default();
        counts.add(Counter::Sent);
        counts.add(Counter::Malformed);
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(text, r#"{"sent":1,"malformed":1}"#);
        let mut sum: Counts = serde_json::from_str(&text).unwrap();
        sum.merge(&counts);
        assert_eq!(sum[Counter::Sent], 2);
        assert_eq!(sum[Counter::Acked], 0);
        assert!(serde_json::from_str::<Counts>(r#"{"snet":1}"#).is_err());
    }
}

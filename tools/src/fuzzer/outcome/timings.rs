use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// From the moment a message should have been sent to its acknowledgement. In a closed loop that is the moment it was
    /// written; at a fixed rate the moment its turn came, so that a server that hangs is seen in every message it kept waiting.
    Ack,
    /// From the same moment to the push on a receiver's device.
    Delivery,
    /// From opening the connection to the answer of a login with a password.
    Login,
    /// The same with a token.
    Resume,
    /// From asking for a page of history to the page.
    History,
    /// From somebody's login or logout to the notice of it.
    Presence,
    /// From a storm to the moment when all whom it hit are back; of each process one value a storm.
    Back,
}

impl Timing {
    /// All of them, in the order in which they are shown.
    pub const ALL: &[Self] = &[
        Self::Ack,
        Self::Delivery,
        Self::Login,
        Self::Resume,
        Self::History,
        Self::Presence,
        Self::Back,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Delivery => "delivery",
            Self::Login => "login",
            Self::Resume => "resume",
            Self::History => "history",
            Self::Presence => "presence",
            Self::Back => "back",
        }
    }
}

/// What is recorded of a longer time: a week, longer than any run.
const LONGEST: u64 = 7 * 24 * 3600 * 1_000_000;

/// Significant decimal digits of a recorded time.
const DIGITS: u8 = 3;

/// Of what is kept for each second of a long run.
const COARSE_DIGITS: u8 = 2;

/// Histograms of times in microseconds, to three digits; those without a value are absent.
#[derive(Clone, Debug, Default)]
pub struct Timings(BTreeMap<Timing, Histogram<u64>>);

impl Timings {
    /// One more value.
    pub fn record(&mut self, timing: Timing, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.record_n(timing, micros, 1);
    }

    /// The histogram, in microseconds, if there is a value.
    pub fn get(&self, timing: Timing) -> Option<&Histogram<u64>> {
        self.0
            .get(&timing)
            .filter(|histogram| !histogram.is_empty())
    }

    /// The same to two digits, in a sixth of the memory.
    pub fn coarse(&self) -> Self {
        let coarse = self.0.iter().map(|(timing, histogram)| {
            let mut coarse = new_histogram(COARSE_DIGITS);
            coarse.add(histogram).expect("it grows by itself");
            (*timing, coarse)
        });
        Self(coarse.collect())
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (timing, theirs) in &other.0 {
            self.of(*timing).add(theirs).expect("it grows by itself");
        }
    }

    fn record_n(&mut self, timing: Timing, micros: u64, count: u64) {
        // Not `saturating_record`, which takes what the histogram has room for now and does not let it grow.
        let recorded = self.of(timing).record_n(micros.clamp(1, LONGEST), count);
        recorded.expect("it grows by itself");
    }

    fn of(&mut self, timing: Timing) -> &mut Histogram<u64> {
        self.0
            .entry(timing)
            .or_insert_with(|| new_histogram(DIGITS))
    }
}

fn new_histogram(digits: u8) -> Histogram<u64> {
    Histogram::new(digits).expect("a precision that exists")
}

impl Serialize for Timings {
    /// By name the recorded values with their counts: `{"ack": [[120, 3], [121, 1]]}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recorded = self.0.iter().map(|(timing, histogram)| {
            let values = histogram.iter_recorded();
            let values = values.map(|value| (value.value_iterated_to(), value.count_at_value()));
            (timing, values.collect::<Vec<(u64, u64)>>())
        });
        serializer.collect_map(recorded)
    }
}

impl<'de> Deserialize<'de> for Timings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let recorded = BTreeMap::<Timing, Vec<(u64, u64)>>::deserialize(deserializer)?;
        let mut timings = Self::default();
        for (timing, values) in recorded {
            for (value, count) in values {
                timings.record_n(timing, value, count);
            }
        }
        Ok(timings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_survive_the_way_between_processes() {
        let mut timings = Timings::default();
        for micros in [1_u64, 50, 50, 7_000, 90_000_000] {
            timings.record(Timing::Ack, Duration::from_micros(micros));
        }
        let text = serde_json::to_string(&timings).unwrap();
        let mut read: Timings = serde_json::from_str(&text).unwrap();
        let ack = read.get(Timing::Ack).unwrap();
        assert_eq!(ack, timings.get(Timing::Ack).unwrap());
        assert_eq!(ack.value_at_quantile(0.5), 50);
        let (longest, recorded) = (90_000_000.0, ack.max() as f64);
        assert!((recorded / longest - 1.0).abs() < 1e-3, "{recorded}");
        assert!(read.get(Timing::Login).is_none());
        read.merge(&timings);
        assert_eq!(read.get(Timing::Ack).unwrap().len(), 10);
    }
}

//! What of a run is compared.

use crate::fuzzer::outcome::Outcome;
use crate::fuzzer::report::Figures;
use crate::fuzzer::report::quantities::{bytes, micros, number};

/// A number that each run has, unless what it is made of was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Units of work in a second of the run.
    Rate,
    /// Microseconds of CPU time of all servers for each unit of work.
    Cpu,
    /// The median time of a unit of work, in microseconds.
    Median,
    /// The time that one of a hundred takes longer than, in microseconds.
    P99,
    /// Bytes that the servers' resident memory grew by, for each connection.
    Memory,
}

impl Measure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Rate, Self::Cpu, Self::Median, Self::P99, Self::Memory];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Cpu => "cpu_us_per_unit",
            Self::Median => "p50_us",
            Self::P99 => "p99_us",
            Self::Memory => "bytes_per_connection",
        }
    }

    /// Of a run.
    pub fn of(self, outcome: &Outcome) -> Option<f64> {
        let figures = Figures::of(outcome);
        let quantile = |quantile: f64| {
            let histogram = figures.unit()?.timing(outcome)?;
            Some(histogram.value_at_quantile(quantile) as f64)
        };
        match self {
            Self::Rate => figures.rate(),
            Self::Cpu => figures.cpu_micros_each(figures.servers()?.cpu_seconds),
            Self::Median => quantile(0.5),
            Self::P99 => quantile(0.99),
            Self::Memory => {
                let servers = figures.servers()?;
                let growth = servers.resident_after as f64 - servers.resident_before as f64;
                figures.bytes_each(growth)
            }
        }
    }

    /// Whether more of it is better; of everything else less is.
    pub fn more_is_better(self) -> bool {
        self == Self::Rate
    }

    /// What the better side is.
    pub(super) fn better(self) -> &'static str {
        match self {
            Self::Rate => "does more",
            Self::Cpu => "takes less CPU time",
            Self::Median | Self::P99 => "is quicker",
            Self::Memory => "takes less memory",
        }
    }

    /// The name in a table, when work is counted in this unit.
    pub(super) fn title(self, unit: &str) -> String {
        match self {
            Self::Rate => format!("{unit}s a second"),
            Self::Cpu => format!("CPU a {unit}"),
            Self::Median => "time p50".to_owned(),
            Self::P99 => "time p99".to_owned(),
            Self::Memory => "memory a connection".to_owned(),
        }
    }

    /// With its unit.
    pub(super) fn written(self, value: f64) -> String {
        match self {
            Self::Rate => number(value),
            Self::Cpu | Self::Median | Self::P99 => micros(value),
            Self::Memory => bytes(value),
        }
    }
}

//! Charts over the time of a run.

use std::ops::Range;

use super::super::figures::Figures;
use super::axis::Axis;
use super::chart::{Chart, Line, Tone};
use crate::fuzzer::outcome::{Counter, Outcome, Phase, Slice, Timing};

/// A chart with what is written around it.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) chart: Chart,
}

/// Steps that a line has at most: more than one for each two pixels say nothing.
const STEPS: usize = 480;

/// A shorter slice, as there is one at a phase's end, goes together with its neighbour: its rate would be a matter of chance.
const SHORTEST_MS: u64 = 250;

/// The size of a chart as wide as the page.
const WIDE: (u32, u32) = (960, 260);

/// The slices of a run as charts show them.
pub(super) struct OverTime {
    slices: Vec<Slice>,
}

impl OverTime {
    /// Long runs are condensed: neighbours of one phase are put together.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let each = outcome.slices.len().div_ceil(STEPS).max(1);
        let mut slices: Vec<Slice> = Vec::new();
        let (mut held, mut began) = (0, 0);
        for slice in &outcome.slices {
            let before = slices.last().map_or(0, |last| last.at_ms);
            let is_short = |began: u64, ended: u64| ended < began + SHORTEST_MS;
            match slices.last_mut() {
                Some(last)
                    if last.phase == slice.phase
                        && (held < each
                            || is_short(began, last.at_ms)
                            || is_short(last.at_ms, slice.at_ms)) =>
                {
                    held += 1;
                    last.at_ms = slice.at_ms;
                    last.online = slice.online;
                    last.counts.merge(&slice.counts);
                    last.timings.merge(&slice.timings);
                }
                _ => {
                    (held, began) = (1, before);
                    slices.push(slice.clone());
                }
            }
        }
        Self { slices }
    }

    /// Whether there is a course to show.
    pub(super) fn is_too_short(&self) -> bool {
        self.slices.is_empty()
    }

    /// What happened each second: one chart for what is of one order of magnitude.
    pub(super) fn rates(&self) -> Vec<Figure> {
        let one = |name: &str, counters: &[Counter], tone| self.rate(name, counters, tone);
        let acked = one("acked", &[Counter::Acked], Tone::First);
        let delivered = one("delivered", &[Counter::Delivered], Tone::Second);
        let mut figures = Vec::new();
        let mut add = |title: &str, caption: &str, lines: Vec<Line>| {
            let most = highest(&lines);
            if most > 0.0 {
                figures.push(self.figure(title, caption, Axis::from_zero(most, title), lines));
            }
        };
        let acked_caption = "Messages that got their id, in the second in which they did.";
        let delivered_caption = "Pushes that arrived, one for each device of a receiver.";
        if highest(std::slice::from_ref(&delivered)) > 4.0 * highest(std::slice::from_ref(&acked)) {
            add("Messages a second", acked_caption, vec![acked]);
            add("Pushes a second", delivered_caption, vec![delivered]);
        } else {
            let caption = format!("{acked_caption} {delivered_caption}");
            add("Messages a second", &caption, vec![delivered, acked]);
        }
        let logins = [Counter::LoggedIn, Counter::Resumed];
        for (title, name, counters, caption) in [
            (
                "Logins a second",
                "logins",
                &logins[..],
                "With a password or with a token.",
            ),
            (
                "Pages of history a second",
                "pages",
                &[Counter::HistoryRead],
                "Pages that were asked for and came.",
            ),
            (
                "Notices of presence a second",
                "notices",
                &[Counter::Presence],
                "Each is one device that is told of one change.",
            ),
        ] {
            add(title, caption, vec![one(name, counters, Tone::First)]);
        }
        let errors = self.line("errors", Tone::Bad, |slice, seconds| {
            Figures::errors(&slice.counts) as f64 / seconds
        });
        add(
            "Errors a second",
            "Connections, logins and requests that failed, and messages without an id.",
            vec![errors],
        );
        figures
    }

    /// Who is logged in; `None` if nobody ever was.
    pub(super) fn online(&self) -> Option<Figure> {
        let line = self.line("online", Tone::Third, |slice, _| slice.online as f64);
        let most = highest(std::slice::from_ref(&line));
        (most > 0.0).then(|| {
            let axis = Axis::from_zero(most, "connections");
            let caption = "Connections that are logged in at the end of each second.";
            self.figure("Connections", caption, axis, vec![line])
        })
    }

    /// How quantiles of a time went.
    pub(super) fn quantiles(&self, timing: Timing) -> Option<Figure> {
        let quantile = |name: &str, tone, quantile: f64| {
            self.line(name, tone, |slice, _| {
                let histogram = slice.timings.get(timing);
                let value = histogram.map(|histogram| histogram.value_at_quantile(quantile));
                value.map_or(f64::NAN, |value| (value as f64).log10())
            })
        };
        let lines = vec![
            quantile("p50", Tone::Light, 0.5),
            quantile("p99", Tone::Middle, 0.99),
            quantile("max", Tone::Dark, 1.0),
        ];
        let places = lines.iter().flat_map(|line| &line.points);
        let places = places.map(|(_, y)| *y).filter(|y| y.is_finite());
        let least = places.clone().reduce(f64::min)?;
        let most = places.reduce(f64::max)?;
        let axis = Axis::times(10_f64.powf(least), 10_f64.powf(most), "time");
        let caption = "Of the times that ended in each second. The scale is logarithmic.";
        Some(self.figure("Over time", caption, axis, lines))
    }

    fn rate(&self, name: &str, counters: &[Counter], tone: Tone) -> Line {
        self.line(name, tone, |slice, seconds| {
            let counts = counters.iter().map(|counter| slice.counts[*counter]);
            counts.sum::<u64>() as f64 / seconds
        })
    }

    /// A step for each slice, from the slice and its length in seconds: what is known is known of all of it.
    fn line(&self, name: &str, tone: Tone, value: impl Fn(&Slice, f64) -> f64) -> Line {
        let mut before = 0;
        let points = self.slices.iter().flat_map(|slice| {
            let millis = slice.at_ms.saturating_sub(before).max(SHORTEST_MS);
            let value = value(slice, millis as f64 / 1e3);
            let step = [before, slice.at_ms].map(|at| (at as f64 / 1e3, value));
            before = slice.at_ms;
            step
        });
        Line {
            name: name.to_owned(),
            tone,
            points: points.collect(),
        }
    }

    fn figure(&self, title: &str, caption: &str, y: Axis, lines: Vec<Line>) -> Figure {
        let end = self.slices.last().map_or(0, |slice| slice.at_ms).max(1);
        let range = 0.0..end as f64 / 1e3;
        let bands = self.bands(&range);
        let shaded = if bands.is_empty() {
            ""
        } else {
            " Shaded: before and after the load."
        };
        Figure {
            title: title.to_owned(),
            caption: format!("{caption}{shaded}"),
            chart: Chart {
                label: format!("{title}. {caption}"),
                size: WIDE,
                x: Axis::seconds(range),
                y,
                bands,
                bars: Vec::new(),
                rules: Vec::new(),
                lines,
            },
        }
    }

    /// The stretches that are not of the run.
    fn bands(&self, range: &Range<f64>) -> Vec<Range<f64>> {
        let is_run = |slice: &&Slice| slice.phase == Phase::Run;
        let at = |slice: &Slice| slice.at_ms as f64 / 1e3;
        let first = self.slices.iter().position(|slice| is_run(&slice));
        let last = self.slices.iter().rfind(is_run);
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        // a slice says when it ended: the run began when the one before it did
        let begin = first
            .checked_sub(1)
            .map_or(0.0, |before| at(&self.slices[before]));
        let bands = [range.start..begin, at(last)..range.end];
        bands
            .into_iter()
            .filter(|band| band.end > band.start)
            .collect()
    }
}

fn highest(lines: &[Line]) -> f64 {
    let values = lines.iter().flat_map(|line| &line.points);
    values.map(|(_, y)| *y).fold(0.0, f64::max)
}

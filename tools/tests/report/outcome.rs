//! Outcomes as runs would bring them, made up.

use std::time::Duration;

use tools::fuzzer::outcome::{Counter, Counts, Ending, Outcome, Phase, Slice, Timing, Timings};
use tools::fuzzer::usage::ProcessUsage;

/// A second of a run with this many messages, each on one device, and times that spread over two powers of ten.
pub(super) fn second(at: u64, phase: Phase, messages: u64) -> Slice {
    let mut counts = Counts::default();
    let mut timings = Timings::default();
    if phase == Phase::Setup {
        counts[Counter::Connected] = 50;
        counts[Counter::LoggedIn] = 50;
        for login in 0..50 {
            timings.record(Timing::Login, Duration::from_micros(3_000 + login * 90));
        }
    }
    for counter in [
        Counter::Sent,
        Counter::Acked,
        Counter::Expected,
        Counter::Delivered,
    ] {
        counts[counter] = messages;
    }
    for message in 0..messages {
        let spread = (message * 7_919 + at * 104_729) % 1_000;
        let micros =
            400.0 * 10_f64.powf((spread as f64 / 1_000.0).powi(6) * 2.0 + spread as f64 / 2e3);
        timings.record(Timing::Ack, Duration::from_micros(micros as u64));
        timings.record(
            Timing::Delivery,
            Duration::from_micros((micros * 1.2) as u64),
        );
    }
    Slice {
        at_ms: at * 1_000,
        phase,
        online: 100,
        counts,
        timings,
    }
}

/// Two seconds of setup, ten of load, one of drain; everything as promised.
pub(super) fn outcome() -> Outcome {
    let mut slices: Vec<Slice> = (1..=2).map(|at| second(at, Phase::Setup, 0)).collect();
    slices[0].online = 50;
    slices.extend((3..=12).map(|at| second(at, Phase::Run, 2_000 + 137 * (at * at % 7))));
    slices.push(second(13, Phase::Drain, 0));
    let mut counts = Counts::default();
    let mut timings = Timings::default();
    for slice in &slices {
        counts.merge(&slice.counts);
        timings.merge(&slice.timings);
    }
    let process = |name: &str, pid, cpu: f64, before: u64, after: u64| ProcessUsage {
        name: name.to_owned(),
        pid,
        user_seconds: cpu * 0.7,
        system_seconds: cpu * 0.3,
        resident_before: before << 20,
        resident_after: after << 20,
        descriptors: Some(80),
        trouble: None,
    };
    let settings = "users = 100\nwindow = 16\nseconds = 10\nbody = \"64 bytes\"";
    Outcome {
        scenario: "one-to-one".into(),
        settings: settings.parse().expect("settings are TOML"),
        target: "http://127.0.0.1:8080".into(),
        started_at: "2026-01-02T03:04:05Z".into(),
        seconds: 10.0,
        online: 100,
        counts,
        timings,
        slices,
        processes: vec![
            process("login_server 0", 11, 0.01, 9, 9),
            process("route_server 0", 12, 0.12, 10, 11),
            process("db_proxy 0", 13, 0.44, 14, 31),
            process("msg_server 0", 14, 0.21, 11, 16),
        ],
        ending: Ending::Complete,
    }
}

//! How a run is shown: the table, the JSON object and the page say what was measured, and nothing that was not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "report/outcome.rs"]
mod made_up;
#[path = "report/markup.rs"]
mod markup;

use std::process::{Command, Stdio};

use made_up::{outcome, second};
use serde_json::Value;
use tools::fuzzer::observer::Observer;
use tools::fuzzer::outcome::{Counter, Ending, Outcome, Phase, Timing};
use tools::fuzzer::report::{Figures, json, page, table, write_page};
use tools::fuzzer::usage::Watch;
use tools::terminal::Paint;

fn plain(outcome: &Outcome) -> String {
    table(outcome, Paint::plain())
}

fn object(outcome: &Outcome) -> Value {
    serde_json::from_str(&json(outcome).unwrap()).unwrap()
}

#[test]
fn a_table_has_the_rate_the_account_times_and_servers() {
    let outcome = outcome();
    let text = plain(&outcome);
    let acked: u64 = outcome
        .slices
        .iter()
        .map(|slice| slice.counts[Counter::Acked])
        .sum();
    assert_eq!(acked, 23_014);
    for wanted in [
        "one-to-one on http://127.0.0.1:8080: body = \"64 bytes\", seconds = 10, users = 100, window = 16\n",
        "2,301 messages acknowledged a second",
        "sent 23,014  acked 23,014  refused 0  unanswered 0  expected 23,014  delivered 23,014  lost 0  doubled 0  out of order 0\n",
        "connected 100  logged in 100\n",
        "\ndb_proxy 0 ",
        "\nall ",
        "\ncomplete; every acknowledged message arrived once and in order\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    let row = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(row("ack")[..2], ["ack", "23,014"]);
    assert_eq!(row("login ").len(), 7);
    // 0.78 s for 23,014 messages, and 23 MiB for 100 connections
    assert_eq!(
        row("all"),
        [
            "all", "0.78", "0.55", "0.23", "33.9 µs", "0.0339", "44.0 MiB", "67.0 MiB", "241,172",
            "320"
        ]
    );
}

#[test]
fn the_load_alone_makes_the_rate() {
    let mut outcome = outcome();
    let before = Figures::of(&outcome).rate();
    // what is sent before and after it is in the account and not in the rate
    outcome.slices[0].counts[Counter::Acked] += 5_000;
    outcome.slices[12].counts[Counter::Acked] += 5_000;
    outcome.counts[Counter::Acked] += 10_000;
    assert_eq!(Figures::of(&outcome).rate(), before);
    assert_eq!(Figures::of(&outcome).logins(), Some((100, 50.0)));
}

#[test]
fn a_broken_promise_an_interruption_and_a_failure_are_said() {
    let mut lost = outcome();
    lost.counts[Counter::Lost] = 3;
    lost.counts[Counter::OutOfOrder] = 1;
    lost.counts[Counter::Refused] = 7;
    let text = plain(&lost);
    assert!(
        text.contains("refused 7") && text.contains("lost 3"),
        "{text}"
    );
    assert!(
        text.ends_with("complete; the promise was broken: 3 lost, 1 out of order\n"),
        "{text}"
    );
    assert_eq!(object(&lost)["succeeded"], false);

    let mut failed = outcome();
    failed.ending = Ending::Failed("nobody answers any more".to_owned());
    assert!(
        plain(&failed)
            .contains("failed: nobody answers any more; what was measured until then is kept")
    );
    assert_eq!(object(&failed)["ending"], "failed");
    assert_eq!(object(&failed)["why"], "nobody answers any more");

    let mut interrupted = outcome();
    interrupted.ending = Ending::Interrupted;
    assert!(plain(&interrupted).contains("interrupted; what was measured until then is true"));

    let mut late = outcome();
    late.counts[Counter::Behind] = 9;
    assert!(plain(&late).contains("9 messages were written late by this side"));
}

#[test]
fn a_process_whose_numbers_are_not_whole_leaves_no_sum() {
    let mut outcome = outcome();
    outcome.processes[2].trouble = Some("was started again as process 99".to_owned());
    let text = plain(&outcome);
    assert!(
        text.contains("db_proxy 0 was started again as process 99"),
        "{text}"
    );
    assert!(!text.contains("\nall "), "{text}");
    assert_eq!(object(&outcome)["servers"], Value::Null);
}

#[test]
fn json_can_be_added_up_again() {
    let outcome = outcome();
    let object = object(&outcome);
    assert_eq!(object["counts"]["acked"], 23_014);
    assert_eq!(object["counts"]["lost"], 0);
    assert_eq!(object["settings"]["window"], 16);
    assert_eq!(
        object["slices"].as_array().unwrap().len(),
        outcome.slices.len()
    );
    let ack = &object["timings"]["ack"];
    let recorded: Vec<(u64, u64)> = serde_json::from_value(ack["recorded"].clone()).unwrap();
    let recorded_in_all: u64 = recorded.iter().map(|(_, count)| count).sum();
    assert_eq!(ack["count"], recorded_in_all);
    // the median, from the recorded values alone
    let mut seen = 0;
    let median = recorded.iter().find(|(_, count)| {
        seen += count;
        2 * seen >= recorded_in_all
    });
    assert_eq!(ack["p50_us"], median.unwrap().0);
    assert_eq!(ack["max_us"], recorded.last().unwrap().0);
    let servers: f64 = object["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["cpu_seconds"].as_f64().unwrap())
        .sum();
    assert!((object["servers"]["cpu_seconds"].as_f64().unwrap() - servers).abs() < 1e-9);
}

#[test]
fn a_page_needs_nothing_else_and_takes_no_markup_from_outside() {
    let mut hostile = outcome();
    let text = "</title><script src='http://example.org/x.js'>\"&";
    hostile.scenario = text.to_owned();
    hostile.target = text.to_owned();
    hostile.started_at = text.to_owned();
    hostile.settings.insert("body".to_owned(), text.into());
    hostile.processes[0].name = text.to_owned();
    hostile.processes[1].trouble = Some(text.to_owned());
    hostile.ending = Ending::Failed(text.to_owned());
    for outcome in [outcome(), hostile] {
        let html = page(&outcome).unwrap();
        let elements = markup::check(&html);
        let count = |name: &str| {
            elements
                .iter()
                .filter(|element| element.name == name)
                .count()
        };
        assert_eq!(
            count("script") + count("link") + count("img") + count("iframe"),
            0
        );
        for element in &elements {
            for (name, value) in &element.attributes {
                assert!(
                    !["src", "href", "style"].contains(&name.as_str()),
                    "{element:?}"
                );
                assert!(
                    !name.starts_with("on") && !value.contains("://"),
                    "{element:?}"
                );
            }
        }
        assert!(!html.contains("url(") && !html.contains("@import"));
        // throughput, logins, connections, and three charts for each time
        assert_eq!(count("svg"), 3 + 3 * 3);
        assert_eq!(count("figcaption"), count("figure"));
        let titles = [
            "Throughput",
            "Acknowledgement",
            "Delivery",
            "Login",
            "Servers",
        ];
        assert!(
            titles
                .iter()
                .all(|title| html.contains(&format!("<h2>{title}</h2>")))
        );
    }
}

#[test]
fn whatever_was_measured_a_page_can_be_made_of_it() {
    let whole = outcome();
    let with = |change: &dyn Fn(&mut Outcome)| {
        let mut outcome = whole.clone();
        change(&mut outcome);
        outcome
    };
    for outcome in [
        with(&|outcome| outcome.slices.clear()),
        with(&|outcome| outcome.slices.truncate(1)),
        with(&|outcome| {
            outcome.slices = vec![second(1, Phase::Run, 1), second(1, Phase::Run, 1)];
        }),
        with(&|outcome| outcome.seconds = 0.0),
        with(&|outcome| outcome.online = 0),
        with(&|outcome| {
            *outcome = Outcome {
                counts: Default::default(),
                timings: Default::default(),
                slices: Vec::new(),
                processes: Vec::new(),
                settings: Default::default(),
                ..outcome.clone()
            };
        }),
        with(&|outcome| outcome.slices = (1..=5_000).map(|at| second(at, Phase::Run, 3)).collect()),
        with(&|outcome| {
            let longest = std::time::Duration::from_secs(100_000);
            outcome.timings.record(Timing::Presence, longest);
            outcome
                .timings
                .record(Timing::History, std::time::Duration::ZERO);
        }),
    ] {
        let html = page(&outcome).unwrap();
        markup::check(&html);
        assert!(!html.contains("NaN") && !html.contains("inf,"), "{html}");
        assert!(html.len() < 2_000_000, "{} bytes", html.len());
        object(&outcome);
        assert!(!plain(&outcome).contains("NaN"));
    }
}

#[test]
fn a_page_goes_where_it_is_asked_for_and_a_wrong_place_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.html");
    write_page(&outcome(), &file).unwrap();
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    let nowhere = dir.path().join("not/there.html");
    let error = write_page(&outcome(), &nowhere).unwrap_err().to_string();
    assert!(
        error.contains("--html") && error.contains("not/there.html"),
        "{error}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn this_process_is_watched_and_what_it_takes_is_known() {
    let this = [("this test".to_owned(), std::process::id())];
    let mut watch = Watch::begin(None, &this).unwrap();
    watch.load_begins();
    let memory = vec![1_u8; 64 << 20];
    // more and more work, until it is enough for the kernel's clock of CPU time
    let mut work = 1;
    loop {
        let probe = Watch::begin(None, &this).unwrap();
        let ones = (0..work).map(|_| memory.iter().map(|one| u64::from(*one)).sum::<u64>());
        assert_eq!(ones.sum::<u64>(), work << 26);
        if probe.finish()[0].cpu_seconds() > 0.05 {
            break;
        }
        work *= 2;
    }
    watch.slice(&second(2, Phase::Run, 0));
    watch.slice(&second(3, Phase::Drain, 0));
    let usage = watch.finish();
    assert_eq!((usage.len(), usage[0].name.as_str()), (1, "this test"));
    assert!(usage[0].cpu_seconds() > 0.05, "{usage:?}");
    assert!(usage[0].growth() >= f64::from(32 << 20), "{usage:?}");
    assert!(
        usage[0].descriptors.unwrap() > 0 && usage[0].trouble.is_none(),
        "{usage:?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_started_again_is_not_mixed_up_with_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let run_json = dir.path().join("run.json");
    let start = || {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let end = |mut child: std::process::Child| {
        child.kill().unwrap();
        child.wait().unwrap();
    };
    let write = |pid: u32| {
        let entry =
            serde_json::json!([{"role": "msg_server", "index": 1, "pid": pid, "ports": {}}]);
        std::fs::write(&run_json, entry.to_string()).unwrap();
    };
    let first = start();
    write(first.id());
    let mut watch = Watch::begin(Some(&run_json), &[]).unwrap();
    watch.mark_run();
    let first_pid = first.id();
    end(first);
    let second = start();
    write(second.id());
    watch.end_run();
    let usage = watch.finish();
    assert_eq!(
        (usage[0].name.as_str(), usage[0].pid),
        ("msg_server 1", first_pid)
    );
    let trouble = usage[0].trouble.as_deref().unwrap();
    assert!(
        trouble.contains(&format!("process {}", second.id())),
        "{trouble}"
    );
    end(second);
    // and one that is not there is an error that names it
    let error = format!("{:#}", Watch::begin(Some(&run_json), &[]).unwrap_err());
    assert!(error.contains("msg_server 1"), "{error}");
    let error = format!(
        "{:#}",
        Watch::begin(Some(&dir.path().join("no.json")), &[]).unwrap_err()
    );
    assert!(
        error.contains("no.json") && error.contains("--run"),
        "{error}"
    );
}

/// The program with these arguments; its exit code and its words on standard error.
fn fuzzer(arguments: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pdu-fuzzer"))
        .args(arguments)
        .stdout(stdout)
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), words)
}

#[test]
fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
    let print = ["load", "--print-scenario", "one-to-one"];
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(fuzzer(&print, writer), (Some(0), String::new()));

    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::create("/dev/full").unwrap();
        let (code, words) = fuzzer(&print, full);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains("standard output"), "{words}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("not/there.html");
    let (code, words) = fuzzer(
        &[
            "load",
            "one-to-one",
            "--msg-server",
            &target,
            "--html",
            page.to_str().unwrap(),
        ],
        Stdio::piped(),
    );
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("--html"), "{words}");
    listener.set_nonblocking(true).unwrap();
    let nobody = listener.accept().unwrap_err().kind();
    assert_eq!(nobody, std::io::ErrorKind::WouldBlock);
}

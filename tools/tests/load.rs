//! `pdu-fuzzer load` against servers that lose, double, change the order, hang, refuse and die: it reports exactly that.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "load/fake.rs"]
mod fake;

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Instant;

use fake::{Fault, HANG, login_server, serve};
use tools::client::TlsArgs;
use tools::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use tools::fuzzer::observer::Observer;
use tools::fuzzer::outcome::{Counter, Ending, Outcome, Phase, Slice, Timing};
use tools::fuzzer::permit::Permit;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pdu-fuzzer");

/// demo1 writes 100 messages to demo2, one after the other; demo3 and demo4 are there.
const PAIR: &str = "
name = \"pair\"
users = 4
seconds = 60
drain-seconds = 1
answer-seconds = 1
[one-to-one]
pairs = 1
messages = 100
";

fn at(address: SocketAddr) -> Target {
    Target {
        place: Place::Servers(vec![address.to_string()]),
        permit: Permit::LOOPBACK,
        password: "demo".to_owned(),
        tls: TlsArgs::default(),
        program: Some(PROGRAM.into()),
    }
}

fn run(text: &str, target: &Target) -> Outcome {
    let scenario = Scenario::parse(text).unwrap();
    play(&scenario, target, &mut (), StopToken::default()).unwrap()
}

fn run_pair(fault: Fault) -> Outcome {
    run(PAIR, &at(serve(fault)))
}

/// The counters that have to do with messages, without the zeros.
fn messages(outcome: &Outcome) -> Vec<(&'static str, u64)> {
    let others = [Counter::Connected, Counter::LoggedIn];
    let counts = outcome.counts.iter();
    let counts = counts.filter(|(counter, _)| !others.contains(counter));
    counts
        .map(|(counter, count)| (counter.name(), count))
        .collect()
}

#[test]
fn a_server_that_does_everything_right_is_said_to() {
    let outcome = run_pair(Fault::None);
    assert_eq!(outcome.ending, Ending::Complete);
    let wanted = [
        ("sent", 100),
        ("acked", 100),
        ("expected", 100),
        ("delivered", 100),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert!(!outcome.counts.is_broken_promise());
    assert_eq!(outcome.online, 4);
    for timing in [Timing::Ack, Timing::Delivery] {
        assert_eq!(outcome.timings.get(timing).unwrap().len(), 100);
    }
    assert_eq!(outcome.timings.get(Timing::Login).unwrap().len(), 4);
}

#[test]
fn what_is_lost_is_counted() {
    let outcome = run_pair(Fault::Loses);
    let wanted = [
        ("sent", 100),
        ("acked", 100),
        ("expected", 100),
        ("delivered", 90),
        ("lost", 10),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert!(outcome.counts.is_broken_promise());
    assert_eq!(outcome.ending, Ending::Complete);
}

#[test]
fn what_comes_twice_is_counted() {
    let outcome = run_pair(Fault::Doubles);
    assert_eq!(outcome.counts[Counter::Doubled], 10);
    assert_eq!(outcome.counts[Counter::Delivered], 100);
    let acked_twice = run_pair(Fault::AcksTwice);
    assert_eq!(acked_twice.counts[Counter::Doubled], 10);
    assert_eq!(acked_twice.counts[Counter::Acked], 100);
    // Both the sender and the receiver see an id that another message has.
    let same_id = run_pair(Fault::SameId);
    assert_eq!(same_id.counts[Counter::Doubled], 20);
}

#[test]
fn what_comes_behind_a_later_message_is_counted() {
    let outcome = run_pair(Fault::Swaps);
    assert_eq!(outcome.counts[Counter::OutOfOrder], 10);
    assert_eq!(outcome.counts[Counter::Delivered], 100);
    assert_eq!(outcome.counts[Counter::Lost], 0);
}

#[test]
fn what_somebody_else_is_told_is_counted() {
    let outcome = run_pair(Fault::Strays);
    assert_eq!(outcome.counts[Counter::Misdelivered], 10);
    assert!(outcome.counts.is_broken_promise());
}

#[test]
fn what_is_not_acknowledged_is_given_up_and_is_no_loss() {
    let text = PAIR.replace("messages = 100", "messages = 20");
    let outcome = run(&text, &at(serve(Fault::NoAck)));
    let wanted = [
        ("sent", 20),
        ("acked", 18),
        ("unanswered", 2),
        ("expected", 18),
        ("delivered", 20),
        ("delivered_unacked", 2),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert!(!outcome.counts.is_broken_promise());
}

#[test]
fn a_message_that_is_refused_is_no_acknowledged_one() {
    let outcome = run_pair(Fault::Denies);
    let wanted = [
        ("sent", 100),
        ("acked", 90),
        ("refused", 10),
        ("expected", 90),
        ("delivered", 90),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert_eq!(outcome.ending, Ending::Complete);
}

#[test]
fn a_server_that_refuses_everything_is_no_target() {
    let outcome = run_pair(Fault::DeniesAll);
    let why = "all of 100 messages were refused".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
}

#[test]
fn after_a_storm_it_is_measured_when_all_are_back() {
    let text = "
name = \"storm\"
users = 6
seconds = 1
[storm]
after-seconds = 0.1
share = 0.5
";
    let outcome = run(text, &at(serve(Fault::None)));
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::LoggedIn], 6 + 3);
    let back = outcome.timings.get(Timing::Back).unwrap();
    let logins = outcome.timings.get(Timing::Login).unwrap();
    assert_eq!((back.len(), logins.len()), (1, 3));
    assert!(back.max() >= logins.max());
}

#[test]
fn a_process_without_a_message_waits_for_nothing() {
    let text = "
name = \"two\"
users = 8
processes = 2
seconds = 3600
[one-to-one]
messages = 1
";
    let outcome = run(text, &at(serve(Fault::None)));
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::Delivered], 1);
}

#[test]
fn a_server_that_hangs_is_seen_in_every_message_that_was_due_meanwhile() {
    let text = PAIR.replace("messages = 100", "messages = 200\nrate = 200.0");
    let outcome = run(&text, &at(serve(Fault::Hangs)));
    let acks = outcome.timings.get(Timing::Ack).unwrap();
    assert_eq!(acks.len(), 200);
    // 80 turns come while it hangs, and half of them wait for half of that or longer.
    let half = HANG.as_micros() as u64 / 2;
    assert!(acks.count_between(half, u64::MAX) >= 30);
}

#[test]
fn a_server_that_hangs_until_the_end_is_seen_in_the_times_and_in_the_ending() {
    let text = PAIR.replace("messages = 100", "messages = 20\nwindow = 10");
    let outcome = run(&text, &at(serve(Fault::Freezes)));
    let why = "6 messages were not answered before the run ended".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
    assert_eq!(outcome.counts[Counter::Acked], 14);
    assert_eq!(outcome.counts[Counter::Unanswered], 6);
    let acks = outcome.timings.get(Timing::Ack).unwrap();
    assert_eq!(acks.len(), 20);
    // They were waited for as long as the scenario says, and were open when it ended.
    assert_eq!(acks.count_between(1_000_000, u64::MAX), 6);
}

#[test]
fn a_target_that_dies_leaves_what_was_measured() {
    let outcome = run_pair(Fault::Dies);
    let Ending::Failed(why) = &outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(why.contains("every connection is gone"), "{why}");
    assert_eq!(outcome.counts[Counter::Acked], 29);
    assert_eq!(outcome.counts[Counter::Unanswered], 1);
    assert_eq!(outcome.counts[Counter::Dropped], 4);
    assert_eq!(outcome.counts[Counter::Lost], 0);
    assert!(outcome.slices.iter().any(|slice| slice.phase == Phase::Run));
}

#[test]
fn a_target_that_dies_with_the_last_message_is_seen() {
    let text = PAIR.replace("messages = 100", "messages = 30");
    let outcome = run(&text, &at(serve(Fault::Dies)));
    let why = "4 of 4 connections were lost".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
    assert_eq!(outcome.counts[Counter::Acked], 29);
}

#[test]
fn a_wrong_password_is_said_with_the_servers_words() {
    let outcome = run_pair(Fault::Refuses);
    let Ending::Failed(why) = &outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(
        why.contains("code 6") && why.contains("wrong password"),
        "{why}"
    );
    assert_eq!(outcome.counts[Counter::LoginFailed], 4);
}

#[test]
fn a_server_without_tokens_cannot_be_asked_to_resume() {
    let text = "name = \"x\"\nusers = 4\n[logins]\nresumed = true\nhold = false\n";
    let outcome = run(text, &at(serve(Fault::None)));
    let Ending::Failed(why) = &outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(why.contains("does not hand out tokens"), "{why}");
}

#[test]
fn a_group_message_is_expected_on_every_device_that_is_online() {
    let text = "
name = \"groups\"
users = 10
seconds = 60
[group]
size = 5
online-share = 0.6
senders = 2
messages = 40
";
    let outcome = run(text, &at(serve(Fault::None)));
    assert_eq!(outcome.ending, Ending::Complete);
    let wanted = [
        ("sent", 40),
        ("acked", 40),
        ("expected", 80),
        ("delivered", 80),
    ];
    assert_eq!(messages(&outcome), wanted);
}

#[test]
fn several_processes_share_the_users() {
    let text = "
name = \"two\"
users = 8
processes = 2
seconds = 60
[one-to-one]
messages = 100
";
    let outcome = run(text, &at(serve(Fault::None)));
    assert_eq!(outcome.ending, Ending::Complete);
    let wanted = [
        ("sent", 100),
        ("acked", 100),
        ("expected", 100),
        ("delivered", 100),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert_eq!(outcome.online, 8);
}

#[test]
fn a_process_that_ends_early_ends_the_run() {
    let mut target = at(serve(Fault::None));
    target.program = Some("false".into());
    let text = "name = \"x\"\nusers = 8\nprocesses = 2\n[one-to-one]\n";
    let outcome = run(text, &target);
    let Ending::Failed(why) = &outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(why.contains("process 0 of this tool ended"), "{why}");
}

/// When the load began and when its first slice ended, in milliseconds since the start.
struct Begin {
    start: Instant,
    load: Vec<u64>,
    first_slice: Option<u64>,
}

impl Observer for Begin {
    fn load_begins(&mut self) {
        self.load.push(self.start.elapsed().as_millis() as u64);
    }

    fn slice(&mut self, slice: &Slice) {
        if slice.phase == Phase::Run {
            self.first_slice.get_or_insert(slice.at_ms);
        }
    }
}

#[test]
fn who_looks_on_is_told_of_the_load_before_it_begins() {
    for processes in [1, 2] {
        let text = format!(
            "
name = \"begin\"
users = 8
processes = {processes}
seconds = 60
[one-to-one]
messages = 100
rate = 100.0
"
        );
        let scenario = Scenario::parse(&text).unwrap();
        let mut begin = Begin {
            start: Instant::now(),
            load: Vec::new(),
            first_slice: None,
        };
        let target = at(serve(Fault::None));
        let outcome = play(&scenario, &target, &mut begin, StopToken::default()).unwrap();
        assert_eq!(outcome.ending, Ending::Complete);
        let first_slice = begin.first_slice.unwrap();
        assert!(
            matches!(begin.load[..], [load] if load < first_slice),
            "{processes} processes: {:?}, {first_slice}",
            begin.load
        );
    }
}

/// Stops the run when some of the load was measured.
struct StopInTheLoad(StopToken);

impl Observer for StopInTheLoad {
    fn load_begins(&mut self) {}

    fn slice(&mut self, slice: &Slice) {
        if slice.phase == Phase::Run {
            self.0.stop();
        }
    }
}

#[test]
fn a_run_that_is_stopped_keeps_its_balance() {
    let text = PAIR.replace("messages = 100", "window = 4");
    let scenario = Scenario::parse(&text).unwrap();
    let stop = StopToken::default();
    let mut stop_in_the_load = StopInTheLoad(stop.clone());
    let target = at(serve(Fault::None));
    let outcome = play(&scenario, &target, &mut stop_in_the_load, stop).unwrap();
    assert_eq!(outcome.ending, Ending::Interrupted);
    let acked = outcome.counts[Counter::Acked];
    assert!(acked > 0 && !outcome.counts.is_broken_promise());
    assert_eq!(outcome.counts[Counter::Delivered], acked);
    assert_eq!(outcome.counts[Counter::Sent], acked);
}

#[test]
fn nothing_is_sent_to_strangers() {
    let refused = |place| {
        let target = Target {
            place,
            ..at(([127, 0, 0, 1], 1).into())
        };
        let scenario = Scenario::parse(PAIR).unwrap();
        let error = play(&scenario, &target, &mut (), StopToken::default()).unwrap_err();
        format!("{error:#}")
    };
    for place in [
        Place::Servers(vec!["192.0.2.1:8000".to_owned()]),
        Place::Login("http://192.0.2.1:8080".to_owned()),
    ] {
        let error = refused(place);
        assert!(error.contains("--i-own-this-target"), "{error}");
    }
    // Nor where a login_server sends one to.
    let login = login_server("192.0.2.1", 8000);
    let target = Target {
        place: Place::Login(format!("http://{login}")),
        ..at(login)
    };
    let Ending::Failed(why) = run(PAIR, &target).ending else {
        panic!("it was sent somewhere");
    };
    assert!(why.contains("--i-own-this-target"), "{why}");
}

#[test]
fn a_login_server_is_asked_for_each_connection() {
    let server = serve(Fault::None);
    let login = login_server("127.0.0.1", server.port());
    let target = Target {
        place: Place::Login(format!("http://{login}")),
        ..at(login)
    };
    let outcome = run(PAIR, &target);
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::Delivered], 100);
}

fn fuzzer(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(PROGRAM)
        .args(arguments)
        .env_remove("FERROTALK_PASSWORD")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_exit_code_tells_whether_everything_arrived() {
    let code = |fault| {
        let server = serve(fault).to_string();
        let arguments = ["load", "one-to-one", "--pairs", "1", "--messages", "20"];
        let target = ["--drain-seconds", "1", "--msg-server", &server];
        fuzzer(&[&arguments[..], &target[..]].concat())
    };
    assert_eq!(code(Fault::None).0, Some(0));
    assert_eq!(code(Fault::Loses).0, Some(1));
    assert_eq!(code(Fault::Refuses).0, Some(1));
}

#[test]
fn bad_input_is_an_error_in_words() {
    // A port that was just free has nobody behind it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap().to_string();
    drop(free);
    let (code, _, error) = fuzzer(&["load", "idle", "--msg-server", &nobody]);
    assert_eq!(code, Some(1));
    assert!(error.contains("nobody answers at"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "name = \"mine\"\nuserz = 3\n").unwrap();
    let (code, _, error) = fuzzer(&["load", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(error.contains("mine.toml"), "{error}");
    assert!(error.contains("userz"), "{error}");

    let (code, _, error) = fuzzer(&["load", "one-to-one", "--pairs", "1", "--seconds", "0"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("seconds"), "{error}");

    let (code, text, _) = fuzzer(&["load", "--print-scenario", "office"]);
    assert_eq!(code, Some(0));
    assert!(Scenario::parse(&text).is_ok());
    assert_eq!(fuzzer(&["load"]).0, Some(2));
}

#[test]
fn too_low_a_limit_of_files_is_said_before_anything_is_sent() {
    let server = serve(Fault::None);
    let line =
        format!("ulimit -n 128 && exec {PROGRAM} load idle --users 500 --msg-server {server}");
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("128 files"), "{error}");
    assert!(
        error.contains("--processes 8") && error.contains("ulimit -n"),
        "{error}"
    );
}

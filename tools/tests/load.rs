//! `pdu-fuzzer load` against servers that lose, double, change the order, hang, refuse and die: it reports exactly that.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "load/command_line.rs"]
mod command_line;
#[path = "load/course.rs"]
mod course;
#[path = "load/fake.rs"]
mod fake;
#[path = "load/hangs.rs"]
mod hangs;

use std::net::SocketAddr;

use fake::{Fault, HANG, serve};
use tools::client::TlsArgs;
use tools::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use tools::fuzzer::outcome::{Counter, Ending, Outcome, Phase, Timing};
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

//! Servers that fall silent: what was asked of them is in the times and in the ending, whatever it was.

use tools::fuzzer::outcome::{Counter, Ending, Timing};

use crate::fake::{Fault, HANG, serve};
use crate::{PAIR, at, run};

#[test]
fn logins_that_are_never_answered_are_in_the_times_and_in_the_ending() {
    // Everybody leaves at once and comes again, and nobody is let in a second time.
    let text = "
name = \"logins\"
users = 6
seconds = 2
drain-seconds = 1
[logins]
hold = false
concurrency = 3
";
    let outcome = run(text, &at(serve(Fault::LetsInOnce)));
    let why = "3 logins were not answered before the run ended".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
    assert_eq!(outcome.counts[Counter::LoggedIn], 6);
    let logins = outcome.timings.get(Timing::Login).unwrap();
    assert_eq!(logins.len(), 6 + 3);
    assert_eq!(logins.count_between(1_000_000, u64::MAX), 3);
}

#[test]
fn a_login_that_is_given_up_is_in_the_times() {
    let text = "
name = \"logins\"
users = 4
seconds = 3
drain-seconds = 1
answer-seconds = 1
[logins]
online = 3
hold = false
concurrency = 1
";
    let outcome = run(text, &at(serve(Fault::LetsInOnce)));
    let failed = outcome.counts[Counter::LoginFailed];
    assert!(failed > 0, "{:?}", outcome.counts);
    let logins = outcome.timings.get(Timing::Login).unwrap();
    assert!(logins.count_between(1_000_000, u64::MAX) >= failed);
}

#[test]
fn logins_under_way_when_the_load_ends_are_waited_for() {
    let text = "
name = \"logins\"
users = 3
seconds = 1
[logins]
hold = false
concurrency = 3
";
    // One login after the other takes its time, and three are always under way.
    let outcome = run(text, &at(serve(Fault::Ponders)));
    assert_eq!(outcome.ending, Ending::Complete);
    let logins = outcome.counts[Counter::LoggedIn];
    assert_eq!(outcome.counts[Counter::Connected], logins);
    let times = outcome.timings.get(Timing::Login).unwrap();
    assert_eq!(times.len(), logins);
    assert!(times.max() >= HANG.as_micros() as u64);
}

#[test]
fn a_storm_from_which_nobody_comes_back_is_no_success() {
    let text = "
name = \"storm\"
users = 6
seconds = 1
drain-seconds = 1
[storm]
after-seconds = 0.1
share = 0.5
";
    let outcome = run(text, &at(serve(Fault::LetsInOnce)));
    let why = "3 users were not back before the run ended".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
    let back = outcome.timings.get(Timing::Back).unwrap();
    assert_eq!(back.len(), 1);
    assert!(back.max() >= 1_000_000, "{}", back.max());
}

#[test]
fn pages_that_are_never_answered_are_in_the_times_and_in_the_ending() {
    let text = "
name = \"history\"
users = 4
seconds = 2
drain-seconds = 1
[history]
prefill = 0
";
    let outcome = run(text, &at(serve(Fault::HidesPages)));
    let why = "4 pages of history were not answered before the run ended".to_owned();
    assert_eq!(outcome.ending, Ending::Failed(why));
    assert_eq!(outcome.counts[Counter::HistoryRead], 39);
    assert_eq!(outcome.counts[Counter::RequestFailed], 4);
    let pages = outcome.timings.get(Timing::History).unwrap();
    assert_eq!(pages.len(), 39 + 4);
    assert_eq!(pages.count_between(1_000_000, u64::MAX), 4);
}

#[test]
fn what_was_unanswered_when_the_server_died_is_in_the_times() {
    let outcome = run(PAIR, &at(serve(Fault::Dies)));
    assert_eq!(outcome.counts[Counter::Acked], 29);
    assert_eq!(outcome.counts[Counter::Unanswered], 1);
    assert_eq!(outcome.timings.get(Timing::Ack).unwrap().len(), 30);
}

#[test]
fn a_load_with_a_number_of_messages_ends_with_the_last_one_after_a_hang() {
    // More turns come while the server hangs than there are messages left to write.
    let text = PAIR.replace("messages = 100", "messages = 1005\nrate = 4000.0");
    let text = text.replace("answer-seconds = 1", "answer-seconds = 30");
    let outcome = run(&text, &at(serve(Fault::Hangs)));
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::Acked], 1005);
    assert_eq!(outcome.counts[Counter::Skipped], 0);
    assert!(outcome.seconds < 60.0, "{}", outcome.seconds);
}

//! `pdu-fuzzer fuzz` finds what is wrong with a server, makes it small, and says so.
//!
//! The servers are processes of their own: this very program, which plays one when it is told to. They are broken on
//! purpose, each in one way, and are started again when they die.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuzz/broken.rs"]
mod broken;

#[path = "fuzz/lab.rs"]
mod lab;

use broken::Fault;
use lab::Lab;
use proto::header::HEADER_LEN;

#[test]
fn a_server_without_faults_passes() {
    let lab = Lab::new(Fault::None);
    let run = lab.fuzz(&["--rounds", "3", "--seed", "5"]);
    assert_eq!(run.code, 0, "{}", run.said);
    assert_eq!(run.summary()["findings"], serde_json::json!([]));
    assert_eq!(run.summary()["rounds"], 3);
    assert_eq!(run.summary()["dialect"], "client");
    assert!(run.said.contains("by its answers"), "{}", run.said);
    assert!(lab.kept() > 5, "{}", run.said);
}

#[test]
fn a_panic_is_found_and_its_frame_remains() {
    let lab = Lab::new(Fault::Panic);
    let run = lab.fuzz(&["--rounds", "40", "--seed", "1", "--most-findings", "1"]);
    assert_eq!(run.code, 1, "{}", run.said);
    let finding = run.finding();
    assert_eq!(finding["trouble"]["kind"], "died");
    let frames = run.minimal_frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    // The server fails on any body of four bytes.
    assert_eq!(frames[0].len(), HEADER_LEN + 4, "{frames:?}");
    assert_eq!(frames[0][10..12], broken::PANICS_AT.0.to_be_bytes());

    let replayed = lab.replay(&run.minimal_path());
    assert_eq!(replayed.code, 1, "{}", replayed.said);
}

#[test]
fn a_server_that_hangs_is_found() {
    let lab = Lab::new(Fault::Hang);
    // Each attempt that shows it takes as long as the server hangs.
    let few = ["--minimise-attempts", "5", "--probe-seconds", "1"];
    let bounds = ["--rounds", "40", "--seed", "2", "--most-findings", "1"];
    let run = lab.fuzz(&[bounds.as_slice(), &few].concat());
    assert_eq!(run.code, 1, "{}", run.said);
    assert_eq!(run.finding()["trouble"]["kind"], "no_service");
    let mut commands = run
        .minimal_frames()
        .into_iter()
        .filter_map(|frame| frame.get(10..12).map(<[u8]>::to_vec));
    assert!(
        commands.any(|id| id == broken::HANGS_AT.0.to_be_bytes()),
        "{}",
        run.said
    );
}

#[test]
fn memory_that_grows_is_found() {
    let lab = Lab::new(Fault::Leak);
    // memory that has grown stays so: there is little to learn from playing it again
    let limit = ["--memory-limit-mb", "64", "--minimise-attempts", "1"];
    let bounds = ["--rounds", "200", "--seed", "3", "--most-findings", "1"];
    let run = lab.fuzz(&[bounds.as_slice(), &limit].concat());
    assert_eq!(run.code, 1, "{}", run.said);
    let finding = run.finding();
    assert_eq!(finding["trouble"]["kind"], "memory");
    let grown = |when: &str| finding["trouble"][when].as_u64().unwrap();
    assert!(grown("after") - grown("before") > 64 << 20, "{finding}");
}

#[test]
fn descriptors_that_stay_open_are_found() {
    let lab = Lab::new(Fault::Descriptors);
    let run = lab.fuzz(&[
        "--rounds",
        "60",
        "--seed",
        "4",
        "--most-findings",
        "1",
        // an attempt takes as long as descriptors may take to be closed
        "--minimise-attempts",
        "1",
    ]);
    assert_eq!(run.code, 1, "{}", run.said);
    assert_eq!(run.finding()["trouble"]["kind"], "descriptors");
}

#[test]
fn an_answer_that_is_no_frame_is_found() {
    let lab = Lab::new(Fault::Garble);
    let run = lab.fuzz(&["--rounds", "20", "--seed", "6", "--most-findings", "1"]);
    assert_eq!(run.code, 1, "{}", run.said);
    assert_eq!(run.finding()["trouble"]["kind"], "garbled");
    let frames = run.minimal_frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0].len(), HEADER_LEN, "{frames:?}");
}

#[test]
fn an_error_in_the_log_is_found() {
    let lab = Lab::new(Fault::Complain);
    let log = lab.log();
    let run = lab.fuzz(&[
        "--rounds",
        "8",
        "--seed",
        "7",
        "--most-findings",
        "1",
        "--log",
        &log,
    ]);
    assert_eq!(run.code, 1, "{}", run.said);
    let finding = run.finding();
    assert_eq!(finding["trouble"]["kind"], "log");
    assert!(
        finding["log_tail"].to_string().contains("cannot be"),
        "{finding}"
    );
    let allowed = lab.fuzz(&[
        "--rounds",
        "2",
        "--seed",
        "7",
        "--log",
        &log,
        "--allow-log",
        "cannot be",
    ]);
    assert_eq!(allowed.code, 0, "{}", allowed.said);
}

#[test]
fn a_target_that_stays_away_ends_the_run_and_what_was_found_is_kept() {
    let lab = Lab::mortal(Fault::Panic);
    let run = lab.fuzz(&[
        "--rounds",
        "40",
        "--seed",
        "1",
        "--patience-seconds",
        "1",
        "--probe-seconds",
        "1",
    ]);
    assert_eq!(run.code, 1, "{}", run.said);
    assert_eq!(run.summary()["ending"], "the target did not come back");
    assert_eq!(run.finding()["trouble"]["kind"], "died");
    let whole = run.finding()["whole"].as_str().unwrap().to_owned();
    assert!(std::fs::metadata(whole).unwrap().len() > 0);
}

#[test]
fn what_cannot_be_begun_says_why() {
    let refused = |arguments: &[&str], wanted: &str| {
        let run = lab::run(arguments);
        assert_eq!(run.code, 2, "{}", run.said);
        assert!(run.said.contains(wanted), "{}", run.said);
    };
    refused(&["--target", "192.0.2.1:8000"], "--i-own-this-target");
    refused(&["--target", "127.0.0.1"], "HOST:PORT");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    refused(&["--target", &nobody.to_string()], "cannot be reached");
    let dir = tempfile::tempdir().unwrap();
    refused(
        &["--run", dir.path().to_str().unwrap(), "--all"],
        "ferrotalk up",
    );

    let lab = Lab::new(Fault::None);
    // Nor is a stranger's login_server asked, however often.
    let run = lab.fuzz(&["--login", "http://192.0.2.1:8080"]);
    assert_eq!(run.code, 2, "{}", run.said);
    assert!(run.said.contains("--i-own-this-target"), "{}", run.said);

    let users = dir.path().join("users.txt");
    std::fs::write(&users, "demo1 wrong\ndemo2 wrong\n").unwrap();
    let run = lab.fuzz(&["--users", users.to_str().unwrap()]);
    assert_eq!(run.code, 2, "{}", run.said);
    assert!(run.said.contains("logging in as demo1"), "{}", run.said);
}

/// Not a test of its own: the process that [`Lab`] starts.
#[test]
fn server_of_the_lab() {
    broken::serve_if_told();
}

//! The program itself: its exit codes, and what it says of bad input.

use std::process::{Command, Output};

use tools::fuzzer::load::Scenario;

use crate::PROGRAM;
use crate::fake::{Fault, serve};

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

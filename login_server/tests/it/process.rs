//! The program as an operator runs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_login_server"));
    program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("FERROTALK_CLIENTS__HTTP", "127.0.0.1:0")
        .env("FERROTALK_CLIENTS__TCP", "127.0.0.1:0")
        .env("FERROTALK_SERVERS__LISTEN", "127.0.0.1:0")
        .env("FERROTALK_ADMIN__LISTEN", "127.0.0.1:0");
    program
}

/// Starts the program and waits until it says that it runs. Its log stays open with what is returned.
fn running(program: &mut Command) -> (Child, BufReader<ChildStderr>) {
    let mut child = program.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("running") {
        line.clear();
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "it ended before it ran"
        );
    }
    (child, log)
}

/// Reads the log to its end and waits.
fn end(mut child: Child, log: BufReader<ChildStderr>) -> (ExitStatus, String) {
    let rest: String = log.lines().map_while(Result::ok).collect();
    (child.wait().unwrap(), rest)
}

#[test]
fn sigterm_ends_it_cleanly() {
    let (child, log) = running(&mut program());
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    let (status, log) = end(child, log);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("SIGTERM"), "{log}");
}

#[test]
fn it_ends_with_its_parent_when_told_so() {
    let (mut child, log) = running(program().arg("--exit-with-parent"));
    drop(child.stdin.take());
    let (status, log) = end(child, log);
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_bad_configuration_is_64_and_names_the_key() {
    for (name, value, key) in [
        ("FERROTALK_SERVERS__LISTEN", "", "servers.listen"),
        ("FERROTALK_LIMITS__CONNECTIONS", "0", "limits.connections"),
        ("FERROTALK_LIMITS__ENABLED", "perhaps", "limits.enabled"),
    ] {
        let output = program()
            .env(name, value)
            .arg("--check-config")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn a_port_that_is_taken_is_1_and_names_the_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program()
        .env("FERROTALK_CLIENTS__HTTP", &address)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("clients.http") && text.contains(&address),
        "{text}"
    );
}

#[test]
fn the_printed_default_explains_every_key() {
    let output = program().arg("--print-default-config").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for key in [
        "http = \"127.0.0.1:8080\"",
        "tcp = \"127.0.0.1:8008\"",
        "listen = \"127.0.0.1:8100\"",
        "msfs = \"\"",
        "discovery = \"\"",
        "enabled = true",
        "connections = 10000",
    ] {
        let at = text
            .find(&format!("\n{key}\n"))
            .unwrap_or_else(|| panic!("{key}: {text}"));
        let comment = text[..at].lines().last().unwrap();
        assert!(comment.starts_with("# "), "{key} is not explained");
    }
}

//! A bare relay carries what `pdu-fuzzer load` sends, every message once.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use tools::fuzzer::relay::Relay;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pdu-fuzzer");

#[test]
fn every_message_passes_once_with_an_id_of_its_own() {
    let relay = Relay::start(Path::new(PROGRAM), 0, 2).unwrap();
    let mut load = Command::new(PROGRAM);
    load.args(["load", "one-to-one", "--users", "20", "--messages", "2000"]);
    load.args(["--json", "--quiet"]);
    for edge in relay.edges() {
        load.arg("--msg-server").arg(edge.to_string());
    }
    let output = load.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| report["counts"][name].as_u64().unwrap_or(0);
    assert_eq!(count("acked"), 2_000, "{report}");
    assert_eq!(count("delivered"), 2_000, "{report}");
    for broken in ["lost", "doubled", "out_of_order", "misdelivered"] {
        assert_eq!(count(broken), 0, "{broken}");
    }
}

#[test]
fn its_processes_end_with_it() {
    let relay = Relay::start(Path::new(PROGRAM), 0, 1).unwrap();
    let processes = relay.processes();
    assert_eq!(processes.len(), 3);
    drop(relay);
    for (name, pid) in processes {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{name}");
    }
}

//! `ferrotalk user` and `ferrotalk department`, on a store without servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Shell {
    folder: TempDir,
}

impl Shell {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs a command to its end: whether it succeeded, and what it said.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrotalk"))
            .args(arguments)
            .arg("--dir")
            .arg(self.folder.path())
            .env_remove("FERROTALK_STORE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    fn done(&self, arguments: &[&str]) -> String {
        let (done, said) = self.run(arguments);
        assert!(done, "{arguments:?}: {said}");
        said
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let (done, said) = self.run(arguments);
        assert!(!done, "{arguments:?}: {said}");
        said
    }

    fn list(&self, what: &str) -> Vec<Value> {
        let said = self.done(&[what, "list", "--json"]);
        let lines = said.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

#[test]
fn departments_are_made_listed_and_removed() {
    let shell = Shell::new();
    let said = shell.refused(&["department", "list"]);
    assert!(said.contains("no ferrotalk.db"), "{said}");
    assert!(
        shell
            .done(&["department", "add", "Sales"])
            .contains("department 1")
    );
    shell.done(&[
        "department",
        "add",
        "North",
        "--parent",
        "Sales",
        "--priority",
        "7",
    ]);
    let listed = shell.list("department");
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[1]["name"], &listed[1]["parent"]),
        (&"North".into(), &1.into())
    );
    assert_eq!(listed[1]["priority"], 7);
    let said = shell.refused(&["department", "add", "x", "--parent", "Nowhere"]);
    assert!(said.contains("Nowhere"), "{said}");
    let said = shell.refused(&["department", "remove", "Sales"]);
    assert!(said.contains("below"), "{said}");
    shell.done(&["department", "remove", "2"]);
    shell.done(&["department", "remove", "Sales"]);
    assert!(shell.list("department").is_empty());
}

#[test]
fn a_user_is_set_to_what_is_named() {
    let shell = Shell::new();
    shell.done(&["user", "add", "anna", "--password-stdin"]);
    shell.done(&["department", "add", "Sales"]);
    shell.done(&[
        "user",
        "set",
        "anna",
        "--nick",
        "Anna",
        "--department",
        "Sales",
    ]);
    let listed = &shell.list("user")[0];
    assert_eq!(
        (&listed["nick"], &listed["department"]),
        (&"Anna".into(), &1.into())
    );
    let more = [
        "--email",
        "a@example.org",
        "--tel",
        "1",
        "--gender",
        "female",
    ];
    let set = [&["user", "set", "anna", "--status", "left"], &more[..]].concat();
    shell.done(&set);
    let listed = &shell.list("user")[0];
    assert_eq!(
        (&listed["nick"], &listed["status"]),
        (&"Anna".into(), &3.into())
    );
    for wrong in [
        &["user", "set", "anna"][..],
        &["user", "set", "bert", "--nick", "Bert"],
        &["user", "set", "anna", "--department", "Nowhere"],
        &["user", "set", "anna", "--status", "away"],
    ] {
        shell.refused(wrong);
    }
}

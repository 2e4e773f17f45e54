//! `ferrotalk migrate`, `backup`, `restore` and `import`, as typed in a shell. What they do is tested with db_proxy; this is
//! about what is said and how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

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

    /// Runs a command in the folder: whether it succeeded, stdout, stderr.
    fn run(&self, arguments: &str) -> (bool, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_ferrotalk"))
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("FERROTALK_STORE")
            .env("FERROTALK_PASSWORD", "secret")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn done(&self, arguments: &str) -> String {
        let (done, stdout, stderr) = self.run(arguments);
        assert!(done, "{arguments}: {stderr}");
        stdout
    }

    fn refused(&self, arguments: &str) -> String {
        let (done, stdout, stderr) = self.run(arguments);
        assert!(!done, "{arguments}: {stdout}");
        stderr
    }
}

#[test]
fn a_store_is_moved_and_says_so() {
    let shell = Shell::new();
    shell.done("user add anna --store sqlite:a.db");
    shell.done("department add Sales --store sqlite:a.db");
    let rehearsed = shell.done("migrate --from sqlite:a.db --dry-run");
    assert!(
        rehearsed.contains("1  users would be written"),
        "{rehearsed}"
    );
    assert!(rehearsed.contains("Nothing was written"), "{rehearsed}");

    let summary = shell.done("migrate --from sqlite:a.db --to sqlite:b.db --json");
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["written"]["users"], 1);
    assert_eq!(summary["verified"], true);
    let again = shell.done("migrate --from sqlite:a.db --to sqlite:b.db");
    assert!(again.contains("Verified:"), "{again}");
    let users = shell.done("user list --store sqlite:b.db");
    assert!(users.contains("anna"), "{users}");

    shell.done("user add bert --store sqlite:b.db");
    let differs = shell.run("migrate --from sqlite:a.db --to sqlite:b.db");
    assert!(!differs.0);
    assert!(
        differs.1.contains("users: 2 rows, expected 1"),
        "{}",
        differs.1
    );

    shell.done("user add carl --store sqlite:c.db");
    let occupied = shell.refused("migrate --from sqlite:a.db --to sqlite:c.db");
    assert!(occupied.contains("already holds users"), "{occupied}");
    let same = shell.refused("migrate --from sqlite:a.db --to sqlite:./a.db");
    assert!(same.contains("the same store"), "{same}");
    let missing = shell.refused("migrate --from sqlite:nowhere.db --to sqlite:d.db");
    assert!(missing.contains("nowhere.db does not exist"), "{missing}");
}

#[test]
fn a_backup_is_made_and_restored() {
    let shell = Shell::new();
    shell.done("user add anna --store sqlite:a.db");
    let made = shell.done("backup --from sqlite:a.db --to b.db");
    assert!(made.contains("checked"), "{made}");
    let exists = shell.refused("backup --from sqlite:a.db --to b.db");
    assert!(exists.contains("--force"), "{exists}");
    shell.done("user add bert --store sqlite:a.db");
    let exists = shell.refused("restore --from b.db --to sqlite:a.db");
    assert!(exists.contains("--force"), "{exists}");
    let restored = shell.done("restore --from b.db --to sqlite:a.db --force");
    assert!(restored.contains("new epoch"), "{restored}");
    let users = shell.done("user list --store sqlite:a.db");
    assert!(users.contains("anna") && !users.contains("bert"), "{users}");
    let epoch = shell.done("restore --new-epoch sqlite:a.db");
    assert!(epoch.contains("has epoch"), "{epoch}");
    let mysql = shell.refused("backup --from mysql://root:secret@127.0.0.1/x --to c.db");
    assert!(
        mysql.contains("mysqldump") && !mysql.contains("secret"),
        "{mysql}"
    );
}

#[test]
fn a_source_that_is_none_makes_no_target() {
    let shell = Shell::new();
    let gone = shell.refused(
        "import teamtalk --from mysql://root:secret@127.0.0.1:1/teamtalk --to sqlite:a.db",
    );
    assert!(
        gone.contains("cannot reach the source 127.0.0.1:1"),
        "{gone}"
    );
    assert!(!gone.contains("secret"), "{gone}");
    assert!(!shell.folder.path().join("a.db").exists());
    let folder = shell.refused(
        "import teamtalk --from mysql://root@127.0.0.1:1/teamtalk --dry-run --audio-dir nowhere",
    );
    assert!(folder.contains("--audio-dir nowhere"), "{folder}");
}

/// What did not come to its end is no source, and has no epoch that anybody could trust.
#[test]
fn an_unfinished_transfer_is_not_moved_on() {
    let shell = Shell::new();
    shell.done("user add anna --store sqlite:a.db");
    shell.done("migrate --from sqlite:a.db --to sqlite:b.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}", shell.folder.path().join("b.db").display());
        let store = db_proxy::store::open_archive(&url, None).await.unwrap();
        let note = store.note().await.unwrap().unwrap();
        let unfinished = note.replace("\"finished\":true", "\"finished\":false");
        let noted = store.import(&[], Some(&note), &unfinished).await.unwrap();
        assert!(noted);
        store.close().await;
    });
    for refused in [
        "migrate --from sqlite:b.db --to sqlite:c.db",
        "migrate --from sqlite:b.db --dry-run",
        "restore --new-epoch sqlite:b.db",
    ] {
        let refused = shell.refused(refused);
        assert!(refused.contains("did not come to its end"), "{refused}");
    }
    let (made, _, warned) = shell.run("backup --from sqlite:b.db --to d.db");
    assert!(made && warned.contains("warning:"), "{warned}");
}

/// A mistyped path is no empty store, and one that is made is told of.
#[test]
fn a_store_is_made_where_an_account_is_and_not_where_one_is_looked_for() {
    let shell = Shell::new();
    for looked_for in [
        "user list",
        "user passwd anna",
        "department list",
        "invite list",
    ] {
        let said = shell.refused(&format!("{looked_for} --store sqlite:a.db"));
        assert!(said.contains("there is no store /"), "{said}");
    }
    assert!(!shell.folder.path().join("a.db").exists());
    let (done, _, said) = shell.run("user add anna --store sqlite:a.db");
    assert!(done && said.contains("it is made"), "{said}");
    let (done, _, said) = shell.run("user add bert --store sqlite:a.db");
    assert!(done && said.is_empty(), "{said}");
}

/// `ca.key` is kept elsewhere, as the handbook advises: without it nothing is renewed, and the CA stays.
#[test]
fn a_ca_whose_key_is_away_is_not_replaced() {
    let shell = Shell::new();
    shell.done("cert dev --dir tls");
    let ca = || std::fs::read(shell.folder.path().join("tls/ca.pem")).unwrap();
    let before = ca();
    std::fs::remove_file(shell.folder.path().join("tls/ca.key")).unwrap();
    shell.done("cert dev --dir tls");
    let said = shell.refused("cert dev --dir tls --renew");
    assert!(said.contains("ca.key"), "{said}");
    assert_eq!(ca(), before);
}

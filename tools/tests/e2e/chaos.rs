//! `ferrotalk chaos` breaks an installation of its own and finds that everything held; `ferrotalk restart` rolls one that is in
//! use.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tools::client::Device;
use tools::cluster::{Counts, Role};

use crate::person::Person;
use crate::world::{FERROTALK, World, place, soon};

async fn ferrotalk(args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(FERROTALK);
    let running = command.args(args).kill_on_drop(true).output();
    running.await.unwrap()
}

/// Runs chaos and gives its verdict.
async fn chaos(args: &[&str]) -> Value {
    let _place = place().await;
    let small = [
        "chaos",
        "--json",
        "--pairs",
        "4",
        "--groups",
        "2",
        "--group-size",
        "4",
        "--rate",
        "60",
    ];
    let output = ferrotalk(&[&small, args].concat()).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success(), "{said}");
    verdict
}

#[tokio::test]
async fn what_was_promised_holds_while_processes_die_stop_and_lose_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let history = dir.path().join("history");
    let verdict = chaos(&[
        "--seed",
        "1",
        "--faults",
        "5",
        "--pause",
        "500",
        "--history",
        history.to_str().unwrap(),
    ])
    .await;
    let summary = &verdict["summary"];
    assert_eq!(verdict["held"], true);
    assert_eq!(summary["faults"].as_array().unwrap().len(), 5);
    assert_eq!(summary["acked"], summary["messages"]);
    assert_ne!(summary["messages"], 0);
    // Whoever reads the file comes to the same conclusion, and to another one when a message is taken out of it.
    assert!(judge(&history).await.status.success());
    lose_a_message(&history);
    let judged = judge(&history).await;
    assert_eq!(judged.status.code(), Some(1));
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(said.contains("and is not stored"), "{said}");
}

async fn judge(history: &Path) -> Output {
    ferrotalk(&["chaos", "check", history.to_str().unwrap()]).await
}

/// Takes the newest message of a conversation out of what was read in the end.
fn lose_a_message(history: &Path) {
    let lines = std::fs::read_to_string(history).unwrap();
    let mut lost = false;
    let lines = lines.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        if record["what"] == "stored" && !lost {
            let seen = record["seen"].as_array_mut().unwrap();
            lost = !seen.is_empty();
            if lost {
                seen.remove(0);
            }
        }
        format!("{record}\n")
    });
    std::fs::write(history, lines.collect::<String>()).unwrap();
}

#[tokio::test]
async fn a_process_that_is_told_to_end_is_started_again_while_people_chat() {
    let counts = Counts {
        login: 1,
        route: 2,
        db: 2,
        msg: 2,
    };
    let world = World::start(counts, 2, |_| {}).await;
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    world.expect("restarted: ended (exit status: 0) as it was told to");
    world.expect("restarted: ended (exit status: 0) as it was told to");
    let dir = world.topology().dir.to_str().unwrap().to_owned();
    let before: Vec<u32> = world.cluster.processes().iter().map(|p| p.pid).collect();
    for (which, count) in [("db_proxy", 2), ("route_server:1", 1), ("login_server", 1)] {
        let rolled = soon("a restart", ferrotalk(&["restart", which, "--dir", &dir])).await;
        let said = String::from_utf8(rolled.stdout).unwrap();
        assert!(rolled.status.success(), "{said}");
        assert_eq!(said.matches("is in use again").count(), count, "{said}");
        assert_eq!(
            said.contains("is the only one"),
            which == "login_server",
            "{said}"
        );
        let id = bob.says(alice.id(), which).await;
        assert_eq!(alice.reads().await, (id, bob.id(), which.into()));
    }
    let kept: Vec<(Role, usize)> = world
        .cluster
        .processes()
        .iter()
        .filter(|process| before.contains(&process.pid))
        .map(|process| (process.role, process.index))
        .collect();
    let untouched = [
        (Role::RouteServer, 0),
        (Role::MsgServer, 0),
        (Role::MsgServer, 1),
    ];
    assert_eq!(kept, untouched);
    for wrong in ["msg_server:2", "nobody"] {
        let refused = ferrotalk(&["restart", wrong, "--dir", &dir]).await;
        assert!(!refused.status.success(), "{wrong}");
    }
    world.end().await;
}

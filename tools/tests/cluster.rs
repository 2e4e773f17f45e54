//! How a topology keeps its processes, with scripts in their place.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tools::cluster::{Cluster, ClusterError, Counts, LogLine, LogSink, PortPlan, Role, Topology};

const ONE_EACH: Counts = Counts {
    login: 1,
    route: 1,
    db: 1,
    msg: 1,
};

/// Says who it is, ends on SIGTERM and at the end of its standard input.
///
/// A shell looks at signals while it waits for another process, so that one reads in its place.
const SERVER: &str = "exec 3<&0; cat <&3 >/dev/null & trap 'echo draining; kill $!; exit 0' TERM; echo I am $1; wait";

type Lines = Arc<Mutex<Vec<LogLine>>>;

/// A topology whose processes run `script`; its folder has to outlive it.
fn topology(dir: &Path, script: &str) -> (Topology, LogSink, Lines) {
    let mut topology = Topology::new(dir, PortPlan::free(ONE_EACH).unwrap()).unwrap();
    topology.program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/server.sh").into();
    for role in Role::ALL {
        topology
            .environment
            .push((role, "SERVER".into(), script.into()));
    }
    let lines = Lines::default();
    let taken = lines.clone();
    let sink = LogSink::new(move |line| taken.lock().unwrap().push(line));
    (topology, sink, lines)
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed()).unwrap()
}

fn texts(lines: &Lines) -> Vec<String> {
    let lines = lines.lock().unwrap();
    lines
        .iter()
        .map(|line| format!("{}.{} {}", line.role, line.index, line.text))
        .collect()
}

/// Waits for a line; a test that waits in vain is ended by its runner.
async fn line(lines: &Lines, wanted: &str) {
    while !texts(lines).iter().any(|text| text.contains(wanted)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_killed_process_is_started_again_and_run_json_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    let old = cluster.pid(Role::RouteServer, 0).unwrap();
    kill_process(pid(old), Signal::KILL).unwrap();
    let new = cluster.restarted(Role::RouteServer, 0, old).await;
    assert_ne!(old, new);

    let json = fs::read(dir.path().join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let run = run.as_array().unwrap();
    assert_eq!(run.len(), 4);
    let route = run
        .iter()
        .find(|child| child["role"] == "route_server")
        .unwrap();
    assert_eq!(route["pid"], new);
    let ports = cluster.topology().ports.route[0];
    assert_eq!(route["ports"]["servers"], ports.servers);
    line(
        &lines,
        "route_server.0 ended (signal: 9 (SIGKILL)); starting it again in 100 ms",
    )
    .await;
    cluster.kill().await;
}

#[tokio::test]
async fn a_process_that_was_told_to_end_is_started_again_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    let restarted = "db_proxy.0 restarted: ended (exit status: 0) as it was told to";
    // One that has only begun is started again after a pause.
    let mut lived = Duration::from_millis(50);
    while !texts(&lines).iter().any(|text| text == restarted) {
        tokio::time::sleep(lived).await;
        lived *= 2;
        let old = cluster.signal(Role::DbProxy, 0, Signal::TERM).unwrap();
        let new = cluster.restarted(Role::DbProxy, 0, old).await;
        assert_ne!(old, new);
    }
    cluster.kill().await;
}

#[tokio::test]
async fn stopping_drains_whoever_has_clients_first() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    for role in Role::ALL {
        line(&lines, &format!("I am {role}")).await;
    }
    let children = cluster.processes();
    cluster.stop().await;
    for child in children {
        assert!(
            test_kill_process(pid(child.pid)).is_err(),
            "{child:?} still runs"
        );
    }
    for role in Role::ALL {
        line(&lines, &format!("{role}.0 draining")).await;
    }
    let all = texts(&lines);
    let place = |role: &str| {
        all.iter()
            .position(|text| *text == format!("{role}.0 draining"))
    };
    assert!(place("msg_server") < place("db_proxy"), "{all:?}");
    assert!(!dir.path().join("run.json").exists());
}

#[tokio::test]
async fn a_process_can_be_stopped_and_started_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, _lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    let old = cluster.pid(Role::MsgServer, 0).unwrap();
    cluster.kill_one(Role::MsgServer, 0).await;
    assert_eq!(cluster.pid(Role::MsgServer, 0), None);
    assert!(cluster.pid(Role::DbProxy, 0).is_some());
    cluster.start_one(Role::MsgServer, 0).await;
    assert!(
        cluster
            .pid(Role::MsgServer, 0)
            .is_some_and(|new| new != old)
    );
    cluster.kill().await;
}

#[tokio::test]
async fn a_refused_configuration_is_said_and_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, lines) = topology(dir.path(), "echo servers.listen: no; exit 64");
    let cluster = Cluster::start(topology, sink).unwrap();
    let error = cluster.ready(Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(error, ClusterError::Configuration(_)), "{error}");
    line(&lines, "servers.listen: no").await;
    cluster.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_said_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, _lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    let error = cluster.ready(Duration::ZERO).await.unwrap_err();
    assert!(
        error.to_string().contains("msg_server.0 does not answer"),
        "{error}"
    );
    cluster.kill().await;
}

#[tokio::test]
async fn a_second_topology_in_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (first, sink, _lines) = topology(dir.path(), SERVER);
    let (second, other_sink, _) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(first, sink).unwrap();
    let error = Cluster::start(second, other_sink).unwrap_err();
    assert!(matches!(error, ClusterError::InUse(_)), "{error}");
    cluster.kill().await;
}

#[tokio::test]
async fn children_see_the_end_of_their_input_when_the_cluster_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (topology, sink, _lines) = topology(dir.path(), SERVER);
    let cluster = Cluster::start(topology, sink).unwrap();
    let children = cluster.processes();
    drop(cluster);
    for child in children {
        while test_kill_process(pid(child.pid)).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

//! The conformance kit against real processes: every case passes.

use std::time::Duration;

use tools::client::Address;
use tools::conform::case::{Need, Stop};
use tools::conform::cases;
use tools::conform::run::Subject;
use tools::conform::transport::Server;

use crate::world::{PASSWORD, USUAL, World};

/// Longer than anything takes on a busy machine, and short enough for cases that have to wait it out.
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs all cases; fails with those that do not pass.
async fn all_pass(servers: impl Fn(&World) -> Vec<Address>) {
    let world = World::start(USUAL, 6, |topology| topology.open_registration = true).await;
    let servers = servers(&world);
    let over_tcp = servers.is_empty();
    let ports = &world.topology().ports;
    let subject = Subject {
        default_login: false,
        login: Some(world.cluster.login_url().parse().unwrap()),
        packet: Some(Server {
            host: "127.0.0.1".into(),
            port: ports.login[0].tcp,
            websocket: None,
            trust: None,
        }),
        servers: servers.iter().map(Server::from).collect(),
        trust: None,
        users: (1..=6)
            .map(|number| (format!("demo{number}"), PASSWORD.to_owned()))
            .collect(),
        deadline: DEADLINE,
        ferrotalk: true,
    };
    let ctx = subject.meet().await.unwrap();
    assert_eq!(ctx.servers().len(), 2, "{:?}", ctx.servers());
    let mut failed = Vec::new();
    for case in cases::all() {
        let trial = ctx.run(case).await;
        match trial.outcome {
            Ok(()) => {
                let unsent = case.commands.iter().filter(|id| !trial.sent.contains(id));
                failed.extend(unsent.map(|id| format!("{}: sends no {id}", case.name)));
            }
            Err(Stop::Fail { expected, came }) => {
                failed.push(format!("{}: expected {expected}; came {came}", case.name));
            }
            // What begins or ends within a message is for the tests of the transport.
            Err(Stop::Skip(_)) if !over_tcp && case.needs.contains(&Need::Tcp) => {}
            Err(Stop::Skip(reason)) => failed.push(format!("{}: skipped, {reason}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    drop(ctx);
    world.end().await;
}

#[tokio::test]
async fn every_case_passes_over_tcp() {
    all_pass(|_| vec![]).await;
}

#[tokio::test]
async fn every_case_passes_over_websocket() {
    all_pass(|world| vec![world.websocket(0), world.websocket(1)]).await;
}

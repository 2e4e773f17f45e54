//! An operator asks what became of a message.

use proto::ids::MessageId;
use serde_json::Value;
use tools::client::{Device, Outgoing};
use tools::cluster::Role;

use crate::command::run;
use crate::person::Person;
use crate::world::{LOOK, World, soon};

/// The one object that `ferrotalk trace` prints.
async fn traced(world: &World, what: &[&str]) -> (bool, Value) {
    let topology = world.topology();
    let dir = topology.dir.to_str().unwrap();
    let fixed = ["trace", "--json", "--dir", dir, "--store", &topology.store];
    let (done, text) = run(&[&fixed, what].concat(), "").await;
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    (done, json)
}

/// Its steps: process and what happened there. db_proxies are alike.
fn steps(trace: &Value) -> Vec<(String, String)> {
    let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let steps = trace["steps"].as_array().unwrap();
    let process = |step: &Value| text(step, "process").replace("db_proxy 1", "db_proxy 0");
    steps
        .iter()
        .map(|step| (process(step), text(step, "step")))
        .collect()
}

#[tokio::test]
async fn the_way_of_a_message_is_told_from_its_sender_to_the_other_device() {
    let world = World::usual(3).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let message = Outgoing::text(bob.id(), "where is it?");
    let id = alice.send(&message).await.unwrap();
    assert_eq!(id, MessageId::FIRST);
    assert_eq!(bob.hears().await.id, 1);
    // The same message once more is stored and delivered once.
    assert_eq!(alice.send(&message).await.unwrap(), id);

    let name = format!("single:{}:{}", alice.id(), bob.id());
    let mut wanted = [
        ("msg_server 0", "received"),
        ("db_proxy 0", "committed"),
        ("msg_server 0", "stored"),
        ("msg_server 0", "handed_out"),
        ("msg_server 0", "relayed"),
        ("route_server 0", "passed_on"),
        ("msg_server 1", "arrived"),
        ("msg_server 1", "pushed"),
        ("msg_server 1", "handed_out"),
        ("msg_server 1", "acknowledged"),
        // the second time
        ("msg_server 0", "received"),
        ("db_proxy 0", "committed"),
        ("msg_server 0", "stored"),
        ("msg_server 0", "repeated"),
        ("msg_server 0", "relayed"),
        ("route_server 0", "passed_on"),
        ("msg_server 1", "arrived"),
        ("msg_server 1", "repeated"),
    ]
    .map(|(process, step)| (process.to_owned(), step.to_owned()));
    // The other device hears and answers on its own time.
    let complete = async {
        loop {
            let (done, trace) = traced(&world, &[&name, "1"]).await;
            assert!(done, "{trace}");
            if steps(&trace).len() >= wanted.len() {
                return trace;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let trace = soon("every step", complete).await;
    let mut told = steps(&trace);
    assert_eq!(told[0], wanted[0], "it begins with the sender");
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted, "{trace}");
    assert_eq!(trace["stored"]["sender"], alice.id());
    assert_eq!(trace["unreachable"], serde_json::json!([]));

    // By the client's key it is the same.
    let hex = |key: &[u8]| {
        key.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let key = hex(message.key.as_deref().unwrap());
    let (done, by_key) = traced(&world, &["--key", &key]).await;
    assert!(done);
    assert_eq!(by_key["steps"], trace["steps"]);
    assert_eq!(by_key["conversation"], name);

    // And in words.
    let dir = world.topology().dir.to_str().unwrap();
    let store = world.topology().store.as_str();
    let words = ["trace", &name, "1", "--dir", dir, "--store", store];
    let (done, text) = run(&words, "").await;
    assert!(done, "{text}");
    let (bytes, from) = (&trace["stored"]["bytes"], alice.id());
    let first = format!("{name} message 1: text of {bytes} bytes from user {from}");
    assert!(text.starts_with(&first), "{text}");
    assert!(
        text.contains(&format!("pushed to user {}", bob.id())),
        "{text}"
    );

    // What nobody knows is said, and is a failure.
    let (done, nothing) = traced(&world, &[&name, "77"]).await;
    assert!(!done && steps(&nothing).is_empty(), "{nothing}");
    assert_eq!(nothing["stored"], false);
    world.end().await;
}

#[tokio::test]
async fn a_process_that_does_not_answer_is_named() {
    let world = World::usual(2).await;
    let alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    assert_eq!(alice.says(bob.id(), "hello").await, 1);
    world.cluster.stop_one(Role::LoginServer, 0).await;
    let name = format!("single:{}:{}", alice.id(), bob.id());
    let (done, trace) = traced(&world, &[&name, "1"]).await;
    assert!(done, "{trace}");
    let silent = trace["unreachable"].as_array().unwrap();
    assert_eq!(silent.len(), 1, "{trace}");
    assert_eq!(silent[0]["process"], "login_server 0");
    let nobody = ("route_server 0".to_owned(), "nobody_else".to_owned());
    let pushed = ("msg_server 0".to_owned(), "pushed".to_owned());
    // Bob is where Alice is; route_server looks for others in vain.
    soon("the route_server's word", async {
        loop {
            let (_, trace) = traced(&world, &[&name, "1"]).await;
            if steps(&trace).contains(&nobody) && steps(&trace).contains(&pushed) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await;
    world.cluster.start_one(Role::LoginServer, 0).await;
    world.end().await;
}

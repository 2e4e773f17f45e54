//! Every port of an installation is attacked, and the installation stands.

use std::process::Command;

use tools::cluster::Counts;

use crate::world::World;

const ONE_OF_EACH: Counts = Counts {
    login: 1,
    route: 1,
    db: 1,
    msg: 1,
};

#[tokio::test]
async fn every_port_withstands_a_round() {
    let world = World::start(ONE_OF_EACH, 9, |_| {}).await;
    // What a msg_server that does not exist says of itself.
    world.expect("announces no usable address");
    let dir = world.topology().dir.clone();
    let fuzzing = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_pdu-fuzzer"))
            .args([
                "fuzz", "--all", "--rounds", "1", "--seed", "11", "--fresh", "--json", "--run",
            ])
            .arg(&dir)
            .arg("--findings")
            .arg(dir.join("findings"))
            .output()
            .unwrap()
    });
    let output = fuzzing.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let ports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ports = ports.as_array().unwrap();
    let all = world.topology().ports.all(false).len();
    assert_eq!(ports.len(), all, "{said}");
    for port in ports {
        assert_eq!(port["rounds"], 1, "{port}");
        assert!(
            port["before"]["pid"].is_u64() || port["after"]["pid"].is_u64(),
            "{port}"
        );
        assert_eq!(port["findings"], serde_json::json!([]), "{port}");
    }
    world.end().await;
}

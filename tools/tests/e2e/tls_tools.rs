//! What the tools do to an installation that speaks nothing but TLS.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tools::client::{Device, TlsArgs, Trust};
use tools::cluster::Security;
use tools::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use tools::fuzzer::outcome::{Counter, Ending};
use tools::fuzzer::permit::Permit;

use crate::person::Person;
use crate::world::{FERROTALK, PASSWORD, USUAL, World};

const FUZZER: &str = env!("CARGO_BIN_EXE_pdu-fuzzer");

/// Nobody is served without TLS.
const SEALED: Security = Security {
    clients: true,
    clients_only: true,
    links: false,
};

async fn sealed(users: u32, limits: bool) -> World {
    World::start(USUAL, users, |topology| {
        topology.security = SEALED;
        topology.limits = limits;
    })
    .await
}

/// Runs a program to its end.
async fn runs(program: &'static str, args: Vec<String>, input: &'static str) -> Output {
    let running = move || {
        let mut child = Command::new(program)
            .args(args)
            .env("FERROTALK_PASSWORD", PASSWORD)
            .env_remove("SSL_CERT_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // a program that does not want it may be gone
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

#[tokio::test]
async fn doctor_conform_and_chat_get_in_with_the_ca() {
    let world = sealed(6, true).await;
    let (login, ca) = (
        world.cluster.login_url(),
        world.topology().certificates().ca(),
    );
    assert!(login.starts_with("https://"));
    let ca = ca.display();
    let doctor = format!("doctor --login {login} --user demo1 --password-stdin");
    let seen = runs(
        FERROTALK,
        words(&format!("{doctor} --tls --ca {ca}")),
        "demo\n",
    )
    .await;
    assert!(seen.status.success(), "{}", said(&seen));
    let blind = runs(FERROTALK, words(&doctor), "demo\n").await;
    assert!(!blind.status.success(), "{}", said(&blind));

    let conform =
        format!("conform --login {login} --demo --tls --ca {ca} --only ferrotalk/mention");
    let passed = runs(FERROTALK, words(&conform), "").await;
    assert!(passed.status.success(), "{}", said(&passed));

    let trust = Trust::file(&world.topology().certificates().ca()).unwrap();
    let address = tools::client::Address {
        trust: Some(trust),
        ..tools::client::Address::direct("127.0.0.1", world.topology().ports.msg[1].tls)
    };
    let mut bob = Person::at(&address, "demo2", Device::Windows).await;
    let chat = format!("chat --login {login} --user demo1 --json --tls --ca {ca}");
    let chatted = runs(FERROTALK, words(&chat), "demo2: hello over TLS\n").await;
    assert!(chatted.status.success(), "{}", said(&chatted));
    assert_eq!(bob.reads().await.2, "hello over TLS");
    drop(bob);
    world.end().await;
}

#[tokio::test]
async fn load_and_attacks_go_inside_of_tls() {
    let world = sealed(9, false).await;
    let ca = world.topology().certificates().ca();
    let ports = world.topology().ports.msg.clone();
    let servers = ports.iter().map(|ports| format!("127.0.0.1:{}", ports.tls));
    let target = Target {
        place: Place::Servers(servers.collect()),
        permit: Permit::LOOPBACK,
        password: PASSWORD.to_owned(),
        tls: TlsArgs::with_ca(&ca),
        program: Some(FUZZER.into()),
    };
    let scenario = "
name = \"sealed\"
users = 8
seconds = 60
processes = 2
[one-to-one]
both-ways = true
window = 4
messages = 200
";
    let scenario = Scenario::parse(scenario).unwrap();
    let playing = move || play(&scenario, &target, &mut (), StopToken::default());
    let outcome = tokio::task::spawn_blocking(playing).await.unwrap().unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(!outcome.counts.is_broken_promise(), "{:?}", outcome.counts);
    assert_eq!(outcome.counts[Counter::Unanswered], 0);
    assert!(outcome.counts[Counter::Delivered] >= 200);

    let (ca, dir) = (ca.display(), world.topology().dir.clone());
    let findings = dir.join("findings");
    let https = world.topology().ports.login[0].https;
    for (port, speaks) in [
        (ports[0].tls, ""),
        (ports[1].websocket_tls, "--as websocket"),
        (https, "--as http"),
    ] {
        let attack = format!(
            "fuzz --target 127.0.0.1:{port} {speaks} --tls --ca {ca} --rounds 1 --seed 11 --fresh --json --findings {}",
            findings.display()
        );
        let output = runs(FUZZER, words(&attack), "").await;
        assert!(output.status.success(), "{}", said(&output));
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found[0]["rounds"], 1, "{found}");
        assert_eq!(found[0]["findings"], serde_json::json!([]), "{found}");
    }
    let all = format!("fuzz --run {} --all --tls --ca {ca}", dir.display());
    let refused = runs(FUZZER, words(&all), "").await;
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    world.end().await;
}

//! The conformance kit against a server that keeps the rules, and against one that breaks one of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "conform/fake.rs"]
mod fake;

use std::time::Duration;

use fake::{Fault, serve};
use tools::conform::case::Stop;
use tools::conform::cases;
use tools::conform::ctx::Ctx;
use tools::conform::run::Subject;
use tools::conform::transport::Server;

/// Cases for which the fake server does enough.
const SERVED: &[&str] = &[
    "frames/heartbeat-echo",
    "frames/any-version",
    "frames/any-service",
    "frames/unknown-command",
    "frames/length-below-header",
    "frames/length-too-long",
    "frames/several-at-once",
    "frames/byte-by-byte",
    "frames/seq-num-echo",
    "login/ok-fields",
    "login/logout",
    "msg/ack-fields",
    "msg/reaches-all-devices",
    "msg/not-to-the-sender",
    "msg/number-zero",
    "msg/no-attach-data",
    "msg/once",
    "msg/nobody-else",
    "msg/sender-is-the-session",
    "msg/ids-without-gap",
    "msg/quick-ones",
    "msg/empty",
    "history/latest-id",
];

/// Meets a server with four users.
async fn meet(server: Server) -> Ctx {
    let subject = Subject {
        default_login: false,
        login: None,
        packet: None,
        trust: None,
        servers: vec![server],
        users: (1..=4).map(|n| (format!("u{n}"), "any".into())).collect(),
        deadline: Duration::from_secs(2),
        ferrotalk: false,
    };
    subject.meet().await.unwrap()
}

/// Tries one case on a server with that fault.
async fn outcome(fault: Option<Fault>, name: &str) -> Result<(), Stop> {
    let ctx = meet(serve(fault).await).await;
    let case = cases::all().find(|case| case.name == name).unwrap();
    ctx.run(case).await.outcome
}

/// The case has to fail, with these words in what came.
async fn fails(fault: Fault, name: &str, words: &str) {
    match outcome(Some(fault), name).await {
        Err(Stop::Fail { came, .. }) => assert!(came.contains(words), "{name}: {came}"),
        other => panic!("{name} with {fault:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_keeps_the_rules_passes() {
    let ctx = meet(serve(None).await).await;
    for name in SERVED {
        let case = cases::all().find(|case| case.name == *name).unwrap();
        let trial = ctx.run(case).await;
        assert_eq!(trial.outcome, Ok(()), "{name}");
        for command in case.commands {
            assert!(trial.sent.contains(command), "{name} sends no {command}");
        }
    }
}

#[tokio::test]
async fn an_answer_with_another_number_is_none() {
    fails(Fault::AckNumber, "msg/ack-fields", "seq_num 0").await;
}

#[tokio::test]
async fn a_note_that_is_left_in_a_message_is_found() {
    fails(Fault::NoteLeft, "msg/no-attach-data", "attach_data: Some").await;
}

#[tokio::test]
async fn a_message_that_comes_twice_is_found() {
    fails(Fault::Twice, "msg/once", "ImMsgData").await;
}

#[tokio::test]
async fn a_message_with_the_senders_number_is_found() {
    fails(Fault::SendersNumber, "msg/number-zero", "seq_num").await;
}

#[tokio::test]
async fn a_message_that_comes_back_is_found() {
    fails(Fault::ComesBack, "msg/not-to-the-sender", "ImMsgData").await;
}

#[tokio::test]
async fn a_message_that_others_hear_is_found() {
    fails(Fault::ToEverybody, "msg/nobody-else", "ImMsgData").await;
}

#[tokio::test]
async fn a_gap_in_the_ids_is_found() {
    fails(Fault::Gap, "msg/ids-without-gap", "msg_id").await;
}

#[tokio::test]
async fn a_sender_who_is_believed_is_found() {
    fails(
        Fault::BelievesSender,
        "msg/sender-is-the-session",
        "from_user_id",
    )
    .await;
}

#[tokio::test]
async fn a_message_that_should_have_been_refused_is_found() {
    fails(Fault::TakesEmpty, "msg/empty", "msg_id").await;
}

#[tokio::test]
async fn a_heartbeat_with_another_header_is_found() {
    fails(Fault::OwnHeartbeat, "frames/heartbeat-echo", "version: 1").await;
}

#[tokio::test]
async fn silence_is_found() {
    fails(Fault::NoTime, "frames/any-service", "not within 2 s").await;
}

#[tokio::test]
async fn a_connection_that_stays_open_is_found() {
    fails(Fault::LogoutStays, "login/logout", "still open after 2 s").await;
}

#[tokio::test]
async fn what_a_server_does_not_have_is_skipped() {
    for name in [
        "kick/across-servers",
        "login/http-fields",
        "login/packet-port",
        "ferrotalk/resend-by-key",
    ] {
        let outcome = outcome(None, name).await;
        assert!(matches!(outcome, Err(Stop::Skip(_))), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn too_few_users_or_no_server_is_said_at_once() {
    let subject = Subject {
        default_login: false,
        login: None,
        packet: None,
        trust: None,
        servers: vec![],
        users: (1..=4).map(|n| (format!("u{n}"), "any".into())).collect(),
        deadline: Duration::from_secs(2),
        ferrotalk: false,
    };
    let few = Subject {
        users: vec![],
        ..subject.clone()
    };
    let said = |error: Option<anyhow::Error>| error.map(|error| error.to_string());
    assert!(said(few.meet().await.err()).unwrap().contains("0 users"));
    assert!(
        said(subject.meet().await.err())
            .unwrap()
            .contains("no msg_server")
    );
}

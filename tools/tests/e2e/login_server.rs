//! Where clients are sent.

use std::collections::BTreeMap;

use proto::im::login::{ImMsgServReq, ImMsgServRsp};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tools::client::{Address, AddressError, CloseReason, Device};
use tools::cluster::{Counts, Role};

use crate::person::{Person, Raw};
use crate::world::{LOOK, USUAL, World, soon};

const THREE_MSG_SERVERS: Counts = Counts {
    login: 1,
    route: 1,
    db: 1,
    msg: 3,
};

/// The whole HTTP answer.
async fn ask(world: &World, question: &str) -> String {
    let port = world.topology().ports.login[0].http;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // To its end: the connection is closed behind it.
    soon("the whole answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    answer
}

async fn ask_by_frame(port: u16) -> ImMsgServRsp {
    let mut raw = Raw::connect(&Address::direct("127.0.0.1", port)).await;
    let answer = raw.ask(&ImMsgServReq {}, 0x0707).await;
    raw.is_closed().await;
    answer
}

#[tokio::test]
async fn the_answer_is_what_stock_clients_read() {
    let world = World::usual(1).await;
    let ports = &world.topology().ports;
    let (first, second) = (ports.msg[0].tcp, ports.msg[1].tcp);

    let question = "GET /msg_server HTTP/1.1\r\nHost: im.example.org\r\n\r\n";
    let mut answers = [ask(&world, question).await, ask(&world, question).await];
    answers.sort_unstable();
    for (answer, port) in answers.iter().zip([first, second]) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let head = head.to_lowercase();
        for line in [
            "content-type: text/html;charset=utf-8",
            "connection: close",
            &format!("content-length: {}", body.len()),
        ] {
            assert!(head.contains(line), "{head}");
        }
        let mut fields: Vec<&str> = body.lines().map(str::trim).collect();
        let port = format!("\"port\": \"{port}\",");
        let wanted = [
            "{",
            "\"backupIP\": \"127.0.0.1\",",
            "\"code\": 0,",
            "\"discovery\": \"\",",
            "\"msfsBackup\": \"\",",
            "\"msfsPrior\": \"\",",
            "\"msg\": \"\",",
            &port,
            "\"priorIP\": \"127.0.0.1\"",
            "}",
        ];
        fields.retain(|line| !line.is_empty());
        assert_eq!(fields, wanted);
    }

    // The same over a frame, on the port for it and on the one for msg_servers.
    let ports = ports.login[0];
    for port in [ports.tcp, ports.registration] {
        let answer = ask_by_frame(port).await;
        assert_eq!(answer.result_code, 0);
        assert_eq!(answer.prior_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(answer.backip_ip.as_deref(), Some("127.0.0.1"));
        let port = answer.port.unwrap();
        assert!([first, second].map(u32::from).contains(&port), "{port}");
    }
    world.end().await;
}

#[tokio::test]
async fn clients_are_spread_while_none_of_them_has_arrived_and_when_they_have() {
    let world = World::start(THREE_MSG_SERVERS, 6, |_| {}).await;
    let url = world.cluster.login_url();
    let mut spread: BTreeMap<u16, Vec<Address>> = BTreeMap::new();
    for _ in 0..6 {
        let address = Address::from_login(&url).await.unwrap();
        spread.entry(address.port).or_default().push(address);
    }
    let counts: Vec<usize> = spread.values().map(Vec::len).collect();
    assert_eq!(counts, [2, 2, 2]);

    // Logged in, they still count: three are taken from one server, the next three go there.
    let mut people = Vec::new();
    for (number, address) in spread.values().flatten().enumerate() {
        let user = format!("demo{}", number + 1);
        people.push(Person::at(address, &user, Device::Windows).await);
    }
    for person in people.drain(..2) {
        person.logout().await.unwrap();
    }
    let emptied = *spread.keys().next().unwrap();
    // login_server hears of it a moment later.
    soon("an empty server that is preferred", async {
        while Address::from_login(&url).await.unwrap().port != emptied {
            sleep(LOOK).await;
        }
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_draining_msg_server_ends_cleanly_and_nobody_is_sent_there() {
    let world = World::usual(2).await;
    let url = world.cluster.login_url();
    let stays = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let goes = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    // The answer to what was asked before the end still comes.
    let last_word = goes.says(stays.id(), "a last word").await;
    assert_eq!(last_word, 1);
    world.expect("restarted: ended (exit status: 0) as it was told to");
    let old = world.signal(Role::MsgServer, 1, Signal::TERM);
    let reason = soon("the end of the connection", goes.wait_closed()).await;
    assert_eq!(reason, CloseReason::Server);
    world
        .line(
            Role::MsgServer,
            1,
            "ended program=\"msg_server\" ending=Clean",
        )
        .await;
    world
        .line(Role::MsgServer, 1, "ended (exit status: 0)")
        .await;
    stays.ping().await.unwrap();

    // Stopped for good, it is not named any more, and neither is any other once there is none.
    soon(
        "a new process",
        world.cluster.restarted(Role::MsgServer, 1, old),
    )
    .await;
    world.cluster.stop_one(Role::MsgServer, 1).await;
    let only = world.msg(0).port;
    soon("the other one only", async {
        // Either would be named in turns.
        let mut in_a_row = 0;
        while in_a_row < 4 {
            let named = Address::from_login(&url).await.unwrap().port;
            in_a_row = if named == only { in_a_row + 1 } else { 0 };
        }
    })
    .await;
    world.cluster.stop_one(Role::MsgServer, 0).await;
    soon("no msg_server", async {
        while !matches!(
            Address::from_login(&url).await,
            Err(AddressError::NoMsgServer)
        ) {
            sleep(LOOK).await;
        }
    })
    .await;
    let answer = ask(&world, "GET /msg_server HTTP/1.0\r\n\r\n").await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], 1);
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    let tcp = world.topology().ports.login[0].tcp;
    assert_eq!(ask_by_frame(tcp).await.result_code, 1);
    assert!(
        ask(&world, "GET / HTTP/1.0\r\n\r\n")
            .await
            .contains(" 404 ")
    );

    // Back again, they are named again, login_server's restart included.
    world.cluster.start_one(Role::MsgServer, 0).await;
    world.cluster.start_one(Role::MsgServer, 1).await;
    world.ready().await;
    world.kill_minus_nine(Role::LoginServer, 0).await;
    world.ready().await;
    Person::at(&world.address().await, "demo1", Device::Windows).await;
    world.end().await;
}

#[tokio::test]
async fn a_msg_server_that_nobody_is_left_at_ends_before_the_time_for_moving_is_over() {
    let world = World::start(USUAL, 1, |topology| {
        let longer_than_the_test = [
            ("FERROTALK_LIMITS__DRAIN_SECONDS", "100"),
            ("FERROTALK_SHUTDOWN__DEADLINE_SECONDS", "110"),
        ];
        for (key, seconds) in longer_than_the_test {
            let environment = &mut topology.environment;
            environment.push((Role::MsgServer, key.to_owned(), seconds.to_owned()));
        }
    })
    .await;
    let goes = Person::at(&world.msg(1), "demo1", Device::Windows).await;
    world.expect("restarted: ended (exit status: 0) as it was told to");
    world.signal(Role::MsgServer, 1, Signal::TERM);
    for wanted in [
        "moving clients to other servers told=0 closed=1 seconds=100",
        "ended program=\"msg_server\" ending=Clean",
    ] {
        world.line(Role::MsgServer, 1, wanted).await;
    }
    soon("the end of the connection", goes.wait_closed()).await;
    world.ready().await;
    world.end().await;
}

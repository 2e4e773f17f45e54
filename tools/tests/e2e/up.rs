//! The command line, as somebody uses it who has just got the program: on SQLite and memory, whatever the others run on.

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::sleep;
use tools::client::{Address, Device, LoginError};

use crate::command::{Up, all_gone, ferrotalk, run};
use crate::world::{LOOK, PASSWORD, metrics, raw_pid, soon};

#[tokio::test]
async fn up_says_one_line_keeps_everything_running_and_takes_everything_along() {
    let up = Up::start().await;
    let before = up.run_json();
    let roles: Vec<&str> = before
        .iter()
        .map(|child| child["role"].as_str().unwrap())
        .collect();
    for (role, count) in [
        ("login_server", 1),
        ("route_server", 1),
        ("db_proxy", 1),
        ("msg_server", 2),
    ] {
        assert_eq!(roles.iter().filter(|name| **name == role).count(), count);
    }
    let base: u64 = up.login.rsplit_once(':').unwrap().1.parse().unwrap();
    let port = |role: &str, index: u64, name: &str| up.port(role, index, name) - base;
    assert_eq!(port("login_server", 0, "http"), 0);
    assert_eq!(port("login_server", 0, "tcp"), 1);
    assert_eq!(port("login_server", 0, "registration"), 2);
    assert_eq!(port("route_server", 0, "servers"), 3);
    assert_eq!(port("db_proxy", 0, "servers"), 4);
    assert_eq!(port("msg_server", 0, "tcp"), 10);
    assert_eq!(port("msg_server", 1, "tcp"), 11);
    assert_eq!(port("msg_server", 0, "api"), 5);
    assert_eq!(port("msg_server", 1, "websocket"), 51);
    assert_eq!(port("msg_server", 1, "admin"), 74);
    let person = up.person("demo3", PASSWORD).await;
    person.unwrap();

    // What alarms look at is there before anything fails, so that the first failure is seen to have been added.
    let admin = up.port("db_proxy", 0, "admin");
    let counted = metrics(u16::try_from(admin).unwrap()).await;
    let none = "im_store_failures_total{retryable=\"no\"} 0";
    assert!(counted.contains(none), "{counted}");

    // A child that dies is started again, and run.json tells its new number.
    let pids = up.pids();
    for pid in &pids {
        kill_process(raw_pid(*pid), Signal::KILL).unwrap();
    }
    soon("new processes", async {
        while up.pids().iter().any(|pid| pids.contains(pid)) {
            sleep(LOOK).await;
        }
    })
    .await;
    let but_for_pids = |mut children: Vec<Value>| {
        for child in &mut children {
            child["pid"] = Value::Null;
        }
        children.sort_by_key(Value::to_string);
        children
    };
    let (before, after) = (but_for_pids(before), but_for_pids(up.run_json()));
    assert_eq!(before, after, "but for the numbers nothing changes");
    soon("a login", async {
        loop {
            if let Ok(address) = Address::from_login(&up.login).await
                && let Ok(client) = tools::client::Client::connect(&address).await
            {
                let status = tools::client::Status::Online;
                let login = client.login("demo1", PASSWORD, Device::Mac, status).await;
                if login.is_ok() {
                    return;
                }
            }
            sleep(LOOK).await;
        }
    })
    .await;

    let log = up.interrupted().await;
    let said = log.matches("starting it again").count();
    assert_eq!(said, 5, "{log}");
}

#[tokio::test]
async fn children_do_not_outlive_up_whatever_ends_it() {
    let mut up = Up::start().await;
    let pids = up.pids();
    assert_eq!(pids.len(), 5);
    up.process.kill().await.unwrap();
    all_gone(&pids).await;
}

/// `ferrotalk chat` in a pipe.
struct Chat {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Chat {
    fn start(up: &Up, user: &str, more: &[&str]) -> Self {
        let mut process = ferrotalk(&["chat", "--login", &up.login, "--user", user, "--json"])
            .args(more)
            .arg("--dir")
            .arg(up.folder().join("history"))
            .env("FERROTALK_PASSWORD", PASSWORD)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            stdin: process.stdin.take().unwrap(),
            process,
            stdout,
        }
    }

    async fn types(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next event of a kind.
    async fn shows(&mut self, event: &str) -> Value {
        let showing = async {
            loop {
                let line = self.stdout.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended without {event}"));
                let shown: Value = serde_json::from_str(&line).unwrap();
                if shown["event"] == event {
                    return shown;
                }
            }
        };
        soon(event, showing).await
    }

    /// The end of the input: everything is stored, and the program ends well.
    async fn ends(mut self) {
        drop(self.stdin);
        let status = soon("the end of a chat", self.process.wait()).await;
        assert!(status.unwrap().success());
    }
}

#[tokio::test]
async fn two_people_chat_through_pipes() {
    let up = Up::start().await;
    let mut one = Chat::start(&up, "demo1", &[]);
    let websocket = up.port("msg_server", 1, "websocket");
    let websocket = format!("ws://127.0.0.1:{websocket}/");
    let mut two = Chat::start(&up, "demo2", &["--websocket", &websocket]);
    one.types("demo2: hello").await;
    assert_eq!(one.shows("stored").await["id"], 1);
    let heard = two.shows("message").await;
    assert_eq!((&heard["id"], &heard["text"]), (&1.into(), &"hello".into()));
    assert_eq!(heard["name"], "Demo 1");
    two.types("/to demo1").await;
    two.types("hello yourself").await;
    two.types("how are you?").await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let message = one.shows("message").await;
        if message["mine"] == false {
            heard.push(message["text"].clone());
        }
    }
    assert_eq!(heard, ["hello yourself", "how are you?"]);
    one.types("fine").await;
    one.ends().await;
    let heard = two.shows("message").await;
    assert_eq!((&heard["id"], &heard["text"]), (&4.into(), &"fine".into()));
    two.ends().await;

    // A message to nobody is an error of the command, and says so.
    let arguments = [
        "chat",
        "--login",
        &up.login,
        "--user",
        "demo1",
        "--no-history",
    ];
    let (ok, said) = run(
        &[&arguments[..], &["--password-stdin", "--json"]].concat(),
        "demo\nnobody: hi\n/to nobody\nhello?\n",
    )
    .await;
    assert!(!ok, "{said}");
    // So is what is no text.
    let (ok, said) = run(
        &[&arguments[..], &["--password-stdin"]].concat(),
        b"demo\ndemo2: gr\xfc\xdfe\n",
    )
    .await;
    assert!(!ok && said.contains("not UTF-8"), "{said}");
    let (ok, said) = run(
        &[&arguments[..], &["--password-stdin"]].concat(),
        "wrong\nhello\n",
    )
    .await;
    assert!(!ok && said.contains("wrong name or password"), "{said}");
    up.interrupted().await;
}

#[tokio::test]
async fn doctor_finds_nothing_where_nothing_is_wrong_and_the_cause_where_something_is() {
    let up = Up::start().await;
    let as_user = ["doctor", "--login", &up.login, "--user", "demo1"];
    let as_user = [&as_user[..], &["--password-stdin", "--json"]].concat();
    let checks = |said: &str| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .map(|line: Value| (text(&line["check"]), text(&line["level"])))
            .collect()
    };
    let (ok, said) = run(&as_user, "demo\n").await;
    assert!(ok, "{said}");
    let found = checks(&said);
    assert!(found.iter().all(|(_, level)| level == "ok"), "{said}");
    assert!(found.iter().any(|(check, _)| check == "login"), "{said}");

    let (ok, said) = run(&as_user, "wrong\n").await;
    assert!(!ok);
    let last = checks(&said).pop().unwrap();
    assert_eq!(last, ("login".into(), "fail".into()));

    let login = up.login.clone();
    up.interrupted().await;
    let (ok, said) = run(&["doctor", "--login", &login, "--json"], "").await;
    assert!(!ok);
    let last = checks(&said).pop().unwrap();
    assert_eq!(last, ("tcp".into(), "fail".into()));
}

#[tokio::test]
async fn accounts_are_made_and_changed_while_everything_runs() {
    let up = Up::start().await;
    let dir = up.folder().to_str().unwrap();
    let user = async |arguments: &[&str], input: &str| {
        let all = [&["user", "--dir", dir], arguments].concat();
        run(&all, input).await
    };
    let (ok, said) = user(
        &["add", "carol", "--nick", "Carol", "--password-stdin"],
        "a\n",
    )
    .await;
    assert!(ok, "{said}");
    let carol = up.person("carol", "a").await.unwrap();
    assert_eq!(carol.profile().user_nick_name, "Carol");
    assert!(
        said.contains(&format!("carol is user {}", carol.id())),
        "{said}"
    );

    // A name is given once; a new password holds from the next login on, and the session stays.
    let (ok, said) = user(&["add", "carol", "--password-stdin"], "b\n").await;
    assert!(!ok, "{said}");
    let (ok, said) = user(&["passwd", "carol", "--password-stdin"], "c\n").await;
    assert!(ok, "{said}");
    carol.ping().await.unwrap();
    for wrong in ["a", "b"] {
        let refused = up.person("carol", wrong).await.err();
        assert!(matches!(refused, Some(LoginError::Refused { code: 6, .. })));
    }
    let again = up.person("carol", "c").await.unwrap();
    soon("a kick", carol.wait_closed()).await;
    again.ping().await.unwrap();

    let (ok, said) = user(&["list", "--json"], "").await;
    assert!(ok, "{said}");
    let names: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, ["demo1", "demo2", "demo3", "carol"]);

    // Nobody is without a name; who has left is still listed.
    let (ok, said) = user(&["set", "carol", "--nick", " ", "--status", "left"], "").await;
    assert!(ok, "{said}");
    let (ok, said) = user(&["list"], "").await;
    let shown = said.lines().last().unwrap().split_whitespace();
    let shown: Vec<_> = shown.skip(1).collect();
    assert!(ok && shown == ["carol", "carol", "(left)"], "{said}");
    up.interrupted().await;
}

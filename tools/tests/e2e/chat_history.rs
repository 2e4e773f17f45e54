//! Clients that remember: whatever dies, the local history has everything once and in order.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use im_base::task::Tasks;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::sleep;
use tools::client::messenger::{LocalStore, Messenger, News, Place};
use tools::client::{Account, Conversation, Device, Status};
use tools::cluster::Role;

use crate::command::ferrotalk;
use crate::person::Person;
use crate::world::{LOOK, PASSWORD, USUAL, World, soon};

/// What somebody's application was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(u32, String)>>>);

/// Somebody with a local history.
struct Keeper {
    user: &'static str,
    file: PathBuf,
    told: Told,
    messenger: Messenger,
    tasks: Tasks,
    written: u32,
}

impl Keeper {
    async fn begin(world: &World, folder: &Path, user: &'static str) -> Self {
        let file = folder.join(format!("{user}.db"));
        let told = Told::default();
        let (messenger, tasks) = Self::run(world, &file, user, &told).await;
        Self {
            user,
            file,
            told,
            messenger,
            tasks,
            written: 0,
        }
    }

    async fn run(
        world: &World,
        file: &Path,
        user: &'static str,
        told: &Told,
    ) -> (Messenger, Tasks) {
        let store = LocalStore::open(file).await.unwrap();
        let account = Account::new(user, PASSWORD, Device::Windows, Status::Online);
        let place = Place::Login {
            url: world.cluster.login_url(),
            trust: None,
        };
        let started = Messenger::start(place, account, store).await;
        let (messenger, mut news) = started.unwrap();
        let (tasks, told) = (Tasks::default(), told.clone());
        tasks.spawn("news", async move {
            while let Some(news) = news.next().await {
                if let News::Message(entry) | News::Sent { entry, .. } = news {
                    let text = entry.message.text().unwrap();
                    told.0.lock().unwrap().push((entry.message.id, text));
                }
            }
        });
        (messenger, tasks)
    }

    /// Ends, and begins again with what is there.
    async fn again(&mut self, world: &World) {
        self.messenger.close().await;
        self.tasks.finished().await;
        self.messenger.store().close().await;
        let run = Self::run(world, &self.file, self.user, &self.told).await;
        (self.messenger, self.tasks) = run;
    }

    async fn writes(&mut self, to: u32, count: u32) {
        for _ in 0..count {
            self.written += 1;
            let text = format!("{} {}", self.user, self.written);
            self.messenger.send_text(to, &text).await.unwrap();
        }
    }

    async fn has(&self, with: u32, count: u32) {
        let conversation = Conversation::User(with);
        let all_here = async {
            loop {
                let store = self.messenger.store();
                let state = store.conversation(conversation).await.unwrap();
                let here = state.map_or(0, |state| state.complete_to);
                let told = self.told.0.lock().unwrap().len();
                if here == count && told == count as usize {
                    return;
                }
                sleep(LOOK).await;
            }
        };
        soon("everything in the local history", all_here).await;
    }

    async fn ends(self, with: u32) -> Vec<(u32, String)> {
        self.messenger.close().await;
        self.tasks.finished().await;
        let here = texts(self.messenger.store(), with).await;
        let told = self.told.0.lock().unwrap().clone();
        assert_eq!(told, here, "{} was told each once, in order", self.user);
        self.messenger.store().close().await;
        here
    }
}

/// The local history of a conversation: ids and texts.
async fn texts(store: &LocalStore, with: u32) -> Vec<(u32, String)> {
    let here = store.messages(Conversation::User(with), 0, 500).await;
    let text = |message: &tools::client::Message| (message.id, message.text().unwrap());
    let here = here.unwrap();
    here.iter().map(|entry| text(&entry.message)).collect()
}

/// What the server has.
async fn stored(world: &World, user: &str, with: u32) -> Vec<(u32, String)> {
    let person = Person::at(&world.address().await, user, Device::Android).await;
    let page = person.history(with, 0, 500).await.unwrap();
    let texts = page.iter().rev();
    texts
        .map(|message| (message.id, message.text().unwrap()))
        .collect()
}

/// Everything that somebody wrote, once and in the order in which it was written.
fn in_order(history: &[(u32, String)], user: &str, count: u32) {
    let prefix = format!("{user} ");
    let written: Vec<&str> = history
        .iter()
        .filter_map(|(_, text)| text.strip_prefix(&prefix))
        .collect();
    let wanted: Vec<String> = (1..=count).map(|number| number.to_string()).collect();
    assert_eq!(written, wanted, "{user}");
}

/// A process that dies while messages are on their way, one that says where to go before it ends, and a program that ends.
#[tokio::test]
async fn nothing_is_lost_doubled_or_out_of_order_whatever_dies() {
    let world = World::usual(2).await;
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<u32> = {
        let one = Person::at(&world.msg(0), "demo1", Device::Android).await;
        let two = Person::at(&world.msg(0), "demo2", Device::Android).await;
        vec![one.id(), two.id()]
    };
    let (a, b) = (ids[0], ids[1]);
    let mut alice = Keeper::begin(&world, folder.path(), "demo1").await;
    let mut bob = Keeper::begin(&world, folder.path(), "demo2").await;
    world.expect("restarted: ended (exit status: 0) as it was told to");
    for (role, index) in [
        (Role::MsgServer, 0),
        (Role::MsgServer, 1),
        (Role::DbProxy, 0),
        (Role::RouteServer, 0),
    ] {
        alice.writes(b, 6).await;
        bob.writes(a, 6).await;
        world.kill_minus_nine(role, index).await;
        alice.writes(b, 3).await;
        bob.again(&world).await;
        bob.writes(a, 3).await;
        world.ready().await;
    }
    // One that is told to end says where to go.
    for index in 0..2 {
        alice.writes(b, 6).await;
        bob.writes(a, 6).await;
        let old = world.signal(Role::MsgServer, index, rustix::process::Signal::TERM);
        alice.again(&world).await;
        let again = world.cluster.restarted(Role::MsgServer, index, old);
        soon("a new process", again).await;
        world.ready().await;
    }
    let (by_alice, by_bob) = (alice.written, bob.written);
    let all = by_alice + by_bob;
    alice.has(b, all).await;
    bob.has(a, all).await;
    assert_eq!(alice.messenger.store().waiting().await.unwrap(), 0);
    let here = alice.ends(b).await;
    assert_eq!(here, bob.ends(a).await);
    assert_eq!(here, stored(&world, "demo1", b).await);
    in_order(&here, "demo1", by_alice);
    in_order(&here, "demo2", by_bob);
    world.end().await;
}

/// `ferrotalk chat` in a pipe, with a history in a folder.
pub(crate) struct Chat {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Chat {
    pub(crate) fn start(world: &World, user: &str, folder: &Path) -> Self {
        let login = world.cluster.login_url();
        let arguments = ["chat", "--login", &login, "--user", user, "--json"];
        let mut process = ferrotalk(&arguments)
            .arg("--dir")
            .arg(folder)
            .env("FERROTALK_PASSWORD", PASSWORD)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self {
            stdin: process.stdin.take().unwrap(),
            stdout: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
        }
    }

    pub(crate) async fn types(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next event of a kind.
    pub(crate) async fn shows(&mut self, event: &str) -> Value {
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

    pub(crate) async fn ends(mut self) -> bool {
        drop(self.stdin);
        let end = soon("the end of a chat", self.process.wait()).await;
        end.unwrap().success()
    }
}

/// The program is killed again and again, with messages typed, on their way and stored; what it took is stored once.
#[tokio::test]
async fn what_a_killed_chat_took_is_sent_by_the_next_one() {
    let world = World::start(USUAL, 2, |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let b = Person::at(&world.msg(0), "demo2", Device::Android)
        .await
        .id();
    let mut written = 0;
    for round in 0..5 {
        let mut chat = Chat::start(&world, "demo1", folder.path());
        chat.types("/to demo2").await;
        for _ in 0..=round * 3 {
            written += 1;
            chat.types(&format!("demo1 {written}")).await;
        }
        // Lines are taken in their order: all of them were, once this one is.
        chat.types("/outbox").await;
        chat.shows("outbox").await;
        if round == 2 {
            chat.shows("stored").await;
        }
        chat.process.kill().await.unwrap();
    }
    let mut chat = Chat::start(&world, "demo1", folder.path());
    chat.types("/to demo2").await;
    chat.shows("partner").await;
    written += 1;
    chat.types(&format!("demo1 {written}")).await;
    assert!(chat.ends().await);

    let there = stored(&world, "demo1", b).await;
    in_order(&there, "demo1", written);
    let of_server = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let file = of_server.unwrap().path().join("demo1.windows.db");
    let store = LocalStore::open(&file).await.unwrap();
    assert_eq!(texts(&store, b).await, there);
    assert_eq!(store.waiting().await.unwrap(), 0);
    store.close().await;

    // Who comes later reads all of it, and takes one back by its short number.
    let theirs = tempfile::tempdir().unwrap();
    let mut two = Chat::start(&world, "demo2", theirs.path());
    let mut numbers = Vec::new();
    while numbers.len() < written as usize {
        let shown = two.shows("message").await;
        numbers.push(shown["number"].as_u64().unwrap());
    }
    assert_eq!(numbers, (1..=u64::from(written)).collect::<Vec<_>>());
    two.types("/to demo1").await;
    two.types("hello").await;
    let number = two.shows("stored").await["number"].as_u64().unwrap();
    two.types(&format!("/edit {number} hello yourself")).await;
    assert_eq!(two.shows("revised").await["text"], "hello yourself");
    two.types("/recall").await;
    assert_eq!(two.shows("revised").await["revision"], "recalled");
    two.types("/friend add demo1: it is me").await;
    assert_eq!(two.shows("contact").await["state"], "asked");
    assert!(two.ends().await);

    // The token of the last run logs in; the history is there before anything is asked.
    let login = world.cluster.login_url();
    let arguments = ["chat", "--login", &login, "--user", "demo1", "--dir"];
    let folder = folder.path().to_str().unwrap();
    let arguments = [&arguments[..], &[folder, "--json"]].concat();
    let typed = "/to demo2\n/history 3\n/friend accept demo2\n/friends\n";
    let (ok, said) = crate::command::run(&arguments, typed).await;
    assert!(ok, "{said}");
    assert!(said.contains(&format!("demo1 {written}")), "{said}");
    assert!(said.contains("\"revision\":\"recalled\""), "{said}");
    assert!(said.contains("\"state\":\"friend\""), "{said}");
    world.end().await;
}

#[tokio::test]
async fn a_chat_that_is_started_while_every_db_proxy_is_away_waits_for_one() {
    let world = World::usual(2).await;
    for index in world.db_proxies() {
        world.cluster.stop_one(Role::DbProxy, index).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let login = world.cluster.login_url();
    let mut chat = ferrotalk(&["chat", "--login", &login, "--user", "demo1", "--dir"])
        .arg(folder.path())
        .env("FERROTALK_PASSWORD", PASSWORD)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(chat.stderr.take().unwrap()).lines();
    let told = soon("what it waits for", said.next_line()).await.unwrap();
    let told = told.unwrap();
    assert!(
        told.contains("has no db_proxy") && told.contains("trying again"),
        "{told}"
    );

    for index in world.db_proxies() {
        world.cluster.start_one(Role::DbProxy, index).await;
    }
    let mut stdin = chat.stdin.take().unwrap();
    stdin.write_all(b"demo2: here I am\n").await.unwrap();
    drop(stdin);
    let end = soon("the end of the chat", chat.wait_with_output())
        .await
        .unwrap();
    let shown = String::from_utf8(end.stdout).unwrap();
    assert!(end.status.success() && shown.contains("#1"), "{shown}");
    world.end().await;
}

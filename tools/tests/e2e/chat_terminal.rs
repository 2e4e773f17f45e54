//! `ferrotalk chat` as somebody sees it who types.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use proto::capability::{READERS, TYPING};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tools::client::{Device, Event, Outgoing};

use crate::command::ferrotalk;
use crate::person::Person;
use crate::world::{PASSWORD, World, soon};

/// A chat, and the keyboard and screen before it.
struct Terminal {
    process: Child,
    keys: tokio::fs::File,
    screen: tokio::fs::File,
    /// Everything that was shown and not looked at.
    shown: String,
    line: File,
}

impl Terminal {
    fn start(world: &World, user: &str, more: &[&str]) -> Self {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let theirs = || Stdio::from(options.open(&name).unwrap());
        let login = world.cluster.login_url();
        let arguments = ["chat", "--login", &login, "--user", user, "--no-history"];
        let process = ferrotalk(&arguments)
            .args(more)
            .env("FERROTALK_PASSWORD", PASSWORD)
            .env("TERM", "xterm")
            .stdin(theirs())
            .stdout(theirs())
            .stderr(theirs())
            .spawn()
            .unwrap();
        let ours = File::from(ours);
        Self {
            process,
            keys: tokio::fs::File::from_std(ours.try_clone().unwrap()),
            screen: tokio::fs::File::from_std(ours),
            shown: String::new(),
            line: options.open(&name).unwrap(),
        }
    }

    /// All of it at once, as an input method or a hand that is faster than the program.
    async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    /// Its end; what it says until then goes to the screen. Whether it was a good one.
    ///
    /// Ctrl-D between two lines, where no editor reads, is lost: it is pressed until it is heard.
    async fn ends(&mut self) -> bool {
        let (process, screen, keys) = (&mut self.process, &mut self.screen, &mut self.keys);
        let ending = async {
            let mut bytes = [0; 4096];
            let mut again = tokio::time::interval(Duration::from_millis(500));
            loop {
                tokio::select! {
                    end = process.wait() => return end.unwrap().success(),
                    _ = again.tick() => {
                        keys.write_all(b"\x04").await.ok();
                        keys.flush().await.ok();
                    }
                    read = screen.read(&mut bytes) => drop(read.unwrap()),
                }
            }
        };
        soon("the end of a chat", ending).await
    }

    /// Waits until a text is on the screen; what was before it has been seen.
    async fn shows(&mut self, text: &str) {
        let showing = async {
            loop {
                if let Some(at) = self.shown.find(text) {
                    self.shown.drain(..at + text.len());
                    return;
                }
                let mut bytes = [0; 4096];
                let length = self.screen.read(&mut bytes).await.unwrap();
                self.shown
                    .push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        };
        soon(&format!("{text} on the screen"), showing).await;
    }
}

#[tokio::test]
async fn somebody_types_while_others_write() {
    let world = World::usual(2).await;
    let bob = Person::at(&world.msg(0), "demo2", Device::Android).await;
    let mut alice = Terminal::start(&world, "demo1", &[]);
    let before = tcgetattr(&alice.line).unwrap().local_modes;
    alice.shows("logged in as Demo 1").await;
    alice.types("/to demo2\r").await;
    alice.shows("writing to Demo 2").await;
    alice.shows("Demo 2> ").await;

    // Tab completes what is clear, and lists what is not.
    alice.types("/friend ac\t").await;
    alice.shows("accept ").await;
    alice.types("de\t\t").await;
    alice.shows("demo1").await;
    alice.shows("demo2").await;
    alice.types("\u{15}").await;

    // What comes does not disturb what is typed, and a message has a number that names it.
    alice.types("half a ").await;
    alice.shows("half a ").await;
    let me = alice_id(&world).await;
    bob.send(&Outgoing::text(me, "in between")).await.unwrap();
    alice.shows("in between").await;
    alice.types("line\r").await;
    alice.shows("✓").await;
    alice.types("/edit 2 a whole line\r").await;
    alice.shows("made this a whole line").await;
    let there = bob.history(me, 0, 1).await.unwrap();
    assert_eq!(there[0].text().unwrap(), "a whole line");

    // A slip that was seen and mended is no failure in the end.
    alice.types("/edti 2 line\r").await;
    alice.shows("/edti is not known").await;
    assert!(alice.ends().await);
    let after = tcgetattr(&alice.line).unwrap().local_modes;
    assert_eq!(after, before, "the terminal is as it was");
    world.end().await;
}

#[tokio::test]
async fn each_sees_the_other_typing_and_what_was_read() {
    let world = World::usual(2).await;
    let shown = TYPING | READERS;
    let mut bob = Person::announcing(&world.msg(0), "demo2", Device::Windows, shown).await;
    let mut alice = Terminal::start(&world, "demo1", &[]);
    alice.shows("logged in as Demo 1").await;
    alice.types("/to demo2\r").await;
    alice.shows("Demo 2> ").await;
    let me = alice_id(&world).await;

    // A command is nobody else's business; a message is, and no more when it is not written after all.
    alice.types("/wh").await;
    alice.types("\u{15}hel").await;
    let with_me = bob.sees_typing().await;
    assert_eq!((with_me.user_id, with_me.typing), (me, true));
    alice.types("\u{15}").await;
    assert!(!bob.sees_typing().await.typing);

    alice.types("one\r").await;
    alice.shows("✓").await;
    alice.types("two\r").await;
    alice.shows("#2 to Demo 2").await;
    bob.mark_read(me, 1).await.unwrap();
    alice.shows("✓✓").await;
    alice.shows("read by Demo 2").await;
    alice.types("/seen\r").await;
    alice.shows("Demo 2 has read up to 1").await;
    bob.say_typing(me, true).await.unwrap();
    alice.shows("Demo 2 is typing").await;
    bob.says(me, "three").await;
    alice.shows("three").await;
    bob.mark_read(me, 3).await.unwrap();
    alice.shows("✓✓").await;
    alice.shows("read by Demo 2").await;
    alice.types("/seen\r").await;
    alice.shows("Demo 2 has read everything").await;
    let read = |event| match event {
        Event::ReadBy(read) => Some((read.user_id, read.id)),
        _ => None,
    };
    assert_eq!(bob.sees("what alice read", read).await, (me, 3));

    assert!(alice.ends().await);
    world.end().await;
}

#[tokio::test]
async fn who_wants_to_be_private_shows_nothing_and_is_shown_nothing() {
    let world = World::usual(2).await;
    let shown = TYPING | READERS;
    let mut bob = Person::announcing(&world.msg(0), "demo2", Device::Windows, shown).await;
    let mut alice = Terminal::start(&world, "demo1", &["--private"]);
    alice.shows("logged in as Demo 1").await;
    let me = alice_id(&world).await;
    bob.says(me, "one").await;
    alice.shows("one").await;
    alice.types("two\r").await;
    alice.shows("✓").await;
    alice.types("/seen\r").await;
    alice.shows("started with --private").await;
    // It ends when what it has read is marked.
    assert!(alice.ends().await);
    let told = bob.so_far().await;
    let shows = |event: &Event| matches!(event, Event::Typing(_) | Event::ReadBy(_));
    assert!(!told.iter().any(shows), "{told:?}");
    world.end().await;
}

async fn alice_id(world: &World) -> u32 {
    Person::at(&world.msg(1), "demo1", Device::Android)
        .await
        .id()
}

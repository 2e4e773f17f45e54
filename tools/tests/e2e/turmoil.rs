//! Two people who write to each other steadily, whatever dies meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use futures_util::future::join;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tools::client::{
    Address, Client, Device, Event, Message, Outgoing, RequestError, SendError, Session, Status,
};
use tools::cluster::{Role, Topology};

use crate::pair::Private;
use crate::person::Person;
use crate::world::{LOOK, PASSWORD, World, soon};

/// Between two messages of one writer: steady, and fast enough that every kill hits some.
const PACE: Duration = Duration::from_millis(5);

pub(crate) fn no_limits(topology: &mut Topology) {
    topology.limits = false;
}

/// Who is killed.
pub(crate) enum Victim<'a> {
    /// A process, which is started again at once.
    Process(Role, usize),
    /// `mysql` or `redis`, which is started again after so long.
    Server(&'a Private, &'static str, Duration),
}

impl fmt::Display for Victim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(role, index) => write!(f, "{role}.{index}"),
            Self::Server(_, name, away) => write!(f, "{name} ({away:?})"),
        }
    }
}

impl Victim<'_> {
    async fn die(&self, world: &World) {
        match self {
            Self::Process(role, index) => world.kill_minus_nine(*role, *index).await,
            Self::Server(private, name, away) => {
                private.kill(name);
                sleep(*away).await;
                private.start_again(name);
            }
        }
    }
}

/// Writes numbered messages, each until it is acknowledged.
struct Writer<'a> {
    user: &'static str,
    to: u32,
    session: RefCell<Session>,
    /// Where to come back from a lost connection; who has no such place must not lose his.
    home: Option<&'a World>,
    /// What was acknowledged: text and number.
    acked: RefCell<Vec<(String, u32)>>,
}

impl<'a> Writer<'a> {
    fn new(user: &'static str, session: Session, to: u32, home: Option<&'a World>) -> Self {
        Self {
            user,
            to,
            session: RefCell::new(session),
            home,
            acked: RefCell::default(),
        }
    }

    async fn write_until(&self, done: &Cell<bool>) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !done.get() {
            pace.tick().await;
            let text = format!("{} {}", self.user, self.acked.borrow().len() + 1);
            let id = self.send(&Outgoing::text(self.to, &text)).await;
            self.acked.borrow_mut().push((text, id));
        }
    }

    async fn send(&self, message: &Outgoing) -> u32 {
        loop {
            let session = self.session.borrow().clone();
            match session.send(message).await {
                Ok(id) => return id.get(),
                Err(SendError::Request(RequestError::Closed(reason))) => {
                    let home = self.home.unwrap_or_else(|| {
                        panic!("{} lost a connection that nobody cut: {reason}", self.user)
                    });
                    *self.session.borrow_mut() = come_back_elsewhere(home, self.user).await.session;
                }
                // Refused or unanswered: the same message again is safe.
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    fn count(&self) -> usize {
        self.acked.borrow().len()
    }
}

/// What a client does that lost its connection: asks login_server again until it is let in.
pub(crate) async fn come_back(world: &World, user: &str) -> Person {
    soon("a new login", async {
        loop {
            let address = world.address().await;
            if let Some(person) = log_in(&address, user).await {
                return person;
            }
            sleep(LOOK).await;
        }
    })
    .await
}

/// As [`come_back`], but never to the first msg_server, so that the route_servers keep having something to do.
async fn come_back_elsewhere(world: &World, user: &str) -> Person {
    soon("a new login", async {
        loop {
            for index in 1..world.topology().ports.msg.len() {
                if let Some(person) = log_in(&world.msg(index), user).await {
                    return person;
                }
            }
            sleep(LOOK).await;
        }
    })
    .await
}

async fn log_in(address: &Address, user: &str) -> Option<Person> {
    let client = Client::connect(address).await.ok()?;
    let login = client.login(user, PASSWORD, Device::Windows, Status::Online);
    let (session, events) = login.await.ok()?;
    Some(Person { session, events })
}

/// Notes every message that comes, for as long as it is polled; the connection must not end.
async fn listen(person: &mut Person, heard: &RefCell<Vec<u32>>) -> std::convert::Infallible {
    loop {
        match person.events.next().await {
            Some(Event::Message(message)) => heard.borrow_mut().push(message.id),
            Some(Event::Closed(reason)) => panic!("a connection that nobody cut ended: {reason}"),
            Some(Event::Lagged { lost }) => panic!("{lost} events lost"),
            Some(_) => {}
            None => unreachable!("the end was told before"),
        }
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(LOOK).await;
        }
    };
    soon(what, waiting).await;
}

/// The whole conversation, oldest first.
pub(crate) async fn history(person: &Person, peer: u32) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let begin = all.last().map_or(0, |oldest| oldest.id - 1);
        let page = person.history(peer, begin, 500).await.unwrap();
        let at_the_end = page.last().is_none_or(|oldest| oldest.id == 1);
        all.extend(page);
        if at_the_end {
            all.reverse();
            return all;
        }
    }
}

/// Alice and Bob write to each other steadily while these are killed in turn, none of which has Alice or Bob's phone
/// on it.
pub(crate) async fn chat_through(world: World, victims: &[Victim<'_>]) {
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut phone = Person::at(&world.msg(0), "demo2", Device::Android).await;
    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (a, b) = (alice.id(), bob.id());

    let alice_writes = Writer::new("demo1", alice.session.clone(), b, None);
    let bob_writes = Writer::new("demo2", bob.session.clone(), a, Some(&world));
    let alice_heard = RefCell::new(Vec::new());
    let phone_heard = RefCell::new(Vec::new());
    let done = Cell::new(false);

    let progress = async |what: &str| {
        let (by_alice, by_bob) = (alice_writes.count(), bob_writes.count());
        let heard = alice_heard.borrow().len();
        until(what, || {
            alice_writes.count() >= by_alice + 20
                && bob_writes.count() >= by_bob + 20
                && alice_heard.borrow().len() >= heard + 20
        })
        .await;
    };
    let killing = async {
        for victim in victims {
            progress(&format!("a chat before {victim} is killed")).await;
            victim.die(&world).await;
            world.ready().await;
        }
        progress("a chat after everything was killed").await;
        done.set(true);
    };
    let story = async {
        let writing = join(
            alice_writes.write_until(&done),
            bob_writes.write_until(&done),
        );
        join(writing, killing).await;

        // Everything is healed: whoever stayed online gets what is missing.
        let by_alice: BTreeSet<u32> = ids(&alice_writes);
        let by_bob: BTreeSet<u32> = ids(&bob_writes);
        until("all pushes of Bob's messages to Alice", || {
            by_bob.is_subset(&alice_heard.borrow().iter().copied().collect())
        })
        .await;
        until("all pushes to Bob's phone", || {
            let heard: BTreeSet<u32> = phone_heard.borrow().iter().copied().collect();
            by_bob.is_subset(&heard) && by_alice.is_subset(&heard)
        })
        .await;
    };
    tokio::select! {
        (never, _) = join(listen(&mut alice, &alice_heard), listen(&mut phone, &phone_heard)) => match never {},
        () = story => {}
    }

    // In the order of their numbers 1 … n, each acknowledged message is there once, in the order of its writer.
    let stored = history(&alice, b).await;
    let numbers: Vec<u32> = stored.iter().map(|message| message.id).collect();
    let count = u32::try_from(alice_writes.count() + bob_writes.count()).unwrap();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
    for (writer, id) in [(&alice_writes, a), (&bob_writes, b)] {
        let written = stored.iter().filter(|message| message.from == id);
        let written: Vec<_> = written.map(|m| (m.text().unwrap(), m.id)).collect();
        assert_eq!(written, *writer.acked.borrow());
    }
    for (who, heard) in [("Alice", &alice_heard), ("Bob's phone", &phone_heard)] {
        let mut times = BTreeMap::new();
        for id in heard.borrow().iter() {
            *times.entry(*id).or_insert(0) += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{who} got twice: {twice:?}");
    }
    world.end().await;
}

fn ids(writer: &Writer<'_>) -> BTreeSet<u32> {
    writer.acked.borrow().iter().map(|(_, id)| *id).collect()
}

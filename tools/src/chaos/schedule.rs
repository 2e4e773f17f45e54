//! Which faults come when: a pure function of a seed and of what there is to be broken.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::cluster::{Counts, Role};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and after a while SIGCONT.
    Stop,
    /// SIGTERM.
    Restart,
    /// Links between processes break, or are silent for a while.
    Cut,
}

/// A kind of victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Target {
    /// db_proxies, and links to them.
    #[value(name = "db_proxy")]
    DbProxy,
    /// route_servers, and links to them.
    #[value(name = "route_server")]
    RouteServer,
    /// login_servers, and links to them.
    #[value(name = "login_server")]
    LoginServer,
    /// msg_servers, and all links of one of them.
    #[value(name = "msg_server")]
    MsgServer,
    /// The database, and the link to it.
    Mariadb,
    /// The cache, and the link to it.
    Redis,
}

impl Target {
    fn role(self) -> Option<Role> {
        match self {
            Self::DbProxy => Some(Role::DbProxy),
            Self::RouteServer => Some(Role::RouteServer),
            Self::LoginServer => Some(Role::LoginServer),
            Self::MsgServer => Some(Role::MsgServer),
            Self::Mariadb | Self::Redis => None,
        }
    }
}

/// A server that is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Database {
    /// Holds everything.
    Mariadb,
    /// Holds copies.
    Redis,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
        })
    }
}

/// Who is signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// One of our processes.
    Process(Role, usize),
    /// A database.
    Database(Database),
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(role, index) => write!(f, "{role}.{index}"),
            Self::Database(database) => database.fmt(f),
        }
    }
}

/// Which links are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The one of a msg_server to another process.
    One(usize, Role, usize),
    /// All of a msg_server.
    From(usize),
    /// All to a process.
    To(Role, usize),
    /// All to a database.
    Database(Database),
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(msg, role, index) => write!(f, "msg_server.{msg} to {role}.{index}"),
            Self::From(msg) => write!(f, "msg_server.{msg} to all others"),
            Self::To(role, index) => write!(f, "all to {role}.{index}"),
            Self::Database(database) => write!(f, "all to {database}"),
        }
    }
}

/// How links are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Connections are reset, new ones are closed at once.
    Reset,
    /// Nothing passes; nobody is told. Afterwards everything passes that waited.
    Hold,
}

/// What is done, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL; a database is started again after a while, our processes by whoever watches them.
    Kill(Victim, Duration),
    /// SIGSTOP and SIGCONT.
    Stop(Victim, Duration),
    /// SIGTERM; as with SIGKILL.
    Restart(Victim, Duration),
    /// Links are cut for a while.
    Cut(Links, Cut, Duration),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(victim, _) => write!(f, "kill {victim}"),
            Self::Stop(victim, time) => write!(f, "stop {victim} for {} ms", time.as_millis()),
            Self::Restart(victim, _) => write!(f, "restart {victim}"),
            Self::Cut(links, cut, time) => {
                let cut = match cut {
                    Cut::Reset => "cut",
                    Cut::Hold => "hold",
                };
                write!(f, "{cut} {links} for {} ms", time.as_millis())
            }
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counts from 1.
    pub number: u32,
    /// How long everything was whole before.
    pub after: Duration,
    /// What is done.
    pub act: Act,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, after, act } = self;
        write!(f, "{number:>3} after {:>5} ms  {act}", after.as_millis())
    }
}

/// What there is to be broken, and how.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Our processes.
    pub counts: Counts,
    /// Databases that may be broken.
    pub databases: Vec<Database>,
    /// What may be done; not empty.
    pub kinds: Vec<Kind>,
    /// To whom.
    pub targets: Vec<Target>,
    /// The middle of the pauses; each is half of that to three halves.
    pub pause: Duration,
    /// For how long something is stopped or cut off at most.
    pub longest: Duration,
}

/// Milliseconds for which something is stopped or cut off at least.
const HICCUP: u64 = 200;

/// Milliseconds after which a database is started again.
const AWAY: RangeInclusive<u64> = 100..=2_000;

/// The faults of a run, without an end.
#[derive(Debug)]
pub struct Schedule {
    random: fastrand::Rng,
    shape: Shape,
    victims: Vec<Victim>,
    number: u32,
}

impl Schedule {
    /// The one of a seed; `None` when the shape has nobody to break.
    pub fn new(seed: u64, shape: Shape) -> Option<Self> {
        let of = |role: Role| match role {
            Role::DbProxy => shape.counts.db,
            Role::RouteServer => shape.counts.route,
            Role::LoginServer => shape.counts.login,
            Role::MsgServer => shape.counts.msg,
        };
        let mut victims = Vec::new();
        for target in &shape.targets {
            if let Some(role) = target.role() {
                victims.extend((0..of(role)).map(|i| Victim::Process(role, i.into())));
            }
        }
        for database in &shape.databases {
            let target = match database {
                Database::Mariadb => Target::Mariadb,
                Database::Redis => Target::Redis,
            };
            if shape.targets.contains(&target) {
                victims.push(Victim::Database(*database));
            }
        }
        (!victims.is_empty() && !shape.kinds.is_empty()).then(|| Self {
            random: fastrand::Rng::with_seed(seed),
            shape,
            victims,
            number: 0,
        })
    }

    fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }

    /// From a hiccup to longer than anybody should wait.
    fn a_while(&mut self) -> Duration {
        let longest = u64::try_from(self.shape.longest.as_millis()).unwrap_or(u64::MAX);
        self.millis(HICCUP..=longest.max(HICCUP))
    }

    fn links(&mut self, victim: Victim) -> Links {
        match victim {
            Victim::Database(database) => Links::Database(database),
            Victim::Process(Role::MsgServer, index) => Links::From(index),
            Victim::Process(role, index) if self.random.bool() => Links::To(role, index),
            Victim::Process(role, index) => {
                let msg = self.random.usize(0..usize::from(self.shape.counts.msg));
                Links::One(msg, role, index)
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        let pause = u64::try_from(self.shape.pause.as_millis()).unwrap_or(u64::MAX / 4);
        let after = self.millis(pause / 2..=pause + pause / 2);
        let kind = self.shape.kinds[self.random.usize(0..self.shape.kinds.len())];
        let victim = self.victims[self.random.usize(0..self.victims.len())];
        let act = match kind {
            Kind::Kill => Act::Kill(victim, self.millis(AWAY)),
            Kind::Restart => Act::Restart(victim, self.millis(AWAY)),
            Kind::Stop => Act::Stop(victim, self.a_while()),
            Kind::Cut => {
                let links = self.links(victim);
                let cut = if self.random.bool() {
                    Cut::Reset
                } else {
                    Cut::Hold
                };
                Act::Cut(links, cut, self.a_while())
            }
        };
        self.number += 1;
        Some(Fault {
            number: self.number,
            after,
            act,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shape() -> Shape {
        Shape {
            counts: Counts {
                login: 2,
                route: 2,
                db: 2,
                msg: 3,
            },
            databases: vec![Database::Mariadb],
            kinds: vec![Kind::Kill, Kind::Stop, Kind::Restart, Kind::Cut],
            targets: vec![Target::DbProxy, Target::MsgServer, Target::Mariadb],
            pause: Duration::from_secs(2),
            longest: Duration::from_secs(6),
        }
    }

    #[test]
    fn a_seed_is_a_schedule() {
        let faults = |seed| -> Vec<Fault> {
            let schedule = Schedule::new(seed, shape()).unwrap();
            schedule.take(50).collect()
        };
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn everybody_has_a_turn_and_nobody_else() {
        let schedule = Schedule::new(1, shape()).unwrap();
        let said: BTreeSet<String> = schedule
            .take(500)
            .map(|fault| {
                let act = fault.act.to_string();
                act.split(" for ").next().unwrap().to_owned()
            })
            .collect();
        for wanted in [
            "kill msg_server.2",
            "stop mariadb",
            "restart db_proxy.1",
            "hold msg_server.0 to all others",
            "cut msg_server.1 to db_proxy.0",
            "hold all to db_proxy.1",
            "cut all to mariadb",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said:#?}");
        }
        assert!(
            !said
                .iter()
                .any(|act| act.contains("redis") || act.contains("login_server"))
        );
    }

    #[test]
    fn without_a_victim_there_is_no_schedule() {
        let targets = vec![Target::Redis];
        assert!(Schedule::new(1, Shape { targets, ..shape() }).is_none());
    }
}

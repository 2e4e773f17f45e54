//! What a seed decides: who is there, what they do, and what goes wrong when.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use proto::im::base_define::ClientType;

use crate::conversation::Conversation;

pub(crate) const MSG_SERVERS: usize = 3;
pub(crate) const ROUTE_SERVERS: usize = 2;
pub(crate) const DB_PROXIES: usize = 2;
/// Hosts on which the devices are.
pub(crate) const HOMES: usize = 3;
const USERS: u32 = 5;
/// Each with its members.
pub(crate) const GROUPS: [(u32, &[u32]); 2] = [(1, &[1, 2, 3, 4, 5]), (2, &[1, 3])];

/// Nothing goes wrong before, so that some are logged in by then.
const CALM: Duration = Duration::from_secs(2);
/// Everything is mended then, and nobody begins anything any more.
pub(crate) const HEALED: Duration = Duration::from_secs(24);
/// By then everything has to be as it should: a connection whose other end is gone is noticed within 30 s, dialled again
/// within 2 s, and whom a route_server no longer confirms is forgotten 10 s later.
pub(crate) const END: Duration = Duration::from_secs(80);

/// The whole of a run.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// A message takes up to this long on its way.
    pub(crate) latency: Duration,
    /// Twice up to this long for each request to the store.
    pub(crate) store_delay: Duration,
    pub(crate) devices: Vec<DevicePlan>,
    pub(crate) faults: Vec<Fault>,
}

/// A user's client and what it will do.
#[derive(Clone)]
pub(crate) struct DevicePlan {
    pub(crate) user: u32,
    pub(crate) kind: ClientType,
    pub(crate) home: usize,
    pub(crate) first_login: Duration,
    /// When it hangs up of its own accord, to come back on some server.
    pub(crate) moves: Vec<Duration>,
    pub(crate) messages: Vec<(Duration, Conversation)>,
    /// When it goes for good. All devices of a user do so together, so that some are offline in the end.
    pub(crate) leaves: Option<Duration>,
}

/// Something that goes wrong for a while.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) at: Duration,
    pub(crate) until: Duration,
    pub(crate) kind: FaultKind,
    pub(crate) host: String,
    /// The other host; the same one where only one is concerned.
    pub(crate) other: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// What the two send each other is lost.
    Partition,
    /// What the first sends the second is lost.
    OneWay,
    /// What the two send each other arrives when the fault is over, all at once.
    Hold,
    /// The processes of the host die; its system closes their connections.
    Crash,
    /// The host goes dark: nobody is told.
    PowerLoss,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            seed,
            latency: Duration::from_millis(*rng.choice(&[1, 10, 40, 150]).unwrap_or(&1)),
            store_delay: Duration::from_millis(*rng.choice(&[0, 5, 50]).unwrap_or(&0)),
            devices: devices(&mut rng),
            faults: faults(&mut rng),
        }
    }
}

fn devices(rng: &mut Rng) -> Vec<DevicePlan> {
    let mut devices = Vec::new();
    for user in 1..=USERS {
        let leaves = (rng.u32(0..3) == 0).then(|| between(rng, 2 * CALM, HEALED));
        let mut kinds = vec![ClientType::Windows];
        // A phone is beside the desktop; a second desktop displaces the first.
        if rng.bool() {
            kinds.push(ClientType::Ios);
        }
        if rng.u32(0..3) == 0 {
            kinds.push(ClientType::Mac);
        }
        for kind in kinds {
            let mut times = |most: usize| {
                let count = rng.usize(0..=most);
                let mut times: Vec<Duration> = (0..count)
                    .map(|_| between(rng, Duration::ZERO, HEALED))
                    .collect();
                times.sort_unstable();
                times
            };
            let (moves, sends) = (times(2), times(14));
            let messages = sends.into_iter().map(|at| (at, addressee(rng, user)));
            let messages = messages.collect();
            devices.push(DevicePlan {
                user,
                kind,
                home: rng.usize(0..HOMES),
                first_login: between(rng, Duration::ZERO, 2 * CALM),
                moves,
                messages,
                leaves,
            });
        }
    }
    devices
}

fn addressee(rng: &mut Rng, user: u32) -> Conversation {
    let of_his: Vec<u32> = GROUPS
        .iter()
        .filter(|(_, members)| members.contains(&user))
        .map(|(group, _)| *group)
        .collect();
    match rng.choice(&of_his) {
        Some(group) if rng.u32(0..3) == 0 => Conversation::Group(*group),
        _ => {
            let other = (user + rng.u32(1..USERS) - 1) % USERS + 1;
            Conversation::Single(user.min(other), user.max(other))
        }
    }
}

fn faults(rng: &mut Rng) -> Vec<Fault> {
    let count = rng.usize(1..=8);
    let mut faults: Vec<Fault> = Vec::new();
    for _ in 0..count {
        let at = between(rng, CALM, HEALED);
        let lasts = Duration::from_millis(match rng.u32(0..4) {
            0 => rng.u64(20..200),
            1 | 2 => rng.u64(200..4_000),
            _ => rng.u64(4_000..20_000),
        });
        let (kind, host, other) = what_and_where(rng);
        let fault = Fault {
            at,
            until: (at + lasts).min(HEALED),
            kind,
            host,
            other,
        };
        // Now and then to all of a kind at once: what one of two keeps working would hide much.
        let to_both = (rng.u32(0..3) == 0).then(|| fault.on_the_other_one());
        for fault in [Some(fault), to_both.flatten()].into_iter().flatten() {
            // One at a time for each host and each pair: the end of one would end the other.
            let in_the_way = |earlier: &Fault| earlier.is_in_the_way_of(&fault);
            if !faults.iter().any(in_the_way) {
                faults.push(fault);
            }
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn what_and_where(rng: &mut Rng) -> (FaultKind, String, String) {
    let msg = format!("msg-{}", rng.usize(0..MSG_SERVERS));
    let other = match rng.u32(0..7) {
        0..=2 => format!("route-{}", rng.usize(0..ROUTE_SERVERS)),
        3 | 4 => format!("db-{}", rng.usize(0..DB_PROXIES)),
        _ => format!("home-{}", rng.usize(0..HOMES)),
    };
    match rng.u32(0..10) {
        0..=2 => (FaultKind::Partition, msg, other),
        3 if rng.bool() => (FaultKind::OneWay, msg, other),
        3 => (FaultKind::OneWay, other, msg),
        4..=6 => (FaultKind::Hold, msg, other),
        kind => {
            // Homes don't die: what a device has seen would have to be forgotten.
            let host = match other.starts_with("home") {
                true => msg,
                false if rng.bool() => msg,
                false => other,
            };
            let kind = match kind {
                7 | 8 => FaultKind::Crash,
                _ => FaultKind::PowerLoss,
            };
            (kind, host.clone(), host)
        }
    }
}

impl Fault {
    fn is_in_the_way_of(&self, other: &Self) -> bool {
        let mut shared = self.at <= other.until && other.at <= self.until;
        let both = [&self.host, &self.other];
        shared &= match (self.is_of_one_host(), other.is_of_one_host()) {
            (true, true) => self.host == other.host,
            (true, false) => [&other.host, &other.other].contains(&&self.host),
            (false, true) => both.contains(&&other.host),
            (false, false) => both.contains(&&other.host) && both.contains(&&other.other),
        };
        shared
    }

    /// The same with the other route_server or db_proxy, if it is about one of them.
    fn on_the_other_one(&self) -> Option<Self> {
        let other_one = |host: &str| match host {
            "route-0" => Some("route-1".to_owned()),
            "route-1" => Some("route-0".to_owned()),
            "db-0" => Some("db-1".to_owned()),
            "db-1" => Some("db-0".to_owned()),
            _ => None,
        };
        let (host, other) = (other_one(&self.host), other_one(&self.other));
        (host.is_some() || other.is_some()).then(|| Self {
            host: host.unwrap_or_else(|| self.host.clone()),
            other: other.unwrap_or_else(|| self.other.clone()),
            ..self.clone()
        })
    }

    fn is_of_one_host(&self) -> bool {
        self.host == self.other
    }
}

fn between(rng: &mut Rng, from: Duration, to: Duration) -> Duration {
    Duration::from_millis(rng.u64(from.as_millis() as u64..to.as_millis() as u64))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, host) = (self.kind, &self.host);
        if self.is_of_one_host() {
            return write!(f, "{kind:?} {host}");
        }
        let arrow = match kind {
            FaultKind::OneWay => "->",
            _ => "--",
        };
        write!(f, "{kind:?} {host} {arrow} {}", self.other)
    }
}

impl fmt::Display for DevicePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.user, self.kind)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            latency,
            store_delay,
            ..
        } = self;
        write!(
            f,
            "seed {seed}: latency up to {latency:?}, store up to {:?}, {} devices",
            2 * *store_delay,
            self.devices.len()
        )?;
        for fault in &self.faults {
            let (from, to) = (fault.at.as_secs_f64(), fault.until.as_secs_f64());
            write!(f, "\n  {from:.3} to {to:.3}: {fault}")?;
        }
        Ok(())
    }
}

//! The hosts of a run and the passing of its time.

use std::future::pending;
use std::panic;
use std::sync::Arc;
use std::time::Duration;

use im_base::shutdown::Shutdown;
use im_base::task::Tasks;
use turmoil::{Builder, Sim};

use crate::device::Device;
use crate::model::{self, Model, Store};
use crate::plan::{
    DB_PROXIES, END, FaultKind, GROUPS, HEALED, HOMES, MSG_SERVERS, Plan, ROUTE_SERVERS,
};
use crate::properties::{self, Violation};
use crate::record::Record;

/// How far time goes at once. What is sent arrives at such a moment.
const TICK: Duration = Duration::from_millis(10);

/// Frames on their way of one connection; more than any hold gathers.
const SOCKET_FRAMES: usize = 4096;

const ROUTE_PORT: u16 = 8200;
pub(crate) const CLIENT_PORT: u16 = 8000;

/// Silence after which a msg_server takes a client for gone: as short as that between servers, to shorten runs.
const CLIENT_SILENCE_SECONDS: u64 = 30;

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) events: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) summary: String,
}

/// Runs a seed to its end.
pub(crate) fn run(seed: u64) -> Outcome {
    let plan = Plan::new(seed);
    let record = Arc::new(Record::default());
    let panics = record.clone();
    panic::set_hook(Box::new(move |what| panics.panicked(what.to_string())));

    let model = Arc::new(Model::new(store(), seed, plan.store_delay));
    let mut sim = Builder::new()
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(plan.latency)
        .tcp_capacity(SOCKET_FRAMES)
        .simulation_duration(2 * END)
        .rng_seed(seed)
        .enable_random_order()
        .build();
    add_servers(&mut sim, &model);
    add_homes(&mut sim, &plan, &record);

    let mut broke_down = None;
    let mut faults = Faults::new(&plan);
    while sim.elapsed() < END && broke_down.is_none() {
        faults.apply(&mut sim, &record);
        broke_down = sim.step().err();
    }
    let mut violations = properties::check(&plan, &record, &model.store.lock());
    if let Some(error) = broke_down {
        violations.insert(0, Violation::broke_down(error.to_string()));
    }
    Outcome {
        summary: properties::summary(&record, &model.store.lock()),
        events: record.events(),
        violations,
        plan,
    }
}

fn store() -> Store {
    let mut store = Store::default();
    for (group, members) in GROUPS {
        let group_of_these = model::Group {
            version: 1,
            members: members.iter().copied().collect(),
        };
        store.groups.insert(group, group_of_these);
    }
    store
}

fn add_servers(sim: &mut Sim<'_>, model: &Arc<Model>) {
    for at in 0..DB_PROXIES {
        let model = model.clone();
        sim.host(format!("db-{at}"), move || {
            let model = model.clone();
            async move { Ok(model::run(model).await?) }
        });
    }
    for at in 0..ROUTE_SERVERS {
        sim.host(format!("route-{at}"), || async {
            let mut config = route_server::Config::default();
            config.servers.listen = format!("0.0.0.0:{ROUTE_PORT}");
            let _started = route_server::start(config, Shutdown::new()).await?;
            pending().await
        });
    }
    for at in 0..MSG_SERVERS {
        sim.host(format!("msg-{at}"), || async {
            let _started = msg_server::start(msg_config(), Shutdown::new()).await?;
            pending().await
        });
    }
}

fn msg_config() -> msg_server::Config {
    let all = |name: &str, count: usize, port: u16| {
        (0..count).map(|at| format!("{name}-{at}:{port}")).collect()
    };
    let mut config = msg_server::Config::default();
    config.clients.listen = format!("0.0.0.0:{CLIENT_PORT}");
    config.websocket.listen = String::new();
    config.api.listen = String::new();
    config.peers.login = Vec::new();
    config.peers.route = all("route", ROUTE_SERVERS, ROUTE_PORT);
    config.peers.db = all("db", DB_PROXIES, model::PORT);
    config.limits.enabled = false;
    config.limits.desktop_silence_seconds = CLIENT_SILENCE_SECONDS;
    config.limits.mobile_silence_seconds = CLIENT_SILENCE_SECONDS;
    config
}

fn add_homes(sim: &mut Sim<'_>, plan: &Plan, record: &Arc<Record>) {
    for home in 0..HOMES {
        let devices: Vec<_> = (0..)
            .zip(&plan.devices)
            .filter(|(_, device)| device.home == home)
            .map(|(at, device)| (at, device.clone()))
            .collect();
        let (record, seed) = (record.clone(), plan.seed);
        sim.host(format!("home-{home}"), move || {
            let (devices, record) = (devices.clone(), record.clone());
            async move {
                let tasks = Tasks::default();
                for (at, plan) in devices {
                    let device = Device::new(at, plan, seed, record.clone());
                    tasks.spawn("device", device.live());
                }
                pending().await
            }
        });
    }
}

/// What goes wrong, and what of it has to be mended.
struct Faults {
    /// In the order of time; the last one first.
    to_come: Vec<crate::plan::Fault>,
    there: Vec<crate::plan::Fault>,
}

impl Faults {
    fn new(plan: &Plan) -> Self {
        let mut to_come = plan.faults.clone();
        to_come.reverse();
        Self {
            to_come,
            there: Vec::new(),
        }
    }

    /// Lets those begin and end whose time has come.
    fn apply(&mut self, sim: &mut Sim<'_>, record: &Record) {
        let now = sim.elapsed();
        let (over, there) = self.there.drain(..).partition(|fault| now >= fault.until);
        self.there = there;
        for fault in over {
            record.event_at(now, "", format_args!("END {fault}"));
            let (host, other) = (fault.host.as_str(), fault.other.as_str());
            match fault.kind {
                FaultKind::Partition => sim.repair(host, other),
                FaultKind::OneWay => sim.repair_oneway(host, other),
                FaultKind::Hold => sim.release(host, other),
                FaultKind::Crash => sim.bounce(host),
                FaultKind::PowerLoss => {
                    others(host).for_each(|other| sim.repair(host, other));
                    sim.bounce(host);
                }
            }
        }
        while let Some(fault) = self.to_come.pop_if(|fault| now >= fault.at) {
            record.event_at(now, "", format_args!("BEGIN {fault}"));
            let (host, other) = (fault.host.as_str(), fault.other.as_str());
            match fault.kind {
                FaultKind::Partition => sim.partition(host, other),
                FaultKind::OneWay => sim.partition_oneway(host, other),
                FaultKind::Hold => sim.hold(host, other),
                FaultKind::Crash => sim.crash(host),
                FaultKind::PowerLoss => {
                    others(host).for_each(|other| sim.partition(host, other));
                    sim.crash(host);
                }
            }
            self.there.push(fault);
        }
        debug_assert!(now <= HEALED || self.there.is_empty());
    }
}

/// Every host but one.
fn others(host: &str) -> impl Iterator<Item = String> {
    let kinds = [
        ("msg", MSG_SERVERS),
        ("route", ROUTE_SERVERS),
        ("db", DB_PROXIES),
        ("home", HOMES),
    ];
    let all = kinds
        .into_iter()
        .flat_map(|(kind, count)| (0..count).map(move |at| format!("{kind}-{at}")));
    all.filter(move |other| other != host)
}

//! The processes of one topology, together.

use std::sync::Arc;
use std::time::Duration;

use im_base::task::Tasks;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::ClusterError;
use super::api_key;
use super::child::{Keeper, State, Wish};
use super::lock::DirLock;
use super::logs::LogSink;
use super::ports::{PortError, PortPlan};
use super::private_file;
use super::ready;
use super::run_file::{RunEntry, RunFile};
use super::topology::{Role, Topology};
use crate::certificates::development;

/// Between two looks at whether everything is ready.
const POLL: Duration = Duration::from_millis(25);

/// The order of stopping: whoever has clients first, whoever is asked by others last.
const STOP_ORDER: [Role; 4] = [
    Role::MsgServer,
    Role::LoginServer,
    Role::RouteServer,
    Role::DbProxy,
];

/// A running topology. Dropping it kills what still runs; [`Cluster::stop`] is the gentle way.
#[derive(Debug)]
pub struct Cluster {
    topology: Arc<Topology>,
    run_file: Arc<RunFile>,
    children: Vec<Handle>,
    /// They end by themselves, and kill their processes, when the handles are gone.
    tasks: Tasks,
    _lock: DirLock,
}

#[derive(Debug)]
struct Handle {
    role: Role,
    index: usize,
    wish: watch::Sender<Wish>,
    state: watch::Receiver<State>,
}

/// A process that is just being started holds for a moment what its starter had open, also a port that was only looked at: what is
/// taken is looked at again.
fn check_free(ports: &PortPlan, with_tls: bool) -> Result<(), PortError> {
    const TIMES: u32 = 5;
    for _ in 1..TIMES {
        match ports.check_free(with_tls) {
            Err(PortError::Taken { .. }) => std::thread::sleep(Duration::from_millis(20)),
            other => return other,
        }
    }
    ports.check_free(with_tls)
}

impl Cluster {
    /// Checks the ports, writes the configuration files and starts every process. Does not wait until they are ready.
    ///
    /// When one cannot be started, those that were are killed.
    pub fn start(topology: Topology, logs: LogSink) -> Result<Self, ClusterError> {
        let lock = DirLock::take(&topology.dir)?;
        let security = topology.security;
        check_free(&topology.ports, security.clients)?;
        if security.clients || security.links {
            development(&topology.certificates(), &[], false)?;
        }
        api_key::keep(&topology.api_key_path())?;
        let topology = Arc::new(topology);
        let mut cluster = Self {
            run_file: Arc::new(RunFile::new(&topology.dir)),
            topology,
            children: Vec::new(),
            tasks: Tasks::default(),
            _lock: lock,
        };
        for (role, index) in cluster.topology.processes() {
            cluster.start_child(role, index, logs.clone())?;
        }
        Ok(cluster)
    }

    fn start_child(&mut self, role: Role, index: usize, logs: LogSink) -> Result<(), ClusterError> {
        let path = self.topology.config_path(role, index);
        let config = self.topology.config(role, index);
        // The URLs of store and cache may have passwords in them.
        private_file::write(&path, &config.to_string())?;
        let (wish_sender, wish) = watch::channel(Wish::Run);
        let (state_sender, state) = watch::channel(State::Down);
        let keeper = Keeper {
            topology: self.topology.clone(),
            role,
            index,
            run_file: self.run_file.clone(),
            logs,
            wish,
            state: state_sender,
        };
        let child = keeper.spawn()?;
        self.tasks.spawn(role.name(), keeper.keep(child));
        self.children.push(Handle {
            role,
            index,
            wish: wish_sender,
            state,
        });
        Ok(())
    }

    /// What was started.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The URL that clients are given.
    pub fn login_url(&self) -> String {
        self.topology.login_url()
    }

    /// The processes as `run.json` has them.
    pub fn processes(&self) -> Vec<RunEntry> {
        self.run_file.list()
    }

    /// Waits until a login would succeed through every process. Cancel-safe.
    pub async fn ready(&self, deadline: Duration) -> Result<(), ClusterError> {
        let due = Instant::now() + deadline;
        loop {
            if let Some(refused) = self
                .children
                .iter()
                .find(|child| *child.state.borrow() == State::Refused)
            {
                return Err(ClusterError::Configuration(refused.name()));
            }
            let Some(missing) = ready::missing(&self.topology).await else {
                return Ok(());
            };
            if Instant::now() >= due {
                return Err(ClusterError::NotReady {
                    after: deadline,
                    missing,
                });
            }
            sleep(POLL).await;
        }
    }

    /// A process's number while it runs.
    ///
    /// # Panics
    /// When the topology has no such process; so do the methods below.
    pub fn pid(&self, role: Role, index: usize) -> Option<u32> {
        match *self.child(role, index).state.borrow() {
            State::Up { pid } => Some(pid),
            _ => None,
        }
    }

    /// Sends a process a signal and gives its number; `None` when it does not run now. One that ends of it is started
    /// again.
    pub fn signal(&self, role: Role, index: usize, signal: Signal) -> Option<u32> {
        let pid = self.pid(role, index)?;
        let raw = Pid::from_raw(pid.cast_signed())?;
        kill_process(raw, signal).ok().map(|()| pid)
    }

    /// Waits until a process runs that is not `old`: that a killed one was started again. Cancel-safe.
    pub async fn restarted(&self, role: Role, index: usize, old: u32) -> u32 {
        let mut state = self.child(role, index).state.clone();
        let other = |state: &State| matches!(state, State::Up { pid } if *pid != old);
        match state.wait_for(other).await.as_deref() {
            Ok(State::Up { pid }) => *pid,
            _ => old,
        }
    }

    /// Drains one process and leaves it stopped.
    pub async fn stop_one(&self, role: Role, index: usize) {
        let child = self.child(role, index);
        child.wish.send_replace(Wish::Stop);
        child.stopped().await;
    }

    /// Kills one process and leaves it stopped.
    pub async fn kill_one(&self, role: Role, index: usize) {
        let child = self.child(role, index);
        child.wish.send_replace(Wish::Kill);
        child.stopped().await;
    }

    /// Starts a stopped process; returns when it runs, before it is ready.
    pub async fn start_one(&self, role: Role, index: usize) {
        let child = self.child(role, index);
        child.wish.send_replace(Wish::Run);
        let mut state = child.state.clone();
        let settled = |state: &State| matches!(state, State::Up { .. } | State::Refused);
        drop(state.wait_for(settled).await);
    }

    /// Drains every process, msg_servers first, each within 10 s, and removes `run.json`.
    ///
    /// Not cancel-safe in effect: what is not stopped yet is killed when the cluster is dropped.
    pub async fn stop(&self) {
        for role in STOP_ORDER {
            let group: Vec<&Handle> = self
                .children
                .iter()
                .filter(|child| child.role == role)
                .collect();
            for child in &group {
                child.wish.send_replace(Wish::Stop);
            }
            for child in group {
                child.stopped().await;
            }
        }
        self.run_file.remove();
    }

    /// Kills every process, also while [`Cluster::stop`] waits for them.
    pub async fn kill(&self) {
        for child in &self.children {
            child.wish.send_replace(Wish::Kill);
        }
        for child in &self.children {
            child.stopped().await;
        }
        self.run_file.remove();
    }

    fn child(&self, role: Role, index: usize) -> &Handle {
        self.children
            .iter()
            .find(|child| child.role == role && child.index == index)
            .unwrap_or_else(|| panic!("this topology has no {role}.{index}"))
    }
}

impl Handle {
    fn name(&self) -> String {
        format!("{}.{}", self.role, self.index)
    }

    async fn stopped(&self) {
        let mut state = self.state.clone();
        // An error means that its task is gone, and the process with it.
        drop(
            state
                .wait_for(|state| matches!(state, State::Stopped | State::Refused))
                .await,
        );
    }
}

//! `ferrotalk restart`: the processes of an `up`, one after the other, each until it is in use again.
//!
//! It reads `run.json` of the folder and sends SIGTERM; whoever runs `up` starts the process again. A process counts as in use
//! again when it says that it is ready, when as many links between the servers stand as before, and when every login_server
//! knows as many msg_servers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use im_base::telemetry::metrics::{LINK_UP, MSG_SERVERS};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::client::{Target, get};
use crate::cluster::Role;

/// How long a process may take to drain: longer than any of them is told to.
const END_DEADLINE: Duration = Duration::from_secs(120);

/// How long until it is in use again.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// How long one question to an admin port may take.
const ASK: Duration = Duration::from_secs(1);

/// Restart the processes of a running `ferrotalk up`, one after the other
#[derive(Args, Debug)]
#[command(after_help = "\
One at a time: a process is told to end, drains, is started again by `up`, and is waited for until it is in use again.
With one process of a kind there is a gap, which is said: `up --db-proxies 2 --route-servers 2 --login-servers 2` has
none.

Examples:
  ferrotalk restart all                 db_proxies, route_servers, login_servers, msg_servers
  ferrotalk restart msg_server          every msg_server in turn
  ferrotalk restart msg_server:1        that one")]
pub struct RestartArgs {
    /// Which: all, a role, or one process as ROLE:INDEX
    #[arg(value_name = "ROLE[:INDEX]")]
    which: Selection,
    /// The folder of the `up`
    #[arg(long, value_name = "DIR", default_value = "./data")]
    dir: PathBuf,
}

/// Which processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every one.
    All,
    /// Those of a kind.
    Role(Role),
    /// One.
    One(Role, usize),
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let role = Role::from_name(name).ok_or_else(|| {
            format!("{name:?} is none of all, db_proxy, route_server, login_server, msg_server")
        })?;
        match index.map(str::parse) {
            None => Ok(Self::Role(role)),
            Some(Ok(index)) => Ok(Self::One(role, index)),
            Some(Err(_)) => Err(format!("{text:?}: the index is a number, from 0")),
        }
    }
}

/// A process as `run.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Process {
    /// Its program's name.
    pub role: String,
    /// From 0, within its kind.
    pub index: usize,
    /// Its number.
    pub pid: u32,
    /// By name; `admin` is one.
    pub ports: BTreeMap<String, u16>,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.role, self.index)
    }
}

/// What a restart took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The new process.
    pub pid: u32,
    /// Until the old one had ended.
    pub ended_after: Duration,
    /// From then until the new one was in use.
    pub ready_after: Duration,
}

/// Runs the command.
pub async fn run(args: RestartArgs) -> anyhow::Result<ExitCode> {
    let processes = read(&args.dir)?;
    let chosen = select(&processes, args.which)?;
    for process in &chosen {
        if processes.iter().filter(|p| p.role == process.role).count() == 1 {
            println!("{process} is the only one: {}", gap(&process.role));
        }
    }
    for process in &chosen {
        println!("{process} (process {}) is told to end", process.pid);
        let Restarted {
            pid,
            ended_after,
            ready_after,
        } = restart(&args.dir, process).await?;
        println!(
            "{process} (process {pid}) is in use again: ended after {:.1} s, ready after {:.1} s",
            ended_after.as_secs_f64(),
            ready_after.as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What is missing while the only process of a kind is away.
fn gap(role: &str) -> &'static str {
    match Role::from_name(role) {
        Some(Role::DbProxy) => "requests wait until it is back, logins are refused",
        Some(Role::RouteServer) => {
            "messages between msg_servers wait until it is back, logins are refused"
        }
        Some(Role::LoginServer) => "nobody new finds a msg_server until it is back",
        Some(Role::MsgServer) | None => "its clients have nowhere to go until it is back",
    }
}

/// The processes of a folder.
pub fn read(dir: &Path) -> anyhow::Result<Vec<Process>> {
    let path = dir.join("run.json");
    let json = std::fs::read(&path).with_context(|| {
        format!(
            "reading {}; is a `ferrotalk up` running, and with this --dir?",
            path.display()
        )
    })?;
    serde_json::from_slice(&json).with_context(|| format!("{} is not readable", path.display()))
}

/// Those that are meant, in the order in which they are restarted: whoever is asked by others first.
pub fn select(processes: &[Process], which: Selection) -> anyhow::Result<Vec<Process>> {
    let mut chosen = Vec::new();
    for role in Role::ALL {
        let of_role = processes.iter().filter(|p| p.role == role.name());
        chosen.extend(
            of_role
                .filter(|process| match which {
                    Selection::All => true,
                    Selection::Role(wanted) => wanted == role,
                    Selection::One(wanted, index) => wanted == role && index == process.index,
                })
                .cloned(),
        );
    }
    match which {
        Selection::One(role, index) if chosen.is_empty() => {
            bail!("there is no {role}.{index}; ROLE:INDEX counts from 0")
        }
        _ => ensure!(!chosen.is_empty(), "there is no such process"),
    }
    Ok(chosen)
}

/// Restarts one process of the folder and waits until it is in use again. When it is cancelled the process is started
/// again all the same.
pub async fn restart(dir: &Path, process: &Process) -> anyhow::Result<Restarted> {
    let all = read(dir)?;
    let before = Standing::of(&all).await;
    let pid = Pid::from_raw(process.pid.cast_signed())
        .with_context(|| format!("{process} has no process"))?;
    test_kill_process(pid)
        .and_then(|()| kill_process(pid, Signal::TERM))
        .with_context(|| format!("{process} (process {}) cannot be told to end", process.pid))?;
    let told = Instant::now();
    while test_kill_process(pid).is_ok() {
        ensure!(
            told.elapsed() < END_DEADLINE,
            "{process} (process {}) has not ended within {} s; its log says what it waits for",
            process.pid,
            END_DEADLINE.as_secs()
        );
        sleep(POLL).await;
    }
    let ended = Instant::now();
    loop {
        let now = read(dir)?;
        let new = now
            .iter()
            .find(|p| p.role == process.role && p.index == process.index)
            .with_context(|| format!("{process} is no longer in run.json"))?;
        let missing = if new.pid == process.pid {
            "it was not started again".to_owned()
        } else {
            match missing(new, &now, before).await {
                None => {
                    return Ok(Restarted {
                        pid: new.pid,
                        ended_after: ended - told,
                        ready_after: ended.elapsed(),
                    });
                }
                Some(missing) => missing,
            }
        };
        ensure!(
            ended.elapsed() < READY_DEADLINE,
            "{process} is not in use again after {} s: {missing}",
            READY_DEADLINE.as_secs()
        );
        sleep(POLL).await;
    }
}

async fn missing(process: &Process, all: &[Process], before: Standing) -> Option<String> {
    match get(&process.admin("/readyz"), ASK).await {
        Ok(response) if response.status == 200 => {}
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body);
            return Some(body.trim().replace('\n', ", "));
        }
        Err(error) => return Some(format!("it does not answer: {error}")),
    }
    let now = Standing::of(all).await;
    if now.links < before.links {
        return Some(format!(
            "{} of {} links between servers stand",
            now.links, before.links
        ));
    }
    (now.registered < before.registered).then(|| "a login_server misses a msg_server".to_owned())
}

/// What stands between the servers, in numbers.
#[derive(Clone, Copy, Debug)]
struct Standing {
    links: usize,
    registered: usize,
}

impl Standing {
    /// A process that does not answer adds nothing.
    async fn of(processes: &[Process]) -> Self {
        let (mut links, mut registered) = (0, 0);
        for process in processes {
            let Ok(metrics) = get(&process.admin("/metrics"), ASK).await else {
                continue;
            };
            for line in String::from_utf8_lossy(&metrics.body).lines() {
                let Some((name, value)) = line.rsplit_once(' ') else {
                    continue;
                };
                if name.starts_with(LINK_UP) && value == "1" {
                    links += 1;
                } else if name == MSG_SERVERS {
                    registered += value.parse::<usize>().unwrap_or_default();
                }
            }
        }
        Self { links, registered }
    }
}

impl Process {
    fn admin(&self, path: &str) -> Target {
        Target {
            host: "127.0.0.1".into(),
            port: self.ports.get("admin").copied().unwrap_or_default(),
            path: path.into(),
            trust: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(role: Role, index: usize) -> Process {
        Process {
            role: role.name().to_owned(),
            index,
            pid: 1,
            ports: BTreeMap::new(),
        }
    }

    #[test]
    fn processes_are_chosen_by_role_and_index_whoever_is_asked_first() {
        let mut all: Vec<Process> = Role::ALL.iter().rev().map(|r| process(*r, 0)).collect();
        all.push(process(Role::MsgServer, 1));
        let names = |which: &str| -> Vec<String> {
            let chosen = select(&all, which.parse().unwrap()).unwrap();
            chosen.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            names("all"),
            [
                "db_proxy.0",
                "route_server.0",
                "login_server.0",
                "msg_server.0",
                "msg_server.1"
            ]
        );
        assert_eq!(names("msg_server"), ["msg_server.0", "msg_server.1"]);
        assert_eq!(names("msg_server:1"), ["msg_server.1"]);
        assert!(select(&all, Selection::One(Role::DbProxy, 1)).is_err());
        for text in ["", "msg", "msg_server:", "msg_server:x", "all:0"] {
            assert!(text.parse::<Selection>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_folder_without_an_installation_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = format!("{:#}", read(dir.path()).unwrap_err());
        assert!(
            error.contains("ferrotalk up") && error.contains("--dir"),
            "{error}"
        );
    }
}

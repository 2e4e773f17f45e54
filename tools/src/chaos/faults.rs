//! Does what the schedule says, and knows when it is over.

use std::future::Future;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::history::{History, What};
use super::installation::Installation;
use super::link::Passage;
use super::schedule::{Act, Cut, Fault, Victim};
use crate::client::{Target, get};
use crate::cluster::Role;
use crate::restart;

/// How long a process may take to be started again and to say that it is ready.
const BACK: Duration = Duration::from_secs(60);

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Waits for the fault's time, and makes it. Returns when its cause is gone: a process runs again and is ready, a link is whole.
pub(super) async fn make(installation: &Installation, history: &History, fault: Fault) {
    sleep(fault.after).await;
    history.note(What::FaultBegan {
        fault: fault.number,
        what_fault: fault.act.to_string(),
    });
    let done = act(installation, fault.act).await;
    history.note(What::FaultEnded {
        fault: fault.number,
        note: done.map_or_else(|error| format!("{error:#}"), |()| String::new()),
    });
}

async fn act(installation: &Installation, act: Act) -> anyhow::Result<()> {
    match act {
        Act::Kill(victim, away) => end(installation, victim, Signal::KILL, away).await,
        Act::Restart(victim, away) => end(installation, victim, Signal::TERM, away).await,
        Act::Stop(victim, time) => {
            send(installation, victim, Signal::STOP).await;
            sleep(time).await;
            send(installation, victim, Signal::CONT).await;
            Ok(())
        }
        Act::Cut(links, cut, time) => {
            let passage = match cut {
                Cut::Reset => Passage::Broken,
                Cut::Hold => Passage::Held,
            };
            installation.set(links, passage);
            sleep(time).await;
            installation.set(links, Passage::Open);
            Ok(())
        }
    }
}

async fn send(installation: &Installation, victim: Victim, signal: Signal) {
    match victim {
        Victim::Process(role, index) => {
            installation.cluster.signal(role, index, signal);
        }
        Victim::Database(database) => {
            if let Some(databases) = &installation.databases {
                databases.signal(database, signal).await;
            }
        }
    }
}

async fn end(
    installation: &Installation,
    victim: Victim,
    signal: Signal,
    away: Duration,
) -> anyhow::Result<()> {
    match victim {
        Victim::Process(role, index) => {
            let Some(old) = installation.cluster.signal(role, index, signal) else {
                anyhow::bail!("{victim} did not run");
            };
            let back = async {
                installation.cluster.restarted(role, index, old).await;
                ready(installation, role, index).await;
            };
            in_time(victim, back).await
        }
        Victim::Database(database) => {
            let Some(databases) = &installation.databases else {
                return Ok(());
            };
            databases.end(database, signal).await?;
            sleep(away).await;
            databases.run(database).await
        }
    }
}

async fn in_time(victim: Victim, back: impl Future<Output = ()>) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(BACK, back).await;
    waited.map_err(|_| anyhow::anyhow!("{victim} is not ready after {} s", BACK.as_secs()))
}

async fn ready(installation: &Installation, role: Role, index: usize) {
    let ports = installation.cluster.topology().ports_of(role, index);
    let admin = ports.iter().find(|(name, _)| *name == "admin");
    let target = Target {
        host: "127.0.0.1".into(),
        port: admin.map_or(0, |(_, port)| *port),
        path: "/readyz".into(),
        trust: None,
    };
    while !matches!(get(&target, Duration::from_secs(1)).await, Ok(response) if response.status == 200)
    {
        sleep(POLL).await;
    }
}

/// Restarts every process in turn, as `ferrotalk restart all` does, round after round until `due`; the first round is made in
/// full.
pub(super) async fn roll(
    installation: &Installation,
    history: &History,
    pause: Duration,
    due: Instant,
    mut say: impl FnMut(&str),
) -> anyhow::Result<()> {
    let dir = installation.cluster.topology().dir.clone();
    let mut number = 0;
    loop {
        let processes = restart::select(&restart::read(&dir)?, restart::Selection::All)?;
        for process in processes {
            if number >= installation.cluster.processes().len() && Instant::now() >= due {
                return Ok(());
            }
            sleep(pause).await;
            number += 1;
            let fault = u32::try_from(number).unwrap_or(u32::MAX);
            let what_fault = format!("restart {process}");
            say(&what_fault);
            history.note(What::FaultBegan { fault, what_fault });
            let restarted = restart::restart(&dir, &process).await;
            history.note(What::FaultEnded {
                fault,
                note: restarted
                    .as_ref()
                    .map_or_else(|error| format!("{error:#}"), |_| String::new()),
            });
            restarted?;
        }
        if Instant::now() >= due {
            return Ok(());
        }
    }
}

//! One process and the task that keeps it as it should be: running, or stopped.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::ClusterError;
use super::logs::LogSink;
use super::run_file::{RunEntry, RunFile};
use super::topology::{Role, Topology};

/// How long a child may take to drain.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// A child that lived this long begins with the shortest backoff again.
const LONG_LIFE: Duration = Duration::from_secs(30);

/// The exit code of a server that refuses its configuration.
const EXIT_CONFIG: i32 = 64;

/// What is wanted of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Run; start again when it ends.
    Run,
    /// Drain and end.
    Stop,
    /// End at once.
    Kill,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not running, but about to be.
    Down,
    /// Running as this process.
    Up { pid: u32 },
    /// Not running, as wished.
    Stopped,
    /// Refuses its configuration; not started again.
    Refused,
}

/// A process, and the pipe whose end tells it that the parent is gone.
///
/// The pipe is kept apart because waiting for a tokio child closes the child's own.
pub(super) struct Running {
    process: Child,
    _lifeline: Option<ChildStdin>,
}

/// Everything that a child's task works with.
pub(super) struct Keeper {
    pub(super) topology: Arc<Topology>,
    pub(super) role: Role,
    pub(super) index: usize,
    pub(super) run_file: Arc<RunFile>,
    pub(super) logs: LogSink,
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) state: watch::Sender<State>,
}

impl Keeper {
    /// Starts the process for the first time.
    pub(super) fn spawn(&self) -> Result<Running, ClusterError> {
        let name = format!("{}.{}", self.role, self.index);
        let mut command = Command::new(&self.topology.program);
        command
            .arg(self.role.name())
            .arg("--config")
            .arg(self.topology.config_path(self.role, self.index))
            .arg("--exit-with-parent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (role, key, value) in &self.topology.environment {
            if *role == self.role {
                command.env(key, value);
            }
        }
        let mut process = command.spawn().map_err(|source| ClusterError::Spawn {
            name,
            program: self.topology.program.clone(),
            source,
        })?;
        if let Some(stdout) = process.stdout.take() {
            self.logs.follow(self.role, self.index, stdout);
        }
        if let Some(stderr) = process.stderr.take() {
            self.logs.follow(self.role, self.index, stderr);
        }
        let pid = process.id().unwrap_or_default();
        self.run_file.set(RunEntry {
            role: self.role,
            index: self.index,
            pid,
            ports: self
                .topology
                .ports_of(self.role, self.index)
                .into_iter()
                .collect(),
        })?;
        self.state.send_replace(State::Up { pid });
        Ok(Running {
            _lifeline: process.stdin.take(),
            process,
        })
    }

    /// Keeps the child as wished until nobody wishes any more; then it is killed.
    pub(super) async fn keep(mut self, first: Running) {
        let mut child = Some(first);
        let mut backoff = FIRST_BACKOFF;
        loop {
            let wish = *self.wish.borrow_and_update();
            let Some(running) = &mut child else {
                if wish == Wish::Run {
                    child = self
                        .spawn()
                        .map_err(|error| self.say(format!("{:#}", anyhow::Error::new(error))))
                        .ok();
                    if child.is_none() && !self.pause(&mut backoff).await {
                        return;
                    }
                    continue;
                }
                self.state.send_replace(State::Stopped);
                backoff = FIRST_BACKOFF;
                if self.wish.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if wish != Wish::Run {
                self.end(&mut running.process, wish).await;
                child = None;
                continue;
            }
            let born = Instant::now();
            let status = tokio::select! {
                status = running.process.wait() => status,
                changed = self.wish.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            child = None;
            if status
                .as_ref()
                .is_ok_and(|status| status.code() == Some(EXIT_CONFIG))
            {
                self.say("refuses its configuration and is not started again".into());
                self.state.send_replace(State::Refused);
                return;
            }
            self.state.send_replace(State::Down);
            if born.elapsed() >= LONG_LIFE {
                backoff = FIRST_BACKOFF;
            }
            if was_asked(&status) && born.elapsed() >= FIRST_BACKOFF {
                // One that ends by itself as soon as it begins would be started without a pause.
                self.say(format!("restarted: {} as it was told to", ending(&status)));
                continue;
            }
            self.say(format!(
                "{}; starting it again in {} ms",
                ending(&status),
                backoff.as_millis()
            ));
            if !self.pause(&mut backoff).await {
                return;
            }
        }
    }

    /// Waits before the next start, or until the wish changes; false when nobody wishes any more.
    async fn pause(&mut self, backoff: &mut Duration) -> bool {
        let wait = sleep(*backoff);
        *backoff = (*backoff * 2).min(LONGEST_BACKOFF);
        tokio::select! {
            () = wait => true,
            changed = self.wish.changed() => changed.is_ok(),
        }
    }

    /// Ends a running child: gently and with a deadline, or at once when that is wished, now or meanwhile.
    async fn end(&mut self, child: &mut Child, wish: Wish) {
        if wish == Wish::Stop {
            signal(child, Signal::TERM);
            let late = tokio::select! {
                _status = child.wait() => return,
                () = sleep(DRAIN_DEADLINE) => true,
                _killed = self.wish.wait_for(|wish| *wish == Wish::Kill) => false,
            };
            if late {
                self.say(format!(
                    "did not stop within {} s and is killed",
                    DRAIN_DEADLINE.as_secs()
                ));
            }
        }
        if let Err(error) = child.kill().await {
            self.say(format!("cannot be killed: {error}"));
        }
    }

    fn say(&self, text: String) {
        self.logs.line(self.role, self.index, true, text);
    }
}

/// Sends a signal to a child that was not waited for yet: its number cannot have been given to another process.
fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _already_ended = kill_process(pid, signal);
    }
}

/// Whether a child ended because somebody sent it SIGTERM: it drained, or had not got to the point where it can.
fn was_asked(status: &std::io::Result<ExitStatus>) -> bool {
    status
        .as_ref()
        .is_ok_and(|status| status.success() || status.signal() == Some(Signal::TERM.as_raw()))
}

fn ending(status: &std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("is lost ({error})"),
    }
}

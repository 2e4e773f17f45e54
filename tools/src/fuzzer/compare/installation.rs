//! A build that is started for a run and stopped after it, whatever comes between.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cluster::{Counts, PortPlan};

/// How long a build may take until it is ready.
const READY: Duration = Duration::from_secs(180);

/// How long it may take to end when it is told to; then it is killed.
const END: Duration = Duration::from_secs(30);

/// Between two looks whether somebody waits no longer, or whether a process has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Where bases of ports are looked for: below the ports that the system gives to outgoing connections.
const BASES: std::ops::Range<u16> = 14_000..30_000;

/// Ports that an `up` may take, from its base.
const PORTS: u16 = 300;

/// As many processes as a build may be told to start here: all of their ports have to be free.
const ROOM: Counts = Counts {
    login: 2,
    route: 2,
    db: 4,
    msg: 8,
};

/// Lines of a build's log that an error shows.
const LINES: usize = 8;

/// How a build is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The `ferrotalk` program.
    pub program: PathBuf,
    /// Demo users.
    pub users: u32,
    /// Further arguments of `up`.
    pub arguments: Vec<String>,
}

/// `ferrotalk up` of a build, in a folder of its own. Dropping it stops the processes and removes the folder.
#[derive(Debug)]
pub struct Installation {
    child: Child,
    dir: TempDir,
    login: String,
}

impl Installation {
    /// Starts it on free ports, and waits until a login would succeed. `stopped` is asked meanwhile whether to give up.
    ///
    /// # Errors
    /// The program cannot be started, ends, or is not ready in three minutes: with the last lines of its log.
    pub fn start(start: &Start, stopped: &dyn Fn() -> bool) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("ferrotalk-compare-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("making a folder for a build's data")?;
        let log = dir.path().join("up.log");
        let errors =
            std::fs::File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(&start.program);
        command
            .arg("up")
            .arg("--dir")
            .arg(dir.path().join("data"))
            .args(["--port-base", &free_base()?.to_string()])
            .args(["--demo-users", &start.users.to_string(), "--no-limits"])
            .args(&start.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            // a Ctrl-C at the terminal is for this program, which then ends the other one
            .process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("build={}: it cannot be started", start.program.display()))?;
        let output = child.stdout.take();
        let mut installation = Self {
            child,
            dir,
            login: String::new(),
        };
        let lines = output.map(first_line);
        let lines = lines.context("a build's output is not there")?;
        installation.login = installation
            .ready(&lines, stopped)
            .with_context(|| format!("build={}{}", start.program.display(), last_lines(&log)))?;
        Ok(installation)
    }

    /// Where a client finds it.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Which processes it has.
    pub fn run_json(&self) -> PathBuf {
        self.dir.path().join("data/run.json")
    }

    fn ready(
        &mut self,
        lines: &Receiver<String>,
        stopped: &dyn Fn() -> bool,
    ) -> anyhow::Result<String> {
        let until = Instant::now() + READY;
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) => match line.trim().strip_prefix("ready login=") {
                    Some(login) => return Ok(login.to_owned()),
                    None => bail!("it says {line:?} where it should say that it is ready"),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!("it ended before it was ready ({status})");
                }
                Err(RecvTimeoutError::Timeout) if stopped() => bail!("interrupted"),
                Err(RecvTimeoutError::Timeout) if Instant::now() > until => {
                    bail!("it is not ready after {} s", READY.as_secs());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let asked = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let until = Instant::now() + END;
        while asked.is_ok() && Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        // Its children see that it is gone, and end by themselves.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first line of a program's output, once it is there. What follows is read and dropped, so that the program never waits.
fn first_line(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        if let Some(line) = lines.next() {
            // nobody waits for it if the start was given up
            drop(sender.send(line));
        }
        lines.for_each(drop);
    });
    receiver
}

/// A base of ports that are free now. Somebody else may take one before the build does; then its log says so.
fn free_base() -> anyhow::Result<u16> {
    let bases: Vec<u16> = BASES.step_by(PORTS.into()).collect();
    let first = fastrand::usize(0..bases.len());
    for base in bases.iter().cycle().skip(first).take(bases.len()) {
        if PortPlan::from_base(*base, ROOM)?.check_free(true).is_ok() {
            return Ok(*base);
        }
    }
    bail!(
        "no {PORTS} ports in a row are free between {} and {}",
        BASES.start,
        BASES.end
    )
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let lines = &lines[lines.len().saturating_sub(LINES)..];
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

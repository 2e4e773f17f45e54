//! The program itself, run as somebody does who has just got it.

use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::{Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::SemaphorePermit;
use tokio::time::sleep;
use tools::client::{Address, Device, LoginError};

use crate::person::Person;
use crate::world::{FERROTALK, LOOK, USUAL, free_base, is_alarming, place, raw_pid, soon};

pub(crate) fn ferrotalk(arguments: &[&str]) -> Command {
    let mut command = Command::new(FERROTALK);
    command
        .args(arguments)
        .env_remove("FERROTALK_STORE")
        .env_remove("FERROTALK_CACHE")
        .env_remove("FERROTALK_LOGIN")
        .env_remove("FERROTALK_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command with this input to its end.
pub(crate) async fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> (bool, String) {
    let mut child = ferrotalk(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_ref()).await.unwrap();
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = soon("the end of a command", child.wait_with_output())
        .await
        .unwrap();
    let text = [stdout, stderr].concat();
    (status.success(), String::from_utf8(text).unwrap())
}

/// `ferrotalk up` in a folder of its own.
pub(crate) struct Up {
    pub(crate) process: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    log: tokio::task::JoinHandle<String>,
    pub(crate) login: String,
    dir: TempDir,
    _place: SemaphorePermit<'static>,
}

impl Up {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[], &[]).await
    }

    /// With more arguments, and more in its environment.
    pub(crate) async fn start_with(more: &[&str], environment: &[(&str, &str)]) -> Self {
        let place = place().await;
        let dir = tempfile::tempdir().unwrap();
        let base = free_base(USUAL).to_string();
        let folder = dir.path().to_str().unwrap().to_owned();
        let arguments = ["up", "--dir", &folder, "--port-base", &base];
        let mut process = ferrotalk(&arguments)
            .args(["--demo-users", "3"])
            .args(more)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut stderr = process.stderr.take().unwrap();
        #[expect(clippy::disallowed_methods, reason = "its outcome is waited for")]
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.unwrap();
            log
        });
        let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = soon("readiness", stdout.next_line()).await.unwrap();
        let login = format!("http://127.0.0.1:{base}");
        assert_eq!(line, Some(format!("ready login={login}")));
        Self {
            process,
            stdout,
            log,
            login,
            dir,
            _place: place,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// What `run.json` says now.
    pub(crate) fn run_json(&self) -> Vec<Value> {
        let text = std::fs::read(self.folder().join("run.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// A port of a process that runs.
    pub(crate) fn port(&self, role: &str, index: u64, name: &str) -> u64 {
        let children = self.run_json();
        let child = children
            .iter()
            .find(|child| child["role"] == role && child["index"] == index);
        child.unwrap()["ports"][name].as_u64().unwrap()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        let pid = |child: &Value| u32::try_from(child["pid"].as_u64().unwrap()).unwrap();
        self.run_json().iter().map(pid).collect()
    }

    pub(crate) async fn person(&self, user: &str, password: &str) -> Result<Person, LoginError> {
        let address = Address::from_login(&self.login).await.unwrap();
        Person::try_at(&address, user, password, Device::Windows).await
    }

    /// Ctrl-C. Gives the log.
    pub(crate) async fn interrupted(mut self) -> String {
        let pids = self.pids();
        let own = raw_pid(self.process.id().unwrap());
        kill_process(own, Signal::INT).unwrap();
        let status = soon("the end", self.process.wait()).await.unwrap();
        assert!(status.success(), "{status}");
        let more = soon("the end of the output", self.stdout.next_line()).await;
        assert_eq!(more.unwrap(), None, "one line, and no more");
        all_gone(&pids).await;
        assert!(!self.folder().join("run.json").exists());
        let log = self.log.await.unwrap();
        let alarming = log.lines().find(|line| is_alarming(line));
        assert_eq!(alarming, None);
        log
    }
}

/// Waits until no process with these numbers runs; one that nobody has waited for yet does not run.
pub(crate) async fn all_gone(pids: &[u32]) {
    let runs = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
        test_kill_process(raw_pid(*pid)).is_ok() && !zombie
    };
    soon("no process left", async {
        while pids.iter().any(runs) {
            sleep(LOOK).await;
        }
    })
    .await;
}

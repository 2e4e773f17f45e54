//! A broken server, the fuzzer on it, and what that says.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::broken::{FAULT, Fault, PORT};

/// Between two looks whether the server lives.
const LOOK: Duration = Duration::from_millis(5);

/// A server that is started again when it dies, until this is dropped.
pub(crate) struct Lab {
    port: u16,
    dir: TempDir,
    over: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Lab {
    pub(crate) fn new(fault: Fault) -> Self {
        Self::start(fault, true)
    }

    /// A server that stays dead.
    pub(crate) fn mortal(fault: Fault) -> Self {
        Self::start(fault, false)
    }

    fn start(fault: Fault, again: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let dir = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(dir.path().join("server.log")).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let child = Mutex::new(serve(fault, port, &log));
        let keeper = std::thread::spawn({
            let over = over.clone();
            move || {
                keep(child.into_inner().unwrap(), &over, || {
                    again.then(|| serve(fault, port, &log))
                })
            }
        });
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(LOOK);
        }
        Self {
            port,
            dir,
            over,
            keeper: Some(keeper),
        }
    }

    pub(crate) fn log(&self) -> String {
        self.path("server.log")
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Scripts in the corpus.
    pub(crate) fn kept(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("corpus/client"))
            .unwrap()
            .count()
    }

    /// Runs the fuzzer on the server.
    pub(crate) fn fuzz(&self, more: &[&str]) -> Run {
        let target = format!("127.0.0.1:{}", self.port);
        let (corpus, findings) = (self.path("corpus"), self.path("findings"));
        let mut arguments = vec![
            "--target",
            &target,
            "--json",
            "--corpus",
            &corpus,
            "--findings",
            &findings,
        ];
        arguments.extend_from_slice(more);
        run(&arguments)
    }

    /// Plays one script.
    pub(crate) fn replay(&self, script: &Path) -> Run {
        let target = format!("127.0.0.1:{}", self.port);
        run(&["--target", &target, "--replay", script.to_str().unwrap()])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.keeper.take().unwrap().join());
    }
}

fn serve(fault: Fault, port: u16, log: &std::fs::File) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server_of_the_lab", "--nocapture"])
        .env(FAULT, format!("{fault:?}"))
        .env(PORT, port.to_string())
        .stdout(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .spawn()
        .unwrap()
}

/// Starts the server again whenever it is gone, and ends it in the end.
fn keep(mut child: Child, over: &AtomicBool, again: impl Fn() -> Option<Child>) {
    while !over.load(Ordering::Relaxed) {
        if child.try_wait().unwrap().is_some() {
            match again() {
                Some(fresh) => child = fresh,
                None => return,
            }
        }
        std::thread::sleep(LOOK);
    }
    drop(child.kill());
    drop(child.wait());
}

/// What a run of the fuzzer left.
pub(crate) struct Run {
    pub(crate) code: i32,
    /// On both streams.
    pub(crate) said: String,
    out: String,
    /// Of the smallest script of the first finding.
    pub(crate) frames: Vec<Vec<u8>>,
}

/// Runs `pdu-fuzzer fuzz`.
pub(crate) fn run(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_pdu-fuzzer"))
        .arg("fuzz")
        .args(arguments)
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let mut run = Run {
        code: output.status.code().unwrap(),
        said: format!("{}{out}", String::from_utf8_lossy(&output.stderr)),
        out,
        frames: Vec::new(),
    };
    run.frames = run.read_frames().unwrap_or_default();
    run
}

impl Run {
    /// What the run says of its only port.
    pub(crate) fn summary(&self) -> Value {
        let all: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}", self.said));
        all[0].clone()
    }

    /// The first finding.
    pub(crate) fn finding(&self) -> Value {
        self.summary()["findings"][0].clone()
    }

    pub(crate) fn minimal_path(&self) -> PathBuf {
        let finding = self.finding();
        PathBuf::from(
            finding["minimal"]
                .as_str()
                .unwrap_or_else(|| panic!("{}", self.said)),
        )
    }

    /// Everything that the smallest script writes.
    pub(crate) fn minimal_frames(&self) -> Vec<Vec<u8>> {
        self.minimal_path();
        self.frames.clone()
    }

    fn read_frames(&self) -> Option<Vec<Vec<u8>>> {
        let all: Value = serde_json::from_str(&self.out).ok()?;
        let path = all.get(0)?["findings"].get(0)?["minimal"]
            .as_str()?
            .to_owned();
        let script: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let steps = script["steps"].as_array()?.iter();
        let parts = steps
            .filter_map(|step| step["write"]["parts"].as_array())
            .flatten();
        Some(
            parts
                .map(|part| unhex(part["bytes"].as_str().unwrap()))
                .collect(),
        )
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

//! `run.json`: which processes run, for scripts. Never seen half-written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;

use super::ClusterError;
use super::lock::failed;
use super::topology::Role;

/// One child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunEntry {
    /// Its program's name.
    pub role: Role,
    /// From 0, within its kind.
    pub index: usize,
    /// Its process, or the last one if it is about to be started again.
    pub pid: u32,
    /// By name: `http`, `https`, `tcp`, `tls`, `websocket`, `websocket_tls`, `registration`, `servers`, `api`, `admin`.
    pub ports: BTreeMap<&'static str, u16>,
}

/// Owner of the file. A std mutex suffices: it is held for one small write, a few times in a topology's life.
#[derive(Debug)]
pub(super) struct RunFile {
    path: PathBuf,
    entries: Mutex<BTreeMap<(Role, usize), RunEntry>>,
}

impl RunFile {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("run.json"),
            entries: Mutex::default(),
        }
    }

    /// Adds or replaces a child and writes the file.
    pub(super) fn set(&self, entry: RunEntry) -> Result<(), ClusterError> {
        let mut entries = self.entries();
        entries.insert((entry.role, entry.index), entry);
        let list: Vec<&RunEntry> = entries.values().collect();
        let mut json = serde_json::to_vec_pretty(&list).expect("names and numbers are JSON");
        json.push(b'\n');
        let fresh = self.path.with_extension("json.new");
        std::fs::write(&fresh, json).map_err(failed("writing", &fresh))?;
        std::fs::rename(&fresh, &self.path).map_err(failed("replacing", &self.path))
    }

    /// The children that were started, in the order of their kinds.
    pub(super) fn list(&self) -> Vec<RunEntry> {
        self.entries().values().cloned().collect()
    }

    /// Nothing runs any more.
    pub(super) fn remove(&self) {
        // If it cannot be removed, its processes don't exist: whoever reads it has to see that in any case.
        drop(std::fs::remove_file(&self.path));
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Role, usize), RunEntry>> {
        self.entries.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_an_array_of_children_and_follows_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = RunFile::new(dir.path());
        let entry = |pid| RunEntry {
            role: Role::MsgServer,
            index: 0,
            pid,
            ports: BTreeMap::from([("tcp", 8000), ("admin", 8173)]),
        };
        for pid in [7, 8] {
            file.set(entry(pid)).unwrap();
            let json = std::fs::read_to_string(dir.path().join("run.json")).unwrap();
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            let wanted = serde_json::json!([
                {"role": "msg_server", "index": 0, "pid": pid, "ports": {"tcp": 8000, "admin": 8173}}
            ]);
            assert_eq!(read, wanted);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

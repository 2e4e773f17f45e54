//! One `up` per folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::ClusterError;

/// Held while a topology runs in a folder. The system releases it however the process ends.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Creates the folder and its `run` folder, and takes the lock.
    pub(super) fn take(dir: &Path) -> Result<Self, ClusterError> {
        let run = dir.join("run");
        std::fs::create_dir_all(&run).map_err(failed("creating", &run))?;
        let path = run.join("lock");
        let file = File::create(&path).map_err(failed("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ClusterError::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
        }
    }
}

/// An error about a file, for `map_err`.
pub(super) fn failed(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::take(dir.path()).unwrap();
        let error = DirLock::take(dir.path()).unwrap_err();
        assert!(error.to_string().contains("--dir"), "{error}");
        drop(first);
        DirLock::take(dir.path()).unwrap();
    }
}

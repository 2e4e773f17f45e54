//! The key of the HTTP API, made once for a folder.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::ClusterError;
use super::lock::failed;
use super::private_file;

/// Random bytes of a key, which is twice as many characters.
const KEY_BYTES: usize = 24;

/// Makes the file, readable for its owner alone; one that is there already is kept, unless it is empty.
pub(super) fn keep(path: &Path) -> Result<(), ClusterError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let mut random = [0; KEY_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(failed("reading", Path::new("/dev/urandom")))?;
    let mut key = String::with_capacity(2 * KEY_BYTES + 1);
    for byte in random {
        write!(key, "{byte:02x}").expect("a string takes everything");
    }
    key.push('\n');
    private_file::write(path, &key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["api.key", "other.key"].map(|name| dir.path().join(name));
        keep(&path).unwrap();
        let key = std::fs::read_to_string(&path).unwrap();
        assert_eq!(key.trim().len(), 48);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        keep(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), key);
        std::fs::write(&other, "").unwrap();
        keep(&other).unwrap();
        assert_ne!(std::fs::read_to_string(&other).unwrap(), key);
    }
}

//! Files with secrets in them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::ClusterError;
use super::lock::failed;

/// Writes a file that only its owner can read. It is written aside and moved into place: whatever happens in between,
/// the file is whole or as it was.
pub(super) fn write(path: &Path, text: &str) -> Result<(), ClusterError> {
    let aside = path.with_extension("new");
    // One that was left behind would keep the mode it has.
    drop(std::fs::remove_file(&aside));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed("making", &aside))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("writing", &aside))?;
    std::fs::rename(&aside, path).map_err(failed("making", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_reads_what_replaces_a_file_that_everybody_could() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db_proxy-0.toml");
        for open in [&path, &dir.path().join("db_proxy-0.new")] {
            std::fs::write(open, "for everybody").unwrap();
            std::fs::set_permissions(open, PermissionsExt::from_mode(0o644)).unwrap();
        }
        write(&path, "secret").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

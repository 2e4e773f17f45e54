//! Where the local history is kept.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::client::Device;

/// The file of an account: a folder for each server, a file for each user and device, since each has an outbox and a token of
/// its own.
pub(super) fn file(
    dir: Option<&Path>,
    server: &str,
    user: &str,
    device: Device,
) -> anyhow::Result<PathBuf> {
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None => default_dir()?,
    };
    let device = format!("{device:?}").to_lowercase();
    let server = server.trim_end_matches('/');
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    Ok(dir
        .join(plain(server))
        .join(format!("{}.{device}.db", plain(user))))
}

/// `$XDG_DATA_HOME/ferrotalk`, or what stands for it where it is not set.
fn default_dir() -> anyhow::Result<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from);
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let data = set("XDG_DATA_HOME").and_then(absolute);
    let home = || set("HOME").map(|home| home.join(".local/share"));
    let windows = || set("LOCALAPPDATA");
    let data = data.or_else(home).or_else(windows).context(
        "neither XDG_DATA_HOME nor HOME is set: say with --dir where the history goes, or give --no-history",
    )?;
    Ok(data.join("ferrotalk"))
}

/// A name for a file that says what it is and means nothing to the system: what is no letter, digit or `-_.` becomes `%` and
/// its number, as does a dot at the beginning.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if index == 0 => plain.push_str("%2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                plain.push(byte.into());
            }
            _ => plain.push_str(&format!("%{byte:02x}")),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_files_of_their_own() {
        let file = |server, user| {
            let file = file(Some(Path::new("/d")), server, user, Device::Windows).unwrap();
            file.to_str().unwrap().to_owned()
        };
        assert_eq!(
            file("http://127.0.0.1:8080/", "demo1"),
            "/d/127.0.0.1%3a8080/demo1.windows.db"
        );
        assert_eq!(
            file("https://im.example.org", "../x/Ä"),
            "/d/im.example.org/%2e.%2fx%2f%c3%84.windows.db"
        );
    }
}

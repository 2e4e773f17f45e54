//! How many connections a process may have.

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a process has besides its connections.
const OTHERS: u64 = 64;

/// Raises this process's limit of open files as far as it may, and fails if so many connections do not fit.
///
/// `processes` is how many there are already; the error says how many would be enough.
pub(super) fn make_room(users: u32, processes: u32) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let needed = u64::from(users) + OTHERS;
    enough(needed, hard, processes)?;
    if limit.current.is_some_and(|soft| soft < needed) {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).context("raising the limit of open files")?;
    }
    Ok(())
}

fn enough(needed: u64, hard: u64, processes: u32) -> anyhow::Result<()> {
    if needed <= hard {
        return Ok(());
    }
    let users = (needed - OTHERS) * u64::from(processes);
    let mut mend = "raise the limit (ulimit -n)".to_owned();
    if hard > OTHERS {
        let enough = users.div_ceil(hard - OTHERS);
        mend = format!("--processes {enough} is enough, or {mend}");
    }
    bail!(
        "a process here may open {hard} files, and {} connections and {OTHERS} other files are {needed}: {mend}",
        needed - OTHERS
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_low_a_limit_is_said_with_what_would_do() {
        assert!(enough(1024, 1024, 1).is_ok());
        let error = enough(5000 + OTHERS, 1024, 2).unwrap_err().to_string();
        assert!(error.contains("1024 files"), "{error}");
        // 10,000 connections, 960 in each.
        assert!(error.contains("--processes 11 "), "{error}");
        assert!(error.contains("ulimit -n"), "{error}");
        assert!(enough(100, 10, 1).is_err());
    }
}

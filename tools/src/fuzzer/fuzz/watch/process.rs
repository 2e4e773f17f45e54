//! A process of this machine, from its entry in `/proc`.

use std::net::SocketAddr;

use procfs::net::{TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process, all_processes};
use serde::Serialize;

/// What a process had at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    /// Its number.
    pub(crate) pid: u32,
    /// When it was started, in the system's ticks: a number that is used again is another process.
    #[serde(skip)]
    pub(crate) started: u64,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
}

/// Looks at a process; `None` if it is not there, is a zombie, or is not ours to look at.
pub(crate) fn sample(pid: u32) -> Option<Sample> {
    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = process.stat().ok()?;
    if matches!(stat.state, 'Z' | 'X') {
        return None;
    }
    Some(Sample {
        pid,
        started: stat.starttime,
        resident: process.statm().ok()?.resident * procfs::page_size(),
        descriptors: process.fd_count().ok()? as u64,
    })
}

/// The process that listens on a port of this machine, if it is this user's.
pub(crate) fn listener(address: SocketAddr) -> Option<u32> {
    let sockets = tcp()
        .unwrap_or_default()
        .into_iter()
        .chain(tcp6().unwrap_or_default());
    let listens = |entry: &procfs::net::TcpNetEntry| {
        let local = entry.local_address;
        let reached = local.ip() == address.ip() || local.ip().is_unspecified();
        entry.state == TcpState::Listen && local.port() == address.port() && reached
    };
    let inodes: Vec<u64> = sockets.filter(listens).map(|entry| entry.inode).collect();
    if inodes.is_empty() {
        return None;
    }
    let holds = |process: &Process| {
        let Ok(mut descriptors) = process.fd() else {
            return false;
        };
        descriptors.any(|fd| matches!(fd.map(|fd| fd.target), Ok(FDTarget::Socket(inode)) if inodes.contains(&inode)))
    };
    let found = all_processes().ok()?.flatten().find(holds)?;
    u32::try_from(found.pid).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_listens_is_found_and_has_memory_and_descriptors() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let me = std::process::id();
        assert_eq!(listener(address), Some(me));
        let sample = sample(me).unwrap();
        assert!(
            sample.resident > 100_000 && sample.descriptors >= 3,
            "{sample:?}"
        );
        drop(socket);
        assert_eq!(listener(address), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_sample() {
        assert_eq!(sample(u32::MAX), None);
    }
}

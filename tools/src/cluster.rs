//! A whole installation on this machine: one process per server, started, watched, started again and stopped.
//!
//! `ferrotalk up` is this with a command line; tests use it with [`PortPlan::free`] and a folder of their own.
//!
//! The children are the `ferrotalk` program itself in each role. Each is the leader of its own process group, so that
//! a Ctrl-C at the terminal reaches only the parent, and holds the reading end of a pipe: when the parent dies in
//! whatever way, the pipe ends and the child drains and exits.

mod ports;
mod topology;

mod api_key;
mod lock;
mod logs;
mod private_file;
mod run_file;

mod child;
mod ready;
mod supervisor;

pub use logs::{LogLine, LogSink};
pub use ports::{Counts, DbPorts, LoginPorts, MsgPorts, PortError, PortPlan, RoutePorts};
pub use run_file::RunEntry;
pub use supervisor::Cluster;
pub(crate) use topology::store_elsewhere;
pub use topology::{Detour, Role, Security, Topology, default_store};

use std::path::PathBuf;

use thiserror::Error;

use crate::certificates::IssueError;

/// A topology could not be started.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The ports don't work out.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// There are no certificates, and they cannot be made.
    #[error(transparent)]
    Certificates(#[from] IssueError),
    /// Another `up` runs in the folder.
    #[error(
        "{} is in use by another `ferrotalk up`; stop that one or choose another --dir", .0.display()
    )]
    InUse(PathBuf),
    /// A file or folder does not do what it must.
    #[error("{what} {}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("starting {name} ({})", .program.display())]
    Spawn {
        /// Role and index.
        name: String,
        /// The executable.
        program: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A child refused its configuration; it would refuse it again.
    #[error("{0} refuses its configuration; its log says which key")]
    Configuration(String),
    /// Not everything became ready in time.
    #[error("not ready after {} s: {missing}", .after.as_secs())]
    NotReady {
        /// How long was waited.
        after: std::time::Duration,
        /// What is missing, in words.
        missing: String,
    },
}

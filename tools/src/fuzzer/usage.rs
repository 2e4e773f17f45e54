//! What servers on this machine took: CPU time, memory, descriptors.

use serde::{Deserialize, Serialize};

/// One process over a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Role and number, `msg_server 0`, or the program's name.
    pub name: String,
    /// Its number on this machine.
    pub pid: u32,
    /// CPU time in user mode over the run, in seconds.
    pub user_seconds: f64,
    /// CPU time in the kernel over the run, in seconds.
    pub system_seconds: f64,
    /// Resident memory before anybody logged in, in bytes.
    pub resident_before: u64,
    /// The same when the run ended, with everybody still logged in.
    pub resident_after: u64,
    /// Open descriptors at that moment.
    pub descriptors: u64,
}

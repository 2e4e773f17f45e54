//! What servers on this machine took: CPU time, memory, descriptors.
//!
//! Nothing is asked of the servers; the kernel is. So this works for every program, the original's too, as long as its
//! processes run on the same machine and their numbers are known.

mod named;
mod reading;
mod watch;

use serde::{Deserialize, Serialize};

pub use watch::Watch;

/// One process over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Open descriptors at that moment; `None` if the process is somebody else's and may not be asked.
    pub descriptors: Option<u64>,
    /// Why the numbers are not those of the whole run, in words: the process ended meanwhile, or was started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl ProcessUsage {
    /// CPU time in all, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// How much resident memory grew, in bytes; less than nothing if it was given back.
    pub fn growth(&self) -> f64 {
        self.resident_after as f64 - self.resident_before as f64
    }
}

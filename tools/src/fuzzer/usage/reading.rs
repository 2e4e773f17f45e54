//! What the kernel says of a process at one moment.

/// Everything since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) user_seconds: f64,
    pub(super) system_seconds: f64,
    pub(super) resident: u64,
    pub(super) descriptors: Option<u64>,
}

pub(super) use platform::Process;

#[cfg(target_os = "linux")]
mod platform {
    use anyhow::Context;

    use super::Reading;

    /// A process that was found. Holds its folder in `/proc` open, so that another process which gets the same number later is
    /// never taken for it.
    #[derive(Debug)]
    pub(in super::super) struct Process(procfs::process::Process);

    impl Process {
        pub(in super::super) const KNOWN_HERE: bool = true;

        pub(in super::super) fn find(pid: u32) -> anyhow::Result<Self> {
            let pid = i32::try_from(pid).context("no process has a number that large")?;
            Ok(Self(procfs::process::Process::new(pid)?))
        }

        /// Fails once the process has ended.
        pub(in super::super) fn read(&self) -> anyhow::Result<Reading> {
            let stat = self.0.stat()?;
            // A process that ended and was not waited for yet has no memory any more.
            anyhow::ensure!(!matches!(stat.state, 'Z' | 'X'), "it ended");
            let tick = 1.0 / procfs::ticks_per_second() as f64;
            Ok(Reading {
                user_seconds: stat.utime as f64 * tick,
                system_seconds: stat.stime as f64 * tick,
                resident: stat.rss * procfs::page_size(),
                descriptors: self.0.fd_count().ok().map(|count| count as u64),
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::Reading;

    /// Never found: this system has no `/proc`.
    #[derive(Debug)]
    pub(in super::super) enum Process {}

    impl Process {
        pub(in super::super) const KNOWN_HERE: bool = false;

        pub(in super::super) fn find(_: u32) -> anyhow::Result<Self> {
            anyhow::bail!("what processes take is known on Linux only")
        }

        pub(in super::super) fn read(&self) -> anyhow::Result<Reading> {
            match *self {}
        }
    }
}

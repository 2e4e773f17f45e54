use std::path::{Path, PathBuf};

use anyhow::Context;

use super::ProcessUsage;
use super::named::{Named, of_up};
use super::reading::{Process, Reading};
use crate::fuzzer::observer::Observer;
use crate::fuzzer::outcome::{Phase, Slice};

/// Looks at processes before, during and after a run. Each look reads some files of `/proc` for each process and never waits.
///
/// Either whoever runs the load says [`Watch::mark_run`] and [`Watch::end_run`], or the watch is the run's [`Observer`].
#[derive(Debug)]
pub struct Watch {
    run_json: Option<PathBuf>,
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    named: Named,
    process: Process,
    before: Reading,
    /// At the begin of the run.
    mark: Option<Reading>,
    /// At its end, or the latest so far.
    end: Option<Reading>,
    /// It ended before the run did.
    gone: bool,
}

impl Watch {
    /// Looks for the first time: this is the memory "before". `run_json` is the file that `ferrotalk up` writes; `extra` are
    /// further processes by name and number.
    ///
    /// # Errors
    /// A file that is not there or not of that kind, and a process that does not run. On a system without `/proc` nothing is
    /// watched; that is said on standard error once if anything was asked for.
    pub fn begin(run_json: Option<&Path>, extra: &[(String, u32)]) -> anyhow::Result<Self> {
        let mut names = match run_json {
            Some(file) => of_up(file)?,
            None => Vec::new(),
        };
        names.extend(extra.iter().map(|(name, pid)| Named {
            name: name.clone(),
            pid: *pid,
        }));
        if !Process::KNOWN_HERE {
            if !names.is_empty() {
                crate::fuzzer::streams::say(
                    "note: what servers take is known on Linux only; it is left out",
                );
            }
            names.clear();
        }
        let watched: anyhow::Result<Vec<Watched>> = names.into_iter().map(Watched::find).collect();
        Ok(Self {
            run_json: run_json.map(Path::to_owned),
            watched: watched?,
        })
    }

    /// The load begins: CPU time counts from here.
    pub fn mark_run(&mut self) {
        for watched in &mut self.watched {
            let reading = watched.look();
            watched.mark = reading;
        }
    }

    /// The load ended, and everybody is still logged in: CPU time counts up to here, and this is the memory "after".
    pub fn end_run(&mut self) {
        for watched in &mut self.watched {
            if let Some(reading) = watched.look() {
                watched.end = Some(reading);
            }
        }
    }

    /// What came of it, in the order in which the processes were named. A run whose end nobody said ends now.
    pub fn finish(mut self) -> Vec<ProcessUsage> {
        for watched in &mut self.watched {
            if watched.end.is_none() {
                watched.end = watched.look();
            }
        }
        // If the file is gone by now, so is the `up`; nobody was started again.
        let now = self.run_json.as_deref().map(of_up);
        let now = now.and_then(Result::ok).unwrap_or_default();
        let usages = self.watched.into_iter();
        usages.map(|watched| watched.usage(&now)).collect()
    }
}

impl Observer for Watch {
    fn load_begins(&mut self) {
        self.mark_run();
    }

    /// The run ends with the last slice of [`Phase::Run`].
    fn slice(&mut self, slice: &Slice) {
        if slice.phase == Phase::Run {
            self.end_run();
        }
    }
}

impl Watched {
    fn find(named: Named) -> anyhow::Result<Self> {
        let (process, before) = Process::find(named.pid)
            .and_then(|process| {
                let before = process.read()?;
                Ok((process, before))
            })
            .with_context(|| {
                let Named { name, pid } = &named;
                format!("process {pid} ({name}) cannot be watched; is it running on this machine?")
            })?;
        Ok(Self {
            named,
            process,
            before,
            mark: None,
            end: None,
            gone: false,
        })
    }

    fn look(&mut self) -> Option<Reading> {
        let reading = self.process.read().ok();
        self.gone |= reading.is_none();
        reading
    }

    fn usage(self, now: &[Named]) -> ProcessUsage {
        let Named { name, pid } = self.named;
        let again = now
            .iter()
            .find(|other| other.name == name && other.pid != pid);
        let trouble = match (self.gone, again) {
            (false, _) => None,
            (true, Some(again)) => Some(format!(
                "was started again as process {}; the numbers end with process {pid}",
                again.pid
            )),
            (true, None) => Some("ended before the run did; the numbers end with it".to_owned()),
        };
        let mark = self.mark.unwrap_or(self.before);
        let end = self.end.unwrap_or(mark);
        ProcessUsage {
            name,
            pid,
            user_seconds: (end.user_seconds - mark.user_seconds).max(0.0),
            system_seconds: (end.system_seconds - mark.system_seconds).max(0.0),
            resident_before: self.before.resident,
            resident_after: end.resident,
            descriptors: end.descriptors,
            trouble,
        }
    }
}

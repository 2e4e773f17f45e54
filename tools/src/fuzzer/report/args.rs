use std::path::PathBuf;

/// How a run is shown, and which processes are watched for it.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct ReportArgs {
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(in crate::fuzzer) json: bool,
    /// Also write a page with charts: one file that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(in crate::fuzzer) html: Option<PathBuf>,
    /// The folder of the `ferrotalk up` that is loaded: tells which processes to watch for CPU time and memory
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Another process of the target on this machine, by a name of your choice; may be given repeatedly
    #[arg(long, value_name = "NAME=PID", value_parser = named_process)]
    pid: Vec<(String, u32)>,
    /// No progress, and no word about files
    #[arg(long)]
    pub(in crate::fuzzer) quiet: bool,
}

impl ReportArgs {
    /// The `run.json` of the `up` that was named.
    pub fn run_json(&self) -> Option<PathBuf> {
        self.run.as_ref().map(|dir| dir.join("run.json"))
    }

    /// Processes that were named by their numbers.
    pub fn pids(&self) -> &[(String, u32)] {
        &self.pid
    }

    /// Whether progress is not wanted.
    pub fn quiet(&self) -> bool {
        self.quiet
    }
}

fn named_process(text: &str) -> Result<(String, u32), String> {
    let mend = "write NAME=PID, for example db_proxy=4711";
    let (name, pid) = text.split_once('=').ok_or(mend)?;
    if name.is_empty() {
        return Err(format!("the name is empty; {mend}"));
    }
    let pid = pid
        .parse()
        .map_err(|_| format!("{pid:?} is no number of a process; {mend}"))?;
    Ok((name.to_owned(), pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_a_name_and_a_number() {
        assert_eq!(named_process("db=12"), Ok(("db".to_owned(), 12)));
        for wrong in ["12", "=12", "db=", "db=x", "db=-1"] {
            let error = named_process(wrong).unwrap_err();
            assert!(error.contains("NAME=PID"), "{wrong}: {error}");
        }
    }
}

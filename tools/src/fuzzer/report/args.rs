use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

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
    /// Sees to it before a run that its page can be written after it. A page that is there stays as it is, and none is
    /// made.
    ///
    /// # Errors
    /// The page's file cannot be written.
    pub fn prepare(&self) -> anyhow::Result<()> {
        self.html.as_deref().map_or(Ok(()), |file| {
            try_writing(file).with_context(|| cannot_be_written(file))
        })
    }

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

/// What is wrong with the file of a page, and what to do.
pub(super) fn cannot_be_written(file: &Path) -> String {
    format!(
        "--html {}: it cannot be written; name a file in a folder that is yours",
        file.display()
    )
}

/// Opens the file as for writing and leaves everything as it was.
fn try_writing(file: &Path) -> std::io::Result<()> {
    // Whoever reads a pipe would take this for the end of the page.
    if fs::metadata(file).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        return Ok(());
    }
    let absent = fs::symlink_metadata(file).is_err();
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?;
    if absent {
        fs::remove_file(file)?;
    }
    Ok(())
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
    fn whether_a_page_can_be_written_is_known_before_and_nothing_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let page = |name: &str| {
            let html = Some(dir.path().join(name));
            ReportArgs {
                html,
                ..Default::default()
            }
        };
        page("new.html").prepare().unwrap();
        assert!(!dir.path().join("new.html").exists());

        fs::write(dir.path().join("old.html"), "the last run").unwrap();
        page("old.html").prepare().unwrap();
        let kept = fs::read_to_string(dir.path().join("old.html")).unwrap();
        assert_eq!(kept, "the last run");

        for wrong in ["not/there.html", "."] {
            let error = page(wrong).prepare().unwrap_err().to_string();
            assert!(
                error.contains("--html") && error.contains(wrong),
                "{wrong}: {error}"
            );
        }
        ReportArgs::default().prepare().unwrap();
    }

    #[test]
    fn a_process_is_a_name_and_a_number() {
        assert_eq!(named_process("db=12"), Ok(("db".to_owned(), 12)));
        for wrong in ["12", "=12", "db=", "db=x", "db=-1"] {
            let error = named_process(wrong).unwrap_err();
            assert!(error.contains("NAME=PID"), "{wrong}: {error}");
        }
    }
}

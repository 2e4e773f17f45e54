//! What a target writes to a log file meanwhile.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// What is read of a log at one look, in bytes; a log that grows faster is skipped up to there.
const MOST: u64 = 1024 * 1024;

/// What is kept of an alarming line, in characters.
const LONGEST_LINE: usize = 500;

/// Follows a log file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    read: u64,
    /// Lines with one of these are no alarm.
    allowed: Vec<String>,
}

impl Log {
    /// From the file's present end on.
    pub(crate) fn open(path: &Path, allowed: Vec<String>) -> anyhow::Result<Self> {
        let file =
            std::fs::metadata(path).with_context(|| format!("the log {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            read: file.len(),
            allowed,
        })
    }

    /// Lines that were written since the last look and tell of an error or a panic.
    pub(crate) fn alarms(&mut self) -> Vec<String> {
        let Some(text) = self.fresh() else {
            return Vec::new();
        };
        let alarming = |line: &&str| {
            let alarm = line.contains(" ERROR ")
                || line.contains("panicked")
                || line.contains("\"level\":\"ERROR\"");
            alarm && !self.allowed.iter().any(|text| line.contains(text.as_str()))
        };
        let lines = text.lines().filter(alarming).take(20);
        lines
            .map(|line| line.chars().take(LONGEST_LINE).collect())
            .collect()
    }

    /// Whole lines since the last look.
    fn fresh(&mut self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        // A file that became shorter was begun anew.
        let from = if length < self.read { 0 } else { self.read };
        let from = from.max(length.saturating_sub(MOST));
        file.seek(SeekFrom::Start(from)).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        bytes.truncate(whole);
        self.read = from + whole as u64;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines, for a finding.
    pub(crate) fn tail(&self) -> Vec<String> {
        const TAIL: u64 = 16 * 1024;
        let read = || {
            let mut file = File::open(&self.path).ok()?;
            let length = file.metadata().ok()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
                .ok()?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text: String = read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(50);
        lines[from..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_new_whole_lines_that_alarm_are_told() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "thread 'x' panicked at before").unwrap();
        let mut log = Log::open(file.path(), vec!["known".into()]).unwrap();
        write!(file, "INFO fine\n ERROR known\n ERROR bad\nthread 'a' pani").unwrap();
        assert_eq!(log.alarms(), [" ERROR bad"]);
        writeln!(file, "cked").unwrap();
        assert_eq!(log.alarms(), ["thread 'a' panicked"]);
        assert!(log.alarms().is_empty());
        assert_eq!(log.tail().len(), 5);
    }
}

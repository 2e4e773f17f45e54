//! What was found, on disk: the script that shows it, and what was seen.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::script::Script;
use super::watch::{Sample, Trouble};

/// A trouble, and where its files are.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// Which port.
    pub(super) target: String,
    /// What is wrong.
    pub(super) trouble: Trouble,
    /// The seed of the run.
    pub(super) seed: u64,
    /// The round, and the number of the first script in it.
    pub(super) round: u64,
    pub(super) first_script: u64,
    /// The process when it was well, and at the end of the round.
    pub(super) before: Option<Sample>,
    pub(super) after: Option<Sample>,
    /// The last lines of the log.
    pub(super) log_tail: Vec<String>,
    /// All scripts of the round, one after the other.
    pub(super) whole: PathBuf,
    /// The smallest script that showed it again; none if it did not come again.
    pub(super) minimal: Option<PathBuf>,
}

/// A folder of findings.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    folder: PathBuf,
}

impl Findings {
    /// The folder is made with the first finding.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Writes a script beside its finding. Gives the file.
    pub(super) fn save_script(
        &self,
        stem: &str,
        which: &str,
        script: &Script,
    ) -> anyhow::Result<PathBuf> {
        self.save(&format!("{stem}.{which}.json"), &script.to_json())
    }

    /// Writes what is known of a finding, over what was known before.
    pub(super) fn save_finding(&self, stem: &str, finding: &Finding) -> anyhow::Result<PathBuf> {
        let mut json = serde_json::to_vec_pretty(finding).context("a finding as JSON")?;
        json.push(b'\n');
        self.save(&format!("{stem}.finding.json"), &json)
    }

    /// A name that no file there has: kind, seed, round.
    pub(super) fn stem(&self, target: &str, trouble: &Trouble, seed: u64, round: u64) -> String {
        let target: String = target
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        format!("{}-{target}-{seed}-{round}", trouble.kind())
    }

    fn save(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&path, bytes))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

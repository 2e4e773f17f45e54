//! Scripts that made a target do something new. They are changed a little and played again.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::dialect::Dialect;
use super::play::Mark;
use super::script::Script;

/// Scripts of one dialect at most, in memory and on disk. What comes later is not kept.
const MOST_SCRIPTS: usize = 1_000;

/// The largest file that a script is kept in, in bytes: others would be slow to change and to play, and show little more.
const LARGEST_FILE: usize = 256 * 1024;

/// Bytes of all files at most.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A folder of scripts, of one dialect.
#[derive(Debug)]
pub(super) struct Corpus {
    /// None keeps nothing on disk.
    folder: Option<PathBuf>,
    scripts: Vec<Script>,
    bytes: usize,
    /// Signatures that were seen, by their hash.
    signatures: HashSet<u64>,
}

impl Corpus {
    /// Keeps nothing at all.
    pub(super) fn none() -> Self {
        Self {
            folder: None,
            scripts: Vec::new(),
            bytes: 0,
            signatures: HashSet::new(),
        }
    }

    /// Reads what is there, in the order of the names. The folder is made if it is missing.
    pub(super) fn open(dir: &Path, dialect: Dialect) -> anyhow::Result<Self> {
        let folder = dir.join(dialect.name());
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut corpus = Self::none();
        let mut paths = Vec::new();
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths.iter().take(MOST_SCRIPTS) {
            let size = std::fs::metadata(path).map_or(usize::MAX, |file| file.len() as usize);
            if size > LARGEST_FILE || corpus.bytes + size > MOST_BYTES {
                continue;
            }
            let script = Script::load(path)?;
            let name = path.file_stem().and_then(|name| name.to_str());
            if let Some(signature) = name.and_then(|name| u64::from_str_radix(name, 16).ok()) {
                corpus.signatures.insert(signature);
            }
            corpus.push(script, size);
        }
        corpus.folder = Some(folder);
        Ok(corpus)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.scripts.len()
    }

    /// The script at that place, modulo their number.
    pub(super) fn pick(&self, place: usize) -> Option<&Script> {
        self.scripts.get(place % self.scripts.len().max(1))
    }

    /// Keeps the script if nothing with this signature was seen before. Whether it did.
    pub(super) fn consider(
        &mut self,
        script: &Script,
        marks: &BTreeSet<Mark>,
    ) -> anyhow::Result<bool> {
        let Some(folder) = &self.folder else {
            return Ok(false);
        };
        let signature = hash(marks);
        if self.scripts.len() >= MOST_SCRIPTS
            || script.is_empty()
            || self.signatures.contains(&signature)
        {
            return Ok(false);
        }
        let json = script.to_json();
        if json.len() > LARGEST_FILE || self.bytes + json.len() > MOST_BYTES {
            return Ok(false);
        }
        let path = folder.join(format!("{signature:016x}.json"));
        std::fs::write(&path, &json).with_context(|| format!("writing {}", path.display()))?;
        self.signatures.insert(signature);
        self.push(script.clone(), json.len());
        Ok(true)
    }

    fn push(&mut self, script: Script, size: usize) {
        self.bytes += size;
        self.scripts.push(script);
    }
}

/// FNV-1a over the marks in words: the same number in every build.
fn hash(marks: &BTreeSet<Mark>) -> u64 {
    let text = format!("{marks:?}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::super::script::{Part, Step};
    use super::*;

    #[test]
    fn what_is_new_is_kept_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut corpus = Corpus::open(dir.path(), Dialect::Http).unwrap();
        let script = Script {
            dialect: Dialect::Http,
            steps: vec![Step::write(0, vec![Part::plain(*b"GET")])],
        };
        let marks = |status| BTreeSet::from([Mark::Status(status)]);
        assert!(corpus.consider(&script, &marks(200)).unwrap());
        assert!(!corpus.consider(&script, &marks(200)).unwrap());
        assert!(corpus.consider(&script, &marks(404)).unwrap());
        let mut again = Corpus::open(dir.path(), Dialect::Http).unwrap();
        assert_eq!(again.len(), 2);
        assert!(!again.consider(&script, &marks(404)).unwrap());
        assert_eq!(again.pick(7), Some(&script));
        assert_eq!(Corpus::open(dir.path(), Dialect::Client).unwrap().len(), 0);
    }
}

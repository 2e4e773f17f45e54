//! Where the sounds of voice messages come from.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

/// Longest sound that is carried, in bytes: one message has to fit an answer.
pub const MAX_SOUND: usize = 256 * 1024;

/// Gets the sound that a URL of TeamTalk's media store names.
#[async_trait]
pub trait Clips: Send + Sync {
    async fn fetch(&self, url: &str) -> Result<Bytes, ClipError>;
}

/// Why there is no sound, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipError {
    /// It is not there, and will not be.
    Missing(String),
    /// Nobody can say whether it is there.
    Away(String),
}

/// The folder of the media store, its `BaseDir`.
#[derive(Clone, Debug)]
pub struct Folder {
    base: PathBuf,
}

impl Folder {
    pub fn new(base: PathBuf) -> Self {
        Self { base }
    }
}

#[async_trait]
impl Clips for Folder {
    async fn fetch(&self, url: &str) -> Result<Bytes, ClipError> {
        let missing = |why: &str| ClipError::Missing(why.to_owned());
        let path = path_of(url).ok_or_else(|| missing("its address names no file"))?;
        // the media store leaves the first segment out; a folder that was mirrored by URL has it
        let (_, inner) = path.split_once('/').unwrap_or(("", path));
        for candidate in [inner, path] {
            let file = self.base.join(candidate);
            match read(&file).await {
                Ok(Some(sound)) => return Ok(sound),
                Ok(None) => {}
                Err(error) => {
                    let why = format!("reading {}: {error}", file.display());
                    return Err(ClipError::Away(why));
                }
            }
        }
        if !self.base.is_dir() {
            let why = format!("{} is no folder any more", self.base.display());
            return Err(ClipError::Away(why));
        }
        Err(ClipError::Missing(format!("no file {inner}")))
    }
}

/// `None` if there is no such file.
async fn read(path: &Path) -> std::io::Result<Option<Bytes>> {
    match tokio::fs::read(path).await {
        Ok(sound) => Ok(Some(sound.into())),
        // part of the path may be a file, or too long for one
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::InvalidFilename
                    | ErrorKind::InvalidInput
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The path of a URL, without the slash it begins with; never one that leads out of a folder.
fn path_of(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url,
    };
    let path = path.split(['?', '#']).next()?.trim_start_matches('/');
    let inside = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_into_the_folder_and_nowhere_else() {
        let url = "http://192.0.2.1:8700/g0/000/001/1.audio";
        assert_eq!(path_of(url), Some("g0/000/001/1.audio"));
        assert_eq!(path_of("g0/000/001/1.audio?x"), Some("g0/000/001/1.audio"));
        for bad in [
            "",
            "http://host",
            "http://host/g0/../../x",
            "http://host//x/./y",
        ] {
            assert_eq!(path_of(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn sounds_are_found_with_and_without_the_first_segment() {
        let folder = tempfile::tempdir().unwrap();
        for (path, sound) in [("000/1.audio", "one"), ("g0/000/2.audio", "two")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, sound).unwrap();
        }
        let clips = Folder::new(folder.path().to_owned());
        let fetch = async |url| clips.fetch(url).await;
        assert_eq!(fetch("http://h/g0/000/1.audio").await.unwrap(), "one");
        assert_eq!(fetch("http://h/g0/000/2.audio").await.unwrap(), "two");
        assert!(fetch("http://h/g0/000/3.audio").await.is_err());
    }
}

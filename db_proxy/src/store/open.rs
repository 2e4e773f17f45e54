use std::path::Path;
use std::sync::Arc;

use super::{OpenError, SqliteStore, Store};

/// Opens the store a URL names, creating what is missing and bringing its tables up to date.
///
/// `sqlite:PATH`: a relative path starts at the working directory; `sqlite://PATH` means the same.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    let path = sqlite_path(url).ok_or_else(|| OpenError::Url {
        url: url.to_owned(),
    })?;
    Ok(Arc::new(SqliteStore::open(path).await?))
}

fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    // a database in memory would be another one for each connection
    (!path.is_empty() && !path.starts_with(':')).then(|| Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        assert_eq!(sqlite_path("sqlite:a/b.db"), Some(Path::new("a/b.db")));
        assert_eq!(sqlite_path("sqlite:/a/b.db"), Some(Path::new("/a/b.db")));
        assert_eq!(sqlite_path("sqlite:///a/b.db"), Some(Path::new("/a/b.db")));
        for bad in ["", "a.db", "sqlite:", "sqlite::memory:", "postgres://x/y"] {
            assert_eq!(sqlite_path(bad), None, "{bad}");
        }
    }
}

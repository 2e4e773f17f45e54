use std::path::Path;
use std::sync::Arc;

use super::sqlite::backup::{BackupError, refuse_in_use};
use super::{Archive, MySqlStore, OpenError, SqliteStore, Store};
use crate::transfer::Note;

/// Opens the store a URL names, creating what is missing and bringing its tables up to date.
///
/// `sqlite:PATH`: a relative path starts at the working directory; `sqlite://PATH` means the same.
/// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, also for MariaDB: the database is made when the user may.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    open_with(url, None).await
}

/// `password` stands in for one in the URL.
pub async fn open_with(url: &str, password: Option<&str>) -> Result<Arc<dyn Store>, OpenError> {
    match StoreUrl::parse(url) {
        Some(StoreUrl::Sqlite(path)) => {
            let store = SqliteStore::open(path).await?;
            refuse_unfinished(&store, url).await?;
            Ok(Arc::new(store))
        }
        Some(StoreUrl::MySql(address)) => {
            let store = MySqlStore::open(&address, password).await?;
            refuse_unfinished(&store, url).await?;
            Ok(Arc::new(store))
        }
        None => Err(OpenError::Url { url: shown(url) }),
    }
}

/// Opens the same store for somebody who reads all of it. `password` stands in for one in the URL.
pub async fn open_archive(
    url: &str,
    password: Option<&str>,
) -> Result<Arc<dyn Archive>, OpenError> {
    match StoreUrl::parse(url) {
        Some(StoreUrl::Sqlite(path)) => Ok(Arc::new(SqliteStore::open(path).await?)),
        Some(StoreUrl::MySql(url)) => Ok(Arc::new(MySqlStore::open(&url, password).await?)),
        None => Err(OpenError::Url { url: shown(url) }),
    }
}

/// As [`open_archive`], for somebody who moves all of it: refused while somebody else has it open.
pub async fn open_archive_alone(
    url: &str,
    password: Option<&str>,
) -> Result<Arc<dyn Archive>, BackupError> {
    if let Some(StoreUrl::MySql(url)) = StoreUrl::parse(url) {
        return Ok(Arc::new(MySqlStore::open_alone(&url, password).await?));
    }
    if let Some(path) = sqlite_path(url) {
        refuse_in_use(path).await?;
    }
    Ok(open_archive(url, password).await?)
}

/// Whether it is a store's URL, as far as can be told without opening it.
pub fn is_url(url: &str) -> bool {
    match StoreUrl::parse(url) {
        Some(StoreUrl::Sqlite(_)) => true,
        Some(StoreUrl::MySql(url)) => super::mysql::is_address(&url),
        None => false,
    }
}

/// The file of a store that is one.
pub fn sqlite_path(url: &str) -> Option<&Path> {
    match StoreUrl::parse(url) {
        Some(StoreUrl::Sqlite(path)) => Some(path),
        _ => None,
    }
}

async fn refuse_unfinished(store: &impl Archive, url: &str) -> Result<(), OpenError> {
    let note = store.note().await.map_err(|source| OpenError::Store {
        store: shown(url),
        source,
    })?;
    if note.is_some_and(|note| Note::is_unfinished(&note)) {
        return Err(OpenError::Unfinished { store: shown(url) });
    }
    Ok(())
}

/// A store's URL as it may be shown: without its password.
pub fn shown(url: &str) -> String {
    super::mysql::without_password(url)
}

#[derive(Debug, PartialEq, Eq)]
enum StoreUrl<'a> {
    Sqlite(&'a Path),
    /// With the scheme the driver knows.
    MySql(String),
}

impl<'a> StoreUrl<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        if let Some(rest) = url
            .strip_prefix("mysql://")
            .or(url.strip_prefix("mariadb://"))
        {
            return Some(Self::MySql(format!("mysql://{rest}")));
        }
        let path = url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        // a database in memory would be another one for each connection
        (!path.is_empty() && !path.starts_with(':')).then(|| Self::Sqlite(Path::new(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        let path = |url| match StoreUrl::parse(url) {
            Some(StoreUrl::Sqlite(path)) => path.to_str(),
            _ => None,
        };
        assert_eq!(path("sqlite:a/b.db"), Some("a/b.db"));
        assert_eq!(path("sqlite:/a/b.db"), Some("/a/b.db"));
        assert_eq!(path("sqlite:///a/b.db"), Some("/a/b.db"));
        for bad in ["", "a.db", "sqlite:", "sqlite::memory:", "postgres://x/y"] {
            assert_eq!(StoreUrl::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_names_a_server() {
        for url in ["mysql://im@db/im", "mariadb://im@db/im"] {
            let server = StoreUrl::MySql("mysql://im@db/im".to_owned());
            assert_eq!(StoreUrl::parse(url), Some(server));
        }
    }
}

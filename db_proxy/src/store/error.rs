use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a store could not do what it was asked. Nothing was changed, unless the connection broke during a commit:
/// then a write may have happened, which is why messages carry a client key.
///
/// Cloneable because one failed transaction answers everyone who had a write in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is held by somebody else.
    #[error("the store is not available")]
    Unavailable(#[source] Cause),
    /// No room is left to write to.
    #[error("the store has no room left")]
    Full(#[source] Cause),
    /// The database contradicts itself, or holds what no release has written. A person must look.
    #[error("the store is damaged")]
    Corrupt(#[source] Cause),
    /// The database refuses this write, and would refuse it again.
    #[error("the store refused the write")]
    Refused(#[source] Cause),
}

/// What the database driver said.
pub type Cause = Arc<dyn Error + Send + Sync>;

impl StoreError {
    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Corrupt(_) | Self::Refused(_) => false,
        }
    }
}

/// Why a store could not be opened, in words for whoever wrote the URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "store URL {url:?} is not understood: write sqlite:PATH, for example sqlite:data/ferrotalk.db"
    )]
    Url { url: String },
    #[error("cannot write to the store {}: check that its folder exists and belongs to this user", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("{} is not a database of this program: name another file, or move this one away", path.display())]
    NotADatabase {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error(
        "{} was written by a newer release (schema {found}, this program knows {known}): \
         start the newer release, or restore a backup from before the upgrade",
        path.display()
    )]
    NewerSchema {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("cannot bring the tables of {} up to date", path.display())]
    Migration {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("cannot open the store {}", path.display())]
    Store {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
}

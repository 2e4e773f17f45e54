use std::error::Error;
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
    /// Other writers were in the way each time it was tried.
    #[error("the store is too busy")]
    Conflict(#[source] Cause),
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
            Self::Unavailable(_) | Self::Conflict(_) | Self::Full(_) => true,
            Self::Corrupt(_) | Self::Refused(_) => false,
        }
    }
}

/// Why a store could not be opened, in words for whoever wrote the URL. `store` is its path or its URL, without a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "store URL {url:?} is not understood: write sqlite:PATH, for example sqlite:data/ferrotalk.db, \
         or mysql://USER:PASSWORD@HOST:PORT/DATABASE, in a password %2F for /, %40 for @, %3A for : and %25 for %"
    )]
    Url { url: String },
    #[error("cannot write to the store {store}: {mend}")]
    Unwritable {
        store: String,
        mend: &'static str,
        #[source]
        source: Cause,
    },
    #[error("{store} is not a database of this program: name another one, or move this one away")]
    NotADatabase {
        store: String,
        #[source]
        source: Cause,
    },
    #[error(
        "{store} was written by a newer release (schema {found}, this program knows {known}): \
         start the newer release, or restore a backup from before the upgrade"
    )]
    NewerSchema {
        store: String,
        found: i64,
        known: i64,
    },
    #[error("cannot bring the tables of {store} up to date")]
    Migration {
        store: String,
        #[source]
        source: Cause,
    },
    #[error(
        "an upgrade of {store} to schema {version} was interrupted: restore the backup from before it, or drop the \
         database if it was a new one"
    )]
    Interrupted { store: String, version: i64 },
    #[error(
        "{store} holds an import or a migration that did not come to its end: run the same command again, it goes on \
         where it stopped"
    )]
    Unfinished { store: String },
    #[error(
        "{store} is in use, by a connection from {by}: stop every db_proxy that has it open, and whatever else has"
    )]
    InUse { store: String, by: String },
    #[error("an import or a migration is at work with {store}: wait until it is done")]
    Moving { store: String },
    #[error("no database server answers at {store}: check host and port, and that it runs")]
    Unreachable {
        store: String,
        #[source]
        source: Cause,
    },
    #[error("{store} lets this user not in: check name, password and rights ({rights})")]
    Denied {
        store: String,
        rights: &'static str,
        #[source]
        source: Cause,
    },
    #[error("the server of {store} has {setting} = {found}: {mend}")]
    Setting {
        store: String,
        setting: &'static str,
        found: String,
        mend: &'static str,
    },
    #[error("cannot open the store {store}")]
    Store {
        store: String,
        #[source]
        source: StoreError,
    },
}

//! What a device has of one account: messages, read positions, people, groups, and what is still to be sent. One SQLite file.
//!
//! Whatever arrives together is written in one transaction, the cursor of [sync](super) with what it stands for. So a
//! program that dies anywhere goes on where it was. Every method is cancel-safe: what was not committed did not happen.

mod account;
mod announce;
mod history;
mod missing;
mod outbox;
mod page;
mod people;
mod references;
mod timeline;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};
use thiserror::Error;

pub use history::{ConversationState, Entry};
pub use outbox::{Draft, DraftId, OutboxFull};
pub use page::{Known, Taken};
pub use timeline::Arrival;

/// Tells a file of this kind from other SQLite files: "FTch".
const APPLICATION_ID: i64 = 0x4654_6368;

/// Goes up with every change of the tables.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = include_str!("store/schema.sql");

/// How long to wait for another program that is just closing the file.
const BUSY: Duration = Duration::from_secs(1);

/// The local history could not be read or written.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The file or its folder cannot be made or opened.
    #[error("cannot open {}: {source}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It is something else.
    #[error("{} is no local history of ferrotalk", .0.display())]
    NotOurs(PathBuf),
    /// It was written by a newer version of this program.
    #[error("{} was written by a newer version of this program (its tables have version {found}, known is {SCHEMA_VERSION})", file.display())]
    Newer {
        /// Which file.
        file: PathBuf,
        /// The version of its tables.
        found: i64,
    },
    /// A file is one program's at a time.
    #[error("{} is in use by another program", .0.display())]
    InUse(PathBuf),
    /// It is another account's.
    #[error(
        "the local history belongs to user {kept}, and the server says that this is user {told}"
    )]
    Foreign {
        /// Whose it is.
        kept: u32,
        /// Who logged in.
        told: u32,
    },
    /// SQLite reports an error: a full disk, a broken file.
    #[error("the local history cannot be used: {0}")]
    Sqlite(Arc<sqlx::Error>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// The local history of one account on one device. Clones share it; one program at a time has it open.
#[derive(Clone, Debug)]
pub struct LocalStore {
    /// One connection: a client has one thing to write at a time.
    pool: SqlitePool,
    file: Option<PathBuf>,
}

impl LocalStore {
    /// Opens the file, making it and its folder where they are missing; only this user may read them.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        create(file).map_err(|error| StoreError::File {
            file: file.to_owned(),
            source: Arc::new(error),
        })?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(BUSY)
            .locking_mode(SqliteLockingMode::Exclusive)
            .journal_mode(SqliteJournalMode::Wal)
            // what was typed is not lost with the power
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        Self::with(options, Some(file.to_owned())).await
    }

    /// One that is gone when the last clone is.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .disable_statement_logging();
        Self::with(options, None).await
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Closes the file; clones are of no use any more.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn with(
        options: SqliteConnectOptions,
        file: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let failed = |error: sqlx::Error| open_error(error, file.as_deref());
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            // one in memory is gone with its connection, and a lock too
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(failed)?;
        let store = Self {
            pool,
            file: file.clone(),
        };
        store.bring_up_to_date(file.as_deref()).await?;
        Ok(store)
    }

    async fn bring_up_to_date(&self, file: Option<&Path>) -> Result<(), StoreError> {
        let failed = |error| open_error(error, file);
        let mut transaction = self.begin().await.map_err(failed)?;
        let application: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let file = || file.map(Path::to_owned).unwrap_or_default();
        match (application, version) {
            (APPLICATION_ID, SCHEMA_VERSION) => return Ok(()),
            (APPLICATION_ID, found) if found > SCHEMA_VERSION => {
                return Err(StoreError::Newer {
                    file: file(),
                    found,
                });
            }
            (0, 0) if tables == 0 => {}
            _ => return Err(StoreError::NotOurs(file())),
        }
        sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        let marks = format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(marks))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }
}

/// SQLite gives its side files the mode of the file made here.
fn create(file: &Path) -> io::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

fn open_error(error: sqlx::Error, file: Option<&Path>) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    // SQLite's numbers; the upper bytes are the finer kind
    let code = code.and_then(|code| code.parse::<i64>().ok());
    match (code.map(|code| code & 0xff), file) {
        (Some(5 | 6), Some(file)) => StoreError::InUse(file.to_owned()),
        (Some(26), Some(file)) => StoreError::NotOurs(file.to_owned()),
        _ => error.into(),
    }
}

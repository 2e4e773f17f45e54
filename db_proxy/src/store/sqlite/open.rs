use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::values::CHUNK;
use super::{SqliteStore, checkpoint};
use crate::store::time::ChangeClock;
use crate::store::trouble::{Trouble, trouble};
use crate::store::{OpenError, UnixMillis};

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Statements of batches exist in one shape per power of two, and all of them should stay prepared.
const PREPARED_STATEMENTS: usize = 256;

const MEND: &str = "check that its folder exists and belongs to this user";

impl SqliteStore {
    /// Opens the file, creating it and its folder when missing, and brings its tables up to date.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        create(path).map_err(|error| OpenError::Unwritable {
            store: path.display().to_string(),
            mend: MEND,
            source: Arc::new(error),
        })?;
        let failed = |error| open_error(path, error);

        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .statement_cache_capacity(PREPARED_STATEMENTS)
            // on the hot path, and a statement for 256 rows is no line of a log
            .disable_statement_logging();
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        // It reads nothing but the log.
        let beside = pool_options(1).connect_lazy_with(writing.clone());
        let writing = writing
            // the thread is not to wait for the reader of its rows
            .row_buffer_size(2 * CHUNK)
            .pragma("wal_autocheckpoint", checkpoint::UNTENDED.to_string())
            // Not more: once a transaction has split a page, its end walks through all of the cache.
            .pragma("cache_size", "-16384");

        let writer = writers().connect_with(writing).await.map_err(failed)?;
        let mut connection = writer.acquire().await.map_err(failed)?;
        migrate(&mut connection, path).await?;
        super::meta::ensure_epoch(&mut connection)
            .await
            .map_err(failed)?;
        let clock = clock(&mut connection).await.map_err(failed)?;
        drop(connection);

        let reading = options.read_only(true).pragma("cache_size", "-16384");
        let readers = pool_options(READERS).connect_with(reading).await;
        let readers = readers.map_err(failed)?;
        Ok(Self {
            writer,
            readers,
            beside,
            wrote: Arc::default(),
            clock: Arc::new(clock),
        })
    }

    /// Waits for what is running and closes the file.
    pub async fn close(&self) {
        self.beside.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Goes on behind the last change that is stored, whatever this machine's clock says now.
async fn clock(connection: &mut SqliteConnection) -> Result<ChangeClock, sqlx::Error> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(at) FROM (
             SELECT max(updated_at_ms) AS at FROM users
             UNION ALL SELECT max(updated_at_ms) FROM departments
             UNION ALL SELECT max(updated_at_ms) FROM chat_groups
             UNION ALL SELECT max(changed_at_ms) FROM contacts
             UNION ALL SELECT max(last_message_at_ms) FROM conversations)",
    )
    .fetch_one(connection)
    .await?;
    Ok(ChangeClock::behind(UnixMillis(last.unwrap_or(0))))
}

/// When the disk is full or fails, SQLite ends a transaction by itself. The driver does not notice, takes it to be open, and
/// lets nobody begin another one on that connection: so it is closed.
fn writers() -> SqlitePoolOptions {
    pool_options(1).after_release(|connection, _| {
        Box::pin(async move {
            if !connection.is_in_transaction() {
                return Ok(true);
            }
            // its end may still be on the way
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

fn pool_options(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // waiting is what requests do when there are many; the one that waits in vain is logged
        .acquire_slow_threshold(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // a connection to a file does not go stale, and asking would cost a thread hop each time
        .test_before_acquire(false)
}

/// Password hashes are nobody else's business: SQLite gives its side files the mode of the file made here.
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new().recursive(true).create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// One transaction around all of it, so that of several processes that start together one does the work.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|error| open_error(path, error))?;
    let known = MIGRATOR.iter().map(|m| m.version).max().unwrap_or(0);
    // `run` on a connection is not `Send`; this is what it calls
    match MIGRATOR.run_direct(None, &mut *transaction, false).await {
        Ok(()) => transaction
            .commit()
            .await
            .map_err(|error| open_error(path, error)),
        Err(MigrateError::VersionMissing(found)) if found > known => Err(OpenError::NewerSchema {
            store: path.display().to_string(),
            found,
            known,
        }),
        Err(MigrateError::Execute(error)) => Err(open_error(path, error)),
        Err(error) => Err(OpenError::Migration {
            store: path.display().to_string(),
            source: Arc::new(error),
        }),
    }
}

fn open_error(path: &Path, error: sqlx::Error) -> OpenError {
    let store = path.display().to_string();
    match trouble(&error) {
        Trouble::NotADatabase => OpenError::NotADatabase {
            store,
            source: Arc::new(error),
        },
        Trouble::Unwritable => OpenError::Unwritable {
            store,
            mend: MEND,
            source: Arc::new(error),
        },
        _ => OpenError::Store {
            store,
            source: error.into(),
        },
    }
}

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{ConnectOptions, Executor, MySqlConnection, MySqlPool};
use tokio::time::timeout;

use super::MySqlStore;
use super::statement::Statement;
use crate::store::time::ChangeClock;
use crate::store::trouble::{Trouble, trouble};
use crate::store::{OpenError, StoreError, UnixMillis, row};

static MIGRATOR: Migrator = sqlx::migrate!("migrations/mysql");

/// Connections of one process, for each of the two pools.
const CONNECTIONS: u32 = 8;

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a server may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection unused for that long is closed; servers and firewalls forget idle ones.
const IDLE: Duration = Duration::from_secs(120);

/// Statements exist in few shapes, and all of them should stay prepared.
const PREPARED_STATEMENTS: usize = 256;

/// What every connection is told: to see what others have committed and lock no gaps, to refuse what does not fit rather
/// than cut it, and not to wait long for a lock.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 3";

/// Room for a packet with the largest message and everything around it.
const LEAST_PACKET: i64 = 1024 * 1024;

/// Bodies in one statement, where the server takes more.
const STATEMENT_BYTES: i64 = 4 * 1024 * 1024;

/// Seconds that others may take to bring the tables up to date.
const MIGRATION_SECONDS: i64 = 300;

const RIGHTS: &str =
    "it needs SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP on the database";
const READ_ONLY: &str = "the server is set to read-only; name the one that takes writes";

impl MySqlStore {
    /// Opens a database on a server, creating it when missing and this user may, and brings its tables up to date.
    /// `password` stands in for one in the URL.
    pub async fn open(url: &str, password: Option<&str>) -> Result<Self, OpenError> {
        let unknown = || OpenError::Url {
            url: without_password(url),
        };
        let mut options = MySqlConnectOptions::from_str(url).map_err(|_| unknown())?;
        if options.get_database().is_none() {
            return Err(unknown());
        }
        if let Some(password) = password {
            options = options.password(password);
        }
        let options = options
            .charset("utf8mb4")
            .collation("utf8mb4_bin")
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .statement_cache_capacity(PREPARED_STATEMENTS)
            // on the hot path, and a statement for 256 rows is no line of a log
            .disable_statement_logging();
        let store = without_password(url);

        let mut connection = connect(&options, &store).await?;
        let packet = settings(&mut connection, &store).await?;
        migrate(&mut connection, &store).await?;
        let failed = |source| OpenError::Store {
            store: store.clone(),
            source,
        };
        super::meta::ensure_epoch(&mut connection)
            .await
            .map_err(failed)?;
        let clock = clock(&mut connection).await.map_err(failed)?;
        drop(connection);
        Ok(Self {
            writers: pool(options.clone()),
            readers: pool(options),
            clock: Arc::new(clock),
            statement_bytes: usize::try_from(packet.min(STATEMENT_BYTES) / 2).unwrap_or(0),
        })
    }

    /// Waits for what is running and closes the connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

fn pool(options: MySqlConnectOptions) -> MySqlPool {
    MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE)
        // a transaction notices by itself, and what only reads is asked again
        .test_before_acquire(false)
        .after_connect(|connection, _| prepare(connection))
        .connect_lazy_with(options)
}

fn prepare(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move {
        connection.execute(SESSION).await?;
        Ok(())
    })
}

/// The first connection. A database that does not exist is made.
async fn connect(options: &MySqlConnectOptions, store: &str) -> Result<MySqlConnection, OpenError> {
    let mut connection = match attempt(options, store).await? {
        Ok(connection) => connection,
        Err(error) if trouble(&error) == Trouble::NoDatabase => {
            create_database(options, store).await?;
            attempt(options, store)
                .await?
                .map_err(|error| open_error(store, error))?
        }
        Err(error) => return Err(open_error(store, error)),
    };
    prepare(&mut connection)
        .await
        .map_err(|error| open_error(store, error))?;
    Ok(connection)
}

async fn attempt(
    options: &MySqlConnectOptions,
    store: &str,
) -> Result<Result<MySqlConnection, sqlx::Error>, OpenError> {
    timeout(CONNECT_TIMEOUT, options.connect())
        .await
        .map_err(|late| OpenError::Unreachable {
            store: store.to_owned(),
            source: Arc::new(late),
        })
}

async fn create_database(options: &MySqlConnectOptions, store: &str) -> Result<(), OpenError> {
    let failed = |error| open_error(store, error);
    let database = options
        .get_database()
        .unwrap_or_default()
        .replace('`', "``");
    // without a database named, so that the server lets us in
    let mut connection = attempt(&options.clone().database(""), store)
        .await?
        .map_err(failed)?;
    let sql = format!(
        "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    );
    Statement::new(sql)
        .execute(&mut connection)
        .await
        .map(drop)
        .map_err(|source| OpenError::Store {
            store: store.to_owned(),
            source,
        })
}

/// Refuses a server on which something would go wrong later. The bytes one packet may have.
async fn settings(connection: &mut MySqlConnection, store: &str) -> Result<i64, OpenError> {
    let sql = "SELECT CAST(@@max_allowed_packet AS SIGNED) AS packet, CAST(@@read_only AS SIGNED) AS read_only";
    let found = Statement::new(sql).fetch(connection).await;
    let read = |column: &str| {
        let found = found.as_ref().map_err(Clone::clone)?;
        found.first().map_or(Ok(0), |found| row::int(found, column))
    };
    let failed = |source| OpenError::Store {
        store: store.to_owned(),
        source,
    };
    let packet: i64 = read("packet").map_err(failed)?;
    if packet < LEAST_PACKET {
        return Err(OpenError::Setting {
            store: store.to_owned(),
            setting: "max_allowed_packet",
            found: packet.to_string(),
            mend: "set it to 16M, the largest message has to fit with what is around it",
        });
    }
    Ok(packet)
}

/// Goes on behind the last change that is stored, whatever this machine's clock says now.
async fn clock(connection: &mut MySqlConnection) -> Result<ChangeClock, StoreError> {
    let last = Statement::new(
        "SELECT max(at) AS last FROM (
             SELECT max(updated_at_ms) AS at FROM users
             UNION ALL SELECT max(updated_at_ms) FROM departments
             UNION ALL SELECT max(updated_at_ms) FROM chat_groups
             UNION ALL SELECT max(last_message_at_ms) FROM conversations) AS changes",
    );
    let last = last.fetch(connection).await?;
    let last = last
        .first()
        .map_or(Ok(UnixMillis(0)), |last| row::time(last, "last"))?;
    Ok(ChangeClock::behind(last))
}

/// One process at a time. What changes tables commits by itself on these servers, so an upgrade that is interrupted is
/// left half done and says so.
async fn migrate(connection: &mut MySqlConnection, store: &str) -> Result<(), OpenError> {
    let failed = |source| OpenError::Store {
        store: store.to_owned(),
        source,
    };
    let lock = "SELECT GET_LOCK(concat('ferrotalk.', sha1(database())), ?) AS held";
    let held = Statement::new(lock)
        .bind(MIGRATION_SECONDS)
        .fetch(connection);
    let held = held.await.map_err(failed)?;
    if !held
        .first()
        .map_or(Ok(false), |held| row::flag(held, "held"))
        .map_err(failed)?
    {
        return Err(OpenError::Migration {
            store: store.to_owned(),
            source: Arc::new(Busy),
        });
    }
    let known = MIGRATOR.iter().map(|m| m.version).max().unwrap_or(0);
    // `run` on a connection is not `Send`; this is what it calls. The lock is the connection's, and ends with it.
    match MIGRATOR.run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) if found > known => Err(OpenError::NewerSchema {
            store: store.to_owned(),
            found,
            known,
        }),
        Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_)) => {
            Err(OpenError::NotADatabase {
                store: store.to_owned(),
                source: Arc::new(Foreign),
            })
        }
        Err(MigrateError::Dirty(version)) => Err(OpenError::Interrupted {
            store: store.to_owned(),
            version,
        }),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(open_error(store, error))
        }
        Err(error) => Err(OpenError::Migration {
            store: store.to_owned(),
            source: Arc::new(error),
        }),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("another process has been at it for {MIGRATION_SECONDS} seconds")]
struct Busy;

#[derive(Debug, thiserror::Error)]
#[error("its tables were made by something else")]
struct Foreign;

fn open_error(store: &str, error: sqlx::Error) -> OpenError {
    let store = store.to_owned();
    match trouble(&error) {
        Trouble::Denied | Trouble::NoDatabase => OpenError::Denied {
            store,
            rights: RIGHTS,
            source: Arc::new(error),
        },
        Trouble::Unwritable => OpenError::Unwritable {
            store,
            mend: READ_ONLY,
            source: Arc::new(error),
        },
        Trouble::Unavailable => OpenError::Unreachable {
            store,
            source: Arc::new(error),
        },
        _ => OpenError::Store {
            store,
            source: error.into(),
        },
    }
}

/// The URL as it may be shown.
pub(in crate::store) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    // the last one: somebody may have forgotten to write %40 in a password
    match rest[..end].rfind('@') {
        Some(at) => {
            let user = rest[..at].split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{}", &rest[at + 1..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("mysql://im:secret@db:3306/im", "mysql://im@db:3306/im"),
            ("mysql://im:se@cr:et@db/im", "mysql://im@db/im"),
            ("mysql://db/im", "mysql://db/im"),
            (
                "mysql://im@db/im?socket=/a@b",
                "mysql://im@db/im?socket=/a@b",
            ),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, MySqlConnection};
use tokio::time::{Instant, sleep, timeout};

use super::MySqlStore;
use super::session::{self, Connections, Taken};
use super::statement::Statement;
use crate::store::time::ChangeClock;
use crate::store::trouble::{Trouble, trouble};
use crate::store::{Cause, OpenError, StoreError, UnixMillis, row};

static MIGRATOR: Migrator = sqlx::migrate!("migrations/mysql");

/// Connections of one process for those who write, and as many for those who read.
const CONNECTIONS: usize = 8;

/// How long a server may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Statements exist in few shapes, and all of them should stay prepared.
const PREPARED_STATEMENTS: usize = 192;

/// Room for a packet with the largest message and everything around it.
const LEAST_PACKET: i64 = 1024 * 1024;

/// Bodies in one statement, where the server takes more.
const STATEMENT_BYTES: i64 = 4 * 1024 * 1024;

/// How long a connection is still shown that was closed, at most.
const LEAVING: Duration = Duration::from_secs(2);

/// Seconds that others may take to bring the tables up to date.
const MIGRATION_SECONDS: i64 = 300;

const RIGHTS: &str =
    "it needs SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP on the database";
const READ_ONLY: &str = "the server is set to read-only; name the one that takes writes";

impl MySqlStore {
    /// Opens a database on a server, creating it when missing and this user may, and brings its tables up to date.
    /// `password` stands in for one in the URL.
    pub async fn open(url: &str, password: Option<&str>) -> Result<Self, OpenError> {
        let opened = Opened::of(url, password).await?;
        Ok(opened.store(None))
    }

    /// As [`open`](Self::open), for somebody who must be alone with it: refused while another connection uses the database,
    /// as far as this user may see that; nobody else gets in until this one is dropped.
    pub async fn open_alone(url: &str, password: Option<&str>) -> Result<Self, OpenError> {
        let mut opened = Opened::of(url, password).await?;
        let store = without_password(url);
        let failed = |error| Refusal::from(error).of(&store);
        let taken = session::take_alone(&mut opened.connection).await;
        let Some(alone) = taken.map_err(failed)? else {
            return Err(OpenError::Moving { store });
        };
        refuse_in_use(&mut opened.connection, &store).await?;
        Ok(opened.store(Some(alone)))
    }

    /// Waits for what is running and closes the connections.
    pub async fn close(&self) {
        self.readers.close(CONNECTIONS).await;
        self.writers.close(CONNECTIONS).await;
    }
}

/// A database whose tables are up to date.
struct Opened {
    options: MySqlConnectOptions,
    /// It holds the lock of [`migrate`].
    connection: MySqlConnection,
    clock: ChangeClock,
    messages: ChangeClock,
    packet: i64,
}

impl Opened {
    async fn of(url: &str, password: Option<&str>) -> Result<Self, OpenError> {
        let mut options = options(url).ok_or_else(|| OpenError::Url {
            url: without_password(url),
        })?;
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
        let packet = in_time(&store, settings(&mut connection)).await?;
        let packet = packet.map_err(|error| error.of(&store))?;
        migrate(&mut connection, &store).await?;
        let failed = |error| Refusal::from(error).of(&store);
        let epoch = in_time(&store, super::meta::ensure_epoch(&mut connection)).await?;
        epoch.map_err(failed)?;
        let clock = clock(&mut connection, CHANGES).await.map_err(failed)?;
        let messages = self::clock(&mut connection, MESSAGES)
            .await
            .map_err(failed)?;
        Ok(Self {
            options,
            connection,
            clock,
            messages,
            packet,
        })
    }

    /// `alone`: the number of its connection, if that is to keep others out.
    fn store(self, alone: Option<i64>) -> MySqlStore {
        let connection = alone.map(|_| Arc::new(parking_lot::Mutex::new(self.connection)));
        MySqlStore {
            writers: Connections::new(self.options.clone(), alone, CONNECTIONS),
            readers: Connections::new(self.options, alone, CONNECTIONS),
            clock: Arc::new(self.clock),
            messages: Arc::new(self.messages),
            statement_bytes: usize::try_from(self.packet.min(STATEMENT_BYTES) / 2).unwrap_or(0),
            _alone: connection,
        }
    }
}

/// Whether the URL names a server and a database.
pub(in crate::store) fn is_address(url: &str) -> bool {
    options(url).is_some()
}

fn options(url: &str) -> Option<MySqlConnectOptions> {
    let options = MySqlConnectOptions::from_str(url).ok()?;
    options.get_database().is_some().then_some(options)
}

/// A server that accepts and then says nothing is as good as none.
async fn in_time<T>(store: &str, step: impl Future<Output = T>) -> Result<T, OpenError> {
    timeout(CONNECT_TIMEOUT, step)
        .await
        .map_err(|late| OpenError::Unreachable {
            store: store.to_owned(),
            source: Arc::new(late),
        })
}

/// Why a server is not used.
enum Refusal {
    Setting(&'static str, String, &'static str),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    fn of(self, store: &str) -> OpenError {
        match self {
            Self::Setting(setting, found, mend) => OpenError::Setting {
                store: store.to_owned(),
                setting,
                found,
                mend,
            },
            Self::Store(error) => told(store, error),
        }
    }
}

/// What the driver said decides, where it said something.
fn told(store: &str, error: StoreError) -> OpenError {
    let kind = match &error {
        StoreError::Unavailable(cause) => cause.downcast_ref::<sqlx::Error>().map(trouble),
        _ => None,
    };
    let StoreError::Unavailable(source) = error else {
        return OpenError::Store {
            store: store.to_owned(),
            source: error,
        };
    };
    unusable(store, kind.unwrap_or(Trouble::Unavailable), source)
}

/// The first connection. A database that does not exist is made.
async fn connect(options: &MySqlConnectOptions, store: &str) -> Result<MySqlConnection, OpenError> {
    match attempt(options, store).await? {
        Ok(connection) => Ok(connection),
        Err(error) if trouble(&error) == Trouble::NoDatabase => {
            create_database(options, store).await?;
            let again = attempt(options, store).await?;
            again.map_err(|error| open_error(store, error))
        }
        Err(error) => Err(open_error(store, error)),
    }
}

async fn attempt(
    options: &MySqlConnectOptions,
    store: &str,
) -> Result<Result<MySqlConnection, sqlx::Error>, OpenError> {
    in_time(store, session::connect(options, None)).await
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
async fn settings(connection: &mut MySqlConnection) -> Result<i64, Refusal> {
    let sql =
        "SELECT CAST(@@max_allowed_packet AS SIGNED) AS packet, CAST(@@log_bin AS SIGNED) AS logs,
               @@binlog_format AS format";
    let found = Statement::new(sql).first(connection).await?;
    let Some(found) = found else { return Ok(0) };
    let packet: i64 = row::int(&found, "packet")?;
    if packet < LEAST_PACKET {
        let mend = "set it to 16M, the largest message has to fit with what is around it";
        return Err(Refusal::Setting(
            "max_allowed_packet",
            packet.to_string(),
            mend,
        ));
    }
    let format = row::text(&found, "format")?;
    if row::flag(&found, "logs")? && format == "STATEMENT" {
        let mend = "set it to ROW or MIXED, transactions that see what others commit can't be logged otherwise";
        return Err(Refusal::Setting("binlog_format", format, mend));
    }
    Ok(packet)
}

/// Refuses a database that others use. A server shows a user without further rights his own connections alone.
async fn refuse_in_use(connection: &mut MySqlConnection, store: &str) -> Result<(), OpenError> {
    let failed = |source| OpenError::Store {
        store: store.to_owned(),
        source,
    };
    let sql = "SELECT CAST(host AS CHAR) AS host FROM information_schema.processlist
               WHERE db = database() AND id <> connection_id() LIMIT 1";
    let begun = Instant::now();
    loop {
        let found = Statement::new(sql).first(connection).await;
        let Some(found) = found.map_err(failed)? else {
            return Ok(());
        };
        if begun.elapsed() > LEAVING {
            let by = row::text(&found, "host").map_err(failed)?;
            let store = store.to_owned();
            return Err(OpenError::InUse { store, by });
        }
        sleep(LEAVING / 20).await;
    }
}

/// The latest of what changes are asked for by.
const CHANGES: &str = "SELECT max(at) AS last FROM (
    SELECT max(updated_at_ms) AS at FROM users UNION ALL SELECT max(updated_at_ms) FROM departments) AS changes";
const MESSAGES: &str = "SELECT max(at) AS last FROM (
    SELECT max(last_message_at_ms) AS at FROM conversations UNION ALL SELECT max(updated_at_ms) FROM chat_groups
    UNION ALL SELECT max(changed_at_ms) FROM contacts) AS changes";

/// Goes on behind the last change that is stored, whatever a clock says now.
async fn clock(
    connection: &mut MySqlConnection,
    sql: &'static str,
) -> Result<ChangeClock, StoreError> {
    let last = Statement::new(sql).first(connection).await?;
    let last = last.map_or(Ok(UnixMillis(0)), |last| row::time(&last, "last"))?;
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
    if let sqlx::Error::Io(cause) = &error
        && cause.get_ref().is_some_and(|cause| cause.is::<Taken>())
    {
        let store = store.to_owned();
        return OpenError::Moving { store };
    }
    match trouble(&error) {
        Trouble::Denied | Trouble::NoDatabase | Trouble::Unwritable | Trouble::Unavailable => {
            unusable(store, trouble(&error), Arc::new(error))
        }
        _ => OpenError::Store {
            store: store.to_owned(),
            source: error.into(),
        },
    }
}

fn unusable(store: &str, trouble: Trouble, source: Cause) -> OpenError {
    let store = store.to_owned();
    match trouble {
        Trouble::Denied | Trouble::NoDatabase => OpenError::Denied {
            store,
            rights: RIGHTS,
            source,
        },
        Trouble::Unwritable => OpenError::Unwritable {
            store,
            mend: READ_ONLY,
            source,
        },
        _ => OpenError::Unreachable { store, source },
    }
}

/// The URL as it may be shown: without what lies between the user's name and the last `@`, even if somebody forgot to
/// write a character of his password otherwise, or the slashes.
pub(in crate::store) fn without_password(url: &str) -> String {
    let end = url.find('?').unwrap_or(url.len());
    let Some(at) = url[..end]
        .rfind('@')
        .filter(|_| !url.starts_with("sqlite:"))
    else {
        return url.to_owned();
    };
    let scheme = url.find([':', '/']).unwrap_or(0).min(at);
    let user = url[scheme..at].trim_start_matches([':', '/']);
    let before = &url[..at - user.len()];
    let user = user.split(':').next().unwrap_or_default();
    format!("{before}{user}{}", &url[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("mysql://im:secret@db:3306/im", "mysql://im@db:3306/im"),
            ("mysql://im:se@cr:et@db/im", "mysql://im@db/im"),
            ("mysql://im:se/cr@et@db/im", "mysql://im@db/im"),
            ("mysql:im:secret@db/im", "mysql:im@db/im"),
            ("mysql//im:secret@db/im", "mysql//im@db/im"),
            ("mysql://db/im", "mysql://db/im"),
            (
                "mysql://im@db/im?socket=/a@b",
                "mysql://im@db/im?socket=/a@b",
            ),
            ("sqlite:a@b:c.db", "sqlite:a@b:c.db"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}

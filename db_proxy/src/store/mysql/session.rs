//! Connections as they are used: whatever goes wrong on one ends it, so that nobody inherits its state or waits for it.
//!
//! They are kept here and not in the driver's pool, which asks a connection for a sign of life when it comes back and
//! waits for it as long as it takes: a network that falls silent would take its places away one by one.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, MySqlConnection, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::MySqlStore;
use super::statement::Statement;
use crate::store::{StoreError, row};

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection unused for that long is closed; servers and firewalls forget idle ones.
pub(super) const IDLE: Duration = Duration::from_secs(20);

/// A connection unused for that long is asked for a sign of life first, and how long it may take.
const FRESH: Duration = Duration::from_millis(200);
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What every connection is told: to see what others have committed and lock no gaps, to refuse what does not fit rather
/// than cut it, and not to wait long for a lock. The server is to end a connection that says nothing any more, and with
/// it the locks of a process whose machine is gone: what only MariaDB knows is in a comment that only MariaDB reads. And what
/// every connection asks: who is alone with the database.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 1,
        wait_timeout = 30;
    /*M! SET SESSION idle_transaction_timeout = 10 */;
    SELECT IS_USED_LOCK(concat('ferrotalk.alone.', sha1(coalesce(database(), '')))) AS holder";

/// Some connections to one database, made when they are needed.
#[derive(Debug)]
pub(super) struct Connections {
    options: MySqlConnectOptions,
    /// The connection that is alone with the database, if it is one of these.
    alone: Option<i64>,
    places: Arc<Semaphore>,
    /// The latest used last. Held for a moment only.
    idle: Mutex<Vec<(MySqlConnection, Instant)>>,
}

impl Connections {
    pub(super) fn new(options: MySqlConnectOptions, alone: Option<i64>, most: usize) -> Arc<Self> {
        Arc::new(Self {
            options,
            alone,
            places: Arc::new(Semaphore::new(most)),
            idle: Mutex::default(),
        })
    }

    /// Lets nobody take a connection any more, and waits for those who have one.
    pub(super) async fn close(&self, most: usize) {
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        let gone = timeout(ACQUIRE_TIMEOUT, self.places.acquire_many(all)).await;
        self.places.close();
        drop(gone);
        self.idle.lock().clear();
    }

    /// One that was used a moment ago, or gives a sign of life. If one does not in time, the others won't either.
    async fn take_idle(&self) -> Option<MySqlConnection> {
        loop {
            let (mut connection, since) = {
                let mut idle = self.idle.lock();
                idle.retain(|(_, since)| since.elapsed() < IDLE);
                idle.pop()?
            };
            if since.elapsed() < FRESH {
                return Some(connection);
            }
            match timeout(SIGN_OF_LIFE, connection.ping()).await {
                Ok(Ok(())) => return Some(connection),
                Ok(Err(_)) => {}
                Err(_) => self.idle.lock().clear(),
            }
        }
    }
}

/// Somebody moves all that is in the database.
#[derive(Debug, thiserror::Error)]
#[error("an import or a migration is alone with the database")]
pub(super) struct Taken;

/// A connection as every one is used. `alone`: the one that keeps others out, if it is one's own.
pub(super) async fn connect(
    options: &MySqlConnectOptions,
    alone: Option<i64>,
) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    let asked = sqlx::raw_sql(SESSION)
        .fetch_optional(&mut connection)
        .await?;
    let holder: Option<i64> = asked.map_or(Ok(None), |row| row.try_get("holder"))?;
    match holder == alone || holder.is_none() {
        true => Ok(connection),
        false => Err(sqlx::Error::Io(io::Error::other(Taken))),
    }
}

/// Keeps everybody else out until the connection ends, or is refused because somebody does so already. The connection's number.
pub(super) async fn take_alone(
    connection: &mut MySqlConnection,
) -> Result<Option<i64>, StoreError> {
    // It says nothing for as long as the rest takes.
    connection
        .execute("SET SESSION wait_timeout = 2147483")
        .await?;
    let sql = "SELECT GET_LOCK(concat('ferrotalk.alone.', sha1(database())), 0) AS held,
                      CAST(connection_id() AS SIGNED) AS id";
    let taken = Statement::new(sql).fetch(connection).await?;
    match taken.first() {
        Some(taken) if row::flag(taken, "held")? => Ok(Some(row::int(taken, "id")?)),
        _ => Ok(None),
    }
}

/// A connection in use. It is kept for others by `release` alone: dropped in the middle of something, it is closed, and
/// the server takes back what was not committed.
pub(super) struct Session {
    connection: MySqlConnection,
    home: Arc<Connections>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    pub(super) async fn of(home: &Arc<Connections>) -> Result<Self, StoreError> {
        let place = Arc::clone(&home.places).acquire_owned();
        let place = match timeout(ACQUIRE_TIMEOUT, place).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(sqlx::Error::PoolClosed.into()),
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let connection = match home.take_idle().await {
            Some(connection) => connection,
            None => timeout(ACQUIRE_TIMEOUT, connect(&home.options, home.alone))
                .await
                .map_err(|late| StoreError::Unavailable(Arc::new(late)))??,
        };
        Ok(Self {
            connection,
            home: Arc::clone(home),
            _place: place,
        })
    }

    /// To be called when the last statement was answered.
    pub(super) fn release(self) {
        let mut idle = self.home.idle.lock();
        idle.push((self.connection, Instant::now()));
    }
}

/// A transaction. Without `end` it is rolled back, at the price of its connection.
pub(super) struct Transaction {
    session: Session,
}

impl Transaction {
    /// Commits what `outcome` is worth keeping for, and rolls back anything else.
    pub(super) async fn end<T>(
        mut self,
        outcome: Result<T, StoreError>,
        keep: impl FnOnce(&T) -> bool,
    ) -> Result<T, StoreError> {
        match outcome {
            Ok(value) if keep(&value) => {
                self.session.execute("COMMIT").await?;
                self.session.release();
                Ok(value)
            }
            // its connection is not to be trusted
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            other => {
                self.session.execute("ROLLBACK").await?;
                self.session.release();
                other
            }
        }
    }
}

impl MySqlStore {
    /// On a connection that has just answered. One that ended while nobody used it is passed over, whatever it says;
    /// nothing has happened yet.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        loop {
            let unused = self.writers.idle.lock().len();
            let mut session = Session::of(&self.writers).await?;
            match session.execute("START TRANSACTION").await {
                Ok(_) => return Ok(Transaction { session }),
                Err(error) => match StoreError::from(error) {
                    StoreError::Unavailable(_) if unused > 0 => {}
                    error => return Err(error),
                },
            }
        }
    }
}

impl Deref for Session {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

impl Deref for Transaction {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.session
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.session
    }
}

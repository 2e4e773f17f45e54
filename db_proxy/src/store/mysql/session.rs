//! Connections as they are used: whatever goes wrong on one ends it, so that nobody inherits its state or waits for it.

use std::ops::{Deref, DerefMut};

use sqlx::mysql::MySql;
use sqlx::pool::PoolConnection;
use sqlx::{Executor, MySqlConnection, MySqlPool};

use super::MySqlStore;
use crate::store::StoreError;

/// A connection out of a pool. It goes back by `release` alone: dropped in the middle of something, it is closed, and
/// the server takes back what was not committed.
pub(super) struct Session {
    connection: Option<PoolConnection<MySql>>,
}

impl Session {
    pub(super) async fn of(pool: &MySqlPool) -> Result<Self, StoreError> {
        let connection = Some(pool.acquire().await?);
        Ok(Self { connection })
    }

    pub(super) fn release(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // not back to the pool, which would wait for an answer that may never come
        drop(self.connection.take().map(PoolConnection::detach));
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
    /// A connection that has just answered: one that died in the pool is passed over.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let most = self.writers.options().get_max_connections();
        for _ in 0..most {
            let mut session = Session::of(&self.writers).await?;
            match session.execute("START TRANSACTION").await {
                Ok(_) => return Ok(Transaction { session }),
                Err(sqlx::Error::Io(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut session = Session::of(&self.writers).await?;
        session.execute("START TRANSACTION").await?;
        Ok(Transaction { session })
    }
}

impl Deref for Session {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        // `release` and `drop` take it, and both end the session
        self.connection
            .as_ref()
            .expect("a session has a connection")
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        self.connection
            .as_mut()
            .expect("a session has a connection")
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

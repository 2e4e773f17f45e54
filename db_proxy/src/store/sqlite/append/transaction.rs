use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use tracing::debug;

/// The writer's connection while a transaction is written as text, its begin in one trip with the first statement and its
/// end in one with the last. A transaction of sqlx takes a trip for each of the two.
pub(super) struct Writing {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl Writing {
    pub(super) fn new(connection: PoolConnection<Sqlite>) -> Self {
        Self {
            connection,
            ended: false,
        }
    }

    /// Begins and commits by statements. Without `committed` the transaction is undone.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// The transaction has been committed.
    pub(super) fn committed(mut self) {
        self.ended = true;
    }

    /// Undoes what there is of a transaction. Cancel-safe.
    pub(super) async fn undo(mut self) {
        match sqlx::query("ROLLBACK").execute(&mut *self.connection).await {
            Ok(_) => self.ended = true,
            Err(error) => debug!(%error, "a transaction ends with its connection"),
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.ended {
            // Whoever is next must not find himself in the middle of it.
            self.connection.close_on_drop();
        }
    }
}

//! Moves what was written from the write-ahead log to the file, beside the writer.
//!
//! SQLite by itself has the writer do it, at the end of the transaction that makes the log too long: with 64 MB of it every
//! message that comes meanwhile waits for a twentieth of a second and more. Another connection may move most of it while
//! the writer goes on; the writer has only to move the rest, so that the log begins anew.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use tracing::{debug, warn};

use super::SqliteStore;
use crate::store::{StoreError, row};

/// Pages of the log after which the writer moves them itself, while nobody else does.
pub(super) const UNTENDED: i64 = 16_000;

/// The same while somebody does: it never gets there, unless the disk can't keep up.
const TENDED: i64 = 64_000;

/// How often and how far.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// From one time to the next, if anything was written.
    every: Duration,
    /// Pages of the log from which on it is made to begin anew.
    long: i64,
    /// Pages that the writer may have to move.
    rest: i64,
}

const PACE: Pace = Pace {
    every: Duration::from_secs(1),
    long: 8_000,
    rest: 500,
};

/// How often what was written meanwhile is moved too, before the writer has to.
const PASSES: usize = 4;

/// What SQLite says of the log, in pages.
#[derive(Clone, Copy, Debug)]
struct Log {
    written: i64,
    moved: i64,
}

impl SqliteStore {
    /// Keeps the log short for as long as it is polled and can. Cancel-safe: what was not moved is moved another time, by
    /// whomever.
    pub(super) async fn tend_log(&self) {
        let Err(error) = self.keep_log_short(PACE).await;
        warn!(%error, "the write-ahead log can't be tended; the writer does it from now on");
        if let Err(error) = self.writer_moves_at(UNTENDED).await {
            debug!(%error, "the writer goes on as before");
        }
    }

    async fn keep_log_short(&self, pace: Pace) -> Result<Infallible, StoreError> {
        self.writer_moves_at(TENDED).await?;
        loop {
            self.wrote.notified().await;
            tokio::time::sleep(pace.every).await;
            let mut beside = self.beside.acquire().await?;
            let mut log = advance(&mut beside).await?;
            if log.written < pace.long {
                continue;
            }
            for _ in 1..PASSES {
                let before = log.moved;
                log = advance(&mut beside).await?;
                if log.moved - before <= pace.rest {
                    break;
                }
            }
            drop(beside);
            let mut writer = self.writer.acquire().await?;
            log = advance(&mut writer).await?;
            debug!(pages = log.written, "the write-ahead log begins anew");
        }
    }

    async fn writer_moves_at(&self, pages: i64) -> Result<(), StoreError> {
        let mut writer = self.writer.acquire().await?;
        let sql = format!("PRAGMA wal_autocheckpoint = {pages}");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut *writer)
            .await?;
        Ok(())
    }
}

/// Moves what nobody reads from the log any more, and waits for nobody.
async fn advance(connection: &mut SqliteConnection) -> Result<Log, StoreError> {
    let done = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .fetch_one(connection)
        .await?;
    Ok(Log {
        written: row::int(&done, "log")?,
        moved: row::int(&done, "checkpointed")?,
    })
}

#[cfg(test)]
mod tests;

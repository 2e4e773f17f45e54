//! One file, write-ahead log. One connection writes, several read; other processes may do the same.

mod checkpoint;
mod open;

mod account;
mod append;
mod audience;
mod contact;
mod department;
mod device;
mod group;
mod group_step;
mod invite;
mod membership;
mod message;
mod meta;
mod participant;
mod reference;
mod request;
mod resume;
mod revision;
mod sync;
mod user;

mod archive;
pub(super) mod backup;

pub(super) mod error;
mod values;

use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::Notify;

use super::time::ChangeClock;
use super::{StoreError, row};

/// A store in a SQLite file.
///
/// What was answered survives a power cut: each commit of the writer is synced. Nothing that another process can
/// change is remembered between transactions, but for how far the stamps of changes have got.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// A single connection, so that writers of this process queue here, fairly, and not on the file's lock.
    writer: SqlitePool,
    readers: SqlitePool,
    /// A connection that is made when the log is tended.
    beside: SqlitePool,
    /// Told at each begin of a write.
    wrote: Arc<Notify>,
    clock: Arc<ChangeClock>,
}

impl SqliteStore {
    /// A transaction that holds the file's write lock from the start: what it reads is true until it commits.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.wrote.notify_one();
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

//! All that a store holds, as rows that another store takes over: for moving between databases and for imports.
//!
//! Rows are values in the order of a table's columns, the same for every database. A conversation is named by its two
//! parties (of a group: 0 and the group's id), never by a row number.

mod table;

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;

pub(super) use table::Kind;
pub use table::Table;

/// Where a page ends.
pub(super) const PAGE_ROWS: usize = 2_000;
pub(super) const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// One column of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Bytes),
}

/// The columns of a table, in the order of [`Table::columns`].
pub type Row = Vec<Value>;

/// Rows that are written in one transaction, table by table in the order in which they refer to each other.
pub type Batch = Vec<(Table, Vec<Row>)>;

/// Where a table is read on. Only the archive that made it understands it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub(super) Option<Place>);

/// The key of the last row that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) numbers: [i64; 2],
    pub(super) text: String,
}

/// A page of a table; without a `next`, the last one.
#[derive(Clone, Debug)]
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Option<Cursor>,
}

/// A database as a whole, for somebody who is alone with it.
#[async_trait]
pub trait Archive: Send + Sync {
    /// How many rows a table has.
    async fn count(&self, table: Table) -> Result<u64, StoreError>;

    /// A page of a table, in the order in which its database keeps it.
    async fn export(&self, table: Table, after: &Cursor) -> Result<Page, StoreError>;

    /// Adds rows, keeping their ids, and replaces the note, both in one transaction. A conversation that is there gets
    /// the new values. `false`, and nothing is written, if the note is not `expected`: somebody else writes too.
    async fn import(
        &self,
        batch: &[(Table, Vec<Row>)],
        expected: Option<&str>,
        note: &str,
    ) -> Result<bool, StoreError>;

    /// What the last import noted.
    async fn note(&self) -> Result<Option<String>, StoreError>;

    /// The largest id that was given to a row of a table that numbers its rows.
    async fn last_id(&self, table: Table) -> Result<i64, StoreError>;

    /// Gives no id up to that one to a new row: clients may know it as somebody else's.
    async fn reserve(&self, table: Table, last: i64) -> Result<(), StoreError>;

    /// The store's epoch, as [`MetaStore::store_epoch`](super::MetaStore::store_epoch).
    async fn epoch(&self) -> Result<u64, StoreError>;

    /// Replaces the epoch: clients that saw another one must not trust the message ids they hold. Resume tokens go with it:
    /// one that was taken back since must not let anybody in again.
    async fn set_epoch(&self, epoch: u64) -> Result<(), StoreError>;

    /// Waits for what is running and lets go of the database.
    async fn close(&self);
}

impl Value {
    /// The number; 0 for anything else.
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            _ => 0,
        }
    }

    /// The bytes of a text or of bytes; none for anything else.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Null | Self::Int(_) => &[],
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// A row that was not written spoke of a conversation that is not there.
pub(super) fn all_written(table: Table, rows: usize, written: u64) -> Result<(), StoreError> {
    if written >= rows as u64 {
        return Ok(());
    }
    let missing = rows as u64 - written;
    let cause = format!(
        "{missing} {} are of conversations that are not there",
        table.name()
    );
    Err(StoreError::Corrupt(Arc::new(io::Error::other(cause))))
}

/// Keys are noted as text.
pub(super) fn to_hex(bytes: Vec<u8>) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len() / 2).map(|n| text.get(2 * n..2 * n + 2));
    pairs
        .filter_map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

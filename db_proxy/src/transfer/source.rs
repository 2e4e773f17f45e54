use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Report;
use super::report::Account;
use crate::store::{Batch, Cursor, StoreError, Table, UnixMillis};

/// What rows come from. The same source gives the same rows however often it is read.
#[async_trait]
pub trait Source: Send {
    /// Names the source and its state; a transfer is only continued from the source it was begun with.
    fn identity(&self) -> String;

    /// How many rows there are to read, about.
    fn rows(&self) -> u64;

    /// The epoch that the target takes over; `None`: it keeps its own, since ids are not what they were.
    fn epoch(&self) -> Option<u64>;

    /// The largest id that was ever given to a row of these tables.
    fn last_ids(&self) -> Vec<(Table, i64)>;

    /// Goes to a position that a step ended with. With `sounds`, voice messages come with theirs,
    /// of which so many were there so far; else with their duration alone.
    async fn seek(&mut self, position: &Position, sounds: Option<u64>) -> Result<(), SourceError>;

    /// The next rows; `None` when all were given.
    async fn step(&mut self) -> Result<Option<Step>, SourceError>;

    /// What was found out besides the steps, when all of them reported this.
    fn rest(&self, steps: &Report) -> Report;

    /// The moment that counts as now: nothing is later. To be given again when a transfer goes on.
    fn as_of(&self) -> UnixMillis;

    /// Whether each row of the source is accounted for by a report of everything; empty when rows are not judged.
    fn accounts(&self, report: &Report) -> Vec<Account>;
}

/// Rows that are written together.
#[derive(Debug)]
pub struct Step {
    /// Conversations that have to be there for the rows, with values that are not yet final.
    pub begun: Batch,
    pub rows: Batch,
    /// Where the source is behind them.
    pub next: Position,
    pub report: Report,
}

/// How far a source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    #[default]
    Start,
    /// In a table of a store.
    Stored { table: Table, after: Cursor },
    /// In a table of a TeamTalk database: behind this id.
    Judged { table: Table, after: i64 },
    /// In the messages of a TeamTalk conversation: so many are written; `None`: all are.
    Talk {
        low: u32,
        high: u32,
        written: Option<u32>,
    },
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read the store that is moved")]
    Store(#[from] StoreError),
    #[error(transparent)]
    TeamTalk(#[from] super::teamtalk::TeamTalkError),
}

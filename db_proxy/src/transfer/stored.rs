use std::sync::Arc;

use async_trait::async_trait;

use super::report::Account;
use super::{Position, Report, Source, SourceError, Step};
use crate::store::{Archive, Cursor, StoreError, Table, UnixMillis};

/// A store as a source: every row as it is.
pub struct StoreSource {
    store: Arc<dyn Archive>,
    epoch: u64,
    rows: u64,
    last_ids: Vec<(Table, i64)>,
    /// `None` behind the last table.
    at: Option<(Table, Cursor)>,
}

impl StoreSource {
    pub async fn new(store: Arc<dyn Archive>) -> Result<Self, StoreError> {
        let mut rows = 0;
        for table in Table::ALL {
            rows += store.count(table).await?;
        }
        let mut last_ids = Vec::new();
        for table in Table::NUMBERED {
            last_ids.push((table, store.last_id(table).await?));
        }
        Ok(Self {
            last_ids,
            epoch: store.epoch().await?,
            store,
            rows,
            at: Some((Table::ALL[0], Cursor::default())),
        })
    }
}

#[async_trait]
impl Source for StoreSource {
    fn identity(&self) -> String {
        format!("the store of epoch {} with {} rows", self.epoch, self.rows)
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }

    fn last_ids(&self) -> Vec<(Table, i64)> {
        self.last_ids.clone()
    }

    async fn seek(&mut self, position: &Position, _: Option<u64>) -> Result<(), SourceError> {
        self.at = match position {
            Position::Stored { table, after } if *after == Cursor::default() => next(*table),
            Position::Stored { table, after } => Some((*table, after.clone())),
            _ => Some((Table::ALL[0], Cursor::default())),
        };
        Ok(())
    }

    async fn step(&mut self) -> Result<Option<Step>, SourceError> {
        while let Some((table, after)) = self.at.take() {
            let page = self.store.export(table, &after).await?;
            // behind a table's last page is its beginning again: there is no row before it
            let after = page.next.clone().unwrap_or_default();
            self.at = match page.next {
                Some(next) => Some((table, next)),
                None => next(table),
            };
            if !page.rows.is_empty() {
                return Ok(Some(Step {
                    begun: Vec::new(),
                    rows: vec![(table, page.rows)],
                    next: Position::Stored { table, after },
                    report: Report::default(),
                }));
            }
        }
        Ok(None)
    }

    fn rest(&self, _: &Report) -> Report {
        Report::default()
    }

    fn as_of(&self) -> UnixMillis {
        UnixMillis::default()
    }

    fn accounts(&self, _: &Report) -> Vec<Account> {
        Vec::new()
    }
}

fn next(table: Table) -> Option<(Table, Cursor)> {
    let place = Table::ALL.iter().position(|other| *other == table)?;
    let next = Table::ALL.get(place + 1)?;
    Some((*next, Cursor::default()))
}

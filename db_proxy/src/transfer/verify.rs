use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::digest::{self, Digest, Sum};
use super::note::Sounds;
use super::report::Account;
use super::{Note, Position, Report, Source, TransferError, Watch};
use crate::store::{Archive, Cursor, Row, Table};

/// Places that are named of each table.
const NAMED: usize = 20;

/// What comparing both sides led to.
#[derive(Debug, Serialize)]
pub struct Verdict {
    pub tables: Vec<Comparison>,
    /// Whether each row of the source is accounted for.
    pub accounts: Vec<Account>,
    /// Whether the sounds that are stored are those that were fetched.
    pub sounds: bool,
    /// Whether the target gives no id again.
    pub ids: bool,
    /// Whether the epoch is the source's, if that moves.
    pub epoch: bool,
}

/// One table on both sides.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub table: &'static str,
    /// Rows that the source gives.
    pub expected: u64,
    /// Rows that the target has.
    pub found: u64,
    pub same: bool,
    /// Where they differ, the first of them.
    pub differing: Vec<String>,
}

impl Verdict {
    /// Both sides are the same.
    pub fn passed(&self) -> bool {
        self.sounds
            && self.ids
            && self.epoch
            && self.tables.iter().all(|table| table.same)
            && self.accounts.iter().all(Account::balances)
    }
}

/// Reads both sides and compares them. Each row counts; of sounds that were fetched from elsewhere, what was written.
pub async fn verify(
    source: &mut dyn Source,
    target: &dyn Archive,
    note: &Note,
    watch: &dyn Watch,
) -> Result<Verdict, TransferError> {
    // a source that judges gives sounds from elsewhere, which may be gone by now
    let moved = source.epoch().is_some();
    let mut expected = Digest::new(moved);
    let mut report = Report::default();
    source.seek(&Position::Start, None).await?;
    while let Some(step) = source.step().await? {
        report.add(&step.report);
        for (table, rows) in &step.rows {
            rows.iter().for_each(|row| expected.add(*table, row));
            watch.passed(*table, rows.len() as u64);
        }
    }
    report.add(&source.rest(&report));
    let mut found = Digest::new(moved);
    let mut sounds = Sounds::default();
    for table in Table::ALL {
        for_each(target, table, |row| {
            found.add(table, &row);
            if let Some(sound) = digest::sound(table, &row) {
                sounds.add(&sound);
            }
        })
        .await?;
    }
    let mut differing: BTreeMap<Table, HashSet<usize>> = BTreeMap::new();
    for table in Table::ALL {
        let buckets = expected.differing(&found, table);
        if !buckets.is_empty() {
            differing.insert(table, buckets.into_iter().take(NAMED).collect());
        }
    }
    let mut named = name(source, target, &differing, moved).await?;
    let mut ids = true;
    for (table, last) in note.last_ids(source.last_ids()) {
        let found = target.last_id(table).await;
        ids &= found.map_err(TransferError::Reading)? >= last;
    }
    let epoch = match source.epoch() {
        None => true,
        Some(epoch) => target.epoch().await.map_err(TransferError::Reading)? == epoch,
    };
    let tables = Table::ALL.into_iter().map(|table| Comparison {
        table: table.name(),
        expected: expected.rows(table),
        found: found.rows(table),
        same: !differing.contains_key(&table),
        differing: named.remove(&table).unwrap_or_default(),
    });
    Ok(Verdict {
        tables: tables.collect(),
        accounts: source.accounts(&report),
        sounds: moved || sounds == note.sounds,
        ids,
        epoch,
    })
}

type Places = BTreeMap<(Table, String), [Sum; 2]>;

/// Reads both sides once more to say where in the differing buckets the difference is.
async fn name(
    source: &mut dyn Source,
    target: &dyn Archive,
    buckets: &BTreeMap<Table, HashSet<usize>>,
    with_sounds: bool,
) -> Result<BTreeMap<Table, Vec<String>>, TransferError> {
    let mut named: BTreeMap<Table, Vec<String>> = BTreeMap::new();
    if buckets.is_empty() {
        return Ok(named);
    }
    let mut places = Places::new();
    let mut add = |table: Table, row: &Row, side: usize| {
        let looked_at = buckets.get(&table);
        if looked_at.is_some_and(|buckets| buckets.contains(&digest::bucket(table, row))) {
            let place = (table, digest::place(table, row));
            places.entry(place).or_default()[side].add_row(table, row, with_sounds);
        }
    };
    source.seek(&Position::Start, None).await?;
    while let Some(step) = source.step().await? {
        for (table, rows) in &step.rows {
            rows.iter().for_each(|row| add(*table, row, 0));
        }
    }
    for table in buckets.keys() {
        for_each(target, *table, |row| add(*table, &row, 1)).await?;
    }
    for ((table, place), [expected, found]) in places {
        let list = named.entry(table).or_default();
        if expected != found && list.len() < NAMED {
            let counts = if expected.rows == found.rows {
                format!("{place}: other contents")
            } else {
                format!("{place}: {} rows, expected {}", found.rows, expected.rows)
            };
            list.push(counts);
        }
    }
    Ok(named)
}

async fn for_each(
    target: &dyn Archive,
    table: Table,
    mut each: impl FnMut(Row),
) -> Result<(), TransferError> {
    let mut after = Cursor::default();
    loop {
        let page = target
            .export(table, &after)
            .await
            .map_err(TransferError::Reading)?;
        page.rows.into_iter().for_each(&mut each);
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

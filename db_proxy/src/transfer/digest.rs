//! Sums over rows that do not depend on their order, so that two databases can be compared without sorting them alike.

use std::collections::BTreeMap;

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest as _};

use super::note::Sounds;
use crate::store::{MessageKind, Row, Table, Value};

/// Groups of rows that are summed together: rows of a conversation are in the same one.
const BUCKETS: usize = 4096;

/// What a voice message begins with, its seconds.
pub(super) const VOICE_HEAD: usize = 4;

/// The sums of all tables of one side.
#[derive(Debug)]
pub(super) struct Digest {
    tables: BTreeMap<Table, Vec<Sum>>,
    with_sounds: bool,
}

/// How many rows, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: u128,
}

impl Digest {
    /// Without `with_sounds`, only the duration of a voice message counts.
    pub(super) fn new(with_sounds: bool) -> Self {
        let tables = Table::ALL.map(|table| (table, vec![Sum::default(); BUCKETS]));
        Self {
            tables: tables.into(),
            with_sounds,
        }
    }

    pub(super) fn add(&mut self, table: Table, row: &Row) {
        let hash = hash(table, row, self.with_sounds);
        if let Some(buckets) = self.tables.get_mut(&table) {
            buckets[bucket(table, row)].add(hash);
        }
    }

    pub(super) fn rows(&self, table: Table) -> u64 {
        self.tables[&table].iter().map(|sum| sum.rows).sum()
    }

    /// The buckets of a table that are not the same on both sides.
    pub(super) fn differing(&self, other: &Self, table: Table) -> Vec<usize> {
        let (here, there) = (&self.tables[&table], &other.tables[&table]);
        (0..BUCKETS).filter(|n| here[*n] != there[*n]).collect()
    }
}

impl Sum {
    fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(hash);
    }

    pub(super) fn add_row(&mut self, table: Table, row: &Row, with_sounds: bool) {
        self.add(hash(table, row, with_sounds));
    }
}

/// Which bucket a row belongs to.
pub(super) fn bucket(table: Table, row: &Row) -> usize {
    let hash = hash_values(table, &row[..place_width(table)], None);
    (hash % BUCKETS as u128) as usize
}

/// What a row is about, for people: its conversation, or its key.
pub(super) fn place(table: Table, row: &Row) -> String {
    if table.has_parties() {
        return match (row[0].int(), row[1].int()) {
            (0, group) => format!("group {group}"),
            (low, high) => format!("users {low} and {high}"),
        };
    }
    let parts = row[..place_width(table)].iter().map(|value| match value {
        Value::Int(number) => number.to_string(),
        Value::Text(_) | Value::Bytes(_) => "…".to_owned(),
        Value::Null => "nothing".to_owned(),
    });
    Vec::from_iter(parts).join(" ")
}

fn place_width(table: Table) -> usize {
    if table.has_parties() {
        2
    } else {
        table.key_width()
    }
}

fn hash(table: Table, row: &Row, with_sounds: bool) -> u128 {
    let cut = (!with_sounds && is_voice(table, row)).then_some(VOICE_HEAD);
    hash_values(table, row, cut)
}

fn hash_values(table: Table, values: &[Value], cut: Option<usize>) -> u128 {
    let mut hash = Blake2b::<U16>::new();
    hash.update(table.name());
    for value in values {
        match value {
            Value::Null => hash.update([0]),
            Value::Int(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
            }
            Value::Text(_) | Value::Bytes(_) => {
                let mut bytes = value.bytes();
                if let (Value::Bytes(_), Some(cut)) = (value, cut) {
                    bytes = &bytes[..bytes.len().min(cut)];
                }
                hash.update([2]);
                hash.update(bytes.len().to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    u128::from_be_bytes(hash.finalize().into())
}

fn is_voice(table: Table, row: &Row) -> bool {
    table == Table::Messages
        && u8::try_from(row[table.column("kind")].int())
            .is_ok_and(|kind| MessageKind(kind).is_voice())
}

/// The sound of a voice message that has one.
pub(super) fn sound(table: Table, row: &Row) -> Option<Sounds> {
    if !is_voice(table, row) {
        return None;
    }
    let sound = row[table.column("body")].bytes().get(VOICE_HEAD..)?;
    let place = &row[..table.key_width()];
    let digest = hash_values(table, place, None)
        ^ hash_values(table, &[Value::Bytes(sound.to_vec().into())], None);
    (!sound.is_empty()).then_some(Sounds {
        count: 1,
        bytes: sound.len() as u64,
        digest: digest as u64,
    })
}

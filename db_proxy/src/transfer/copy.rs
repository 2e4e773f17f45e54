use super::note::Sounds;
use super::{Note, Position, Source, SourceError, Step, digest};
use crate::store::{Archive, StoreError, Table};

/// Hears how far a transfer is.
pub trait Watch: Send + Sync {
    /// So many rows more were dealt with; the last of them were of that table.
    fn passed(&self, table: Table, rows: u64);
}

/// Why a transfer ended before its end. What was written stays, and the same transfer goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(
        "the target already holds {what}: nothing is moved into a store that is in use; name another one, or remove it"
    )]
    Occupied { what: &'static str },
    #[error(
        "the target holds an unfinished transfer from {found}, and this source is {source_is}: \
         if its servers ran meanwhile, stop them and begin again with an empty target"
    )]
    OtherSource { found: String, source_is: String },
    #[error(
        "somebody else writes to the target: run one transfer at a time, and no db_proxy on it"
    )]
    Raced,
    #[error(
        "the target's note of an earlier transfer cannot be read: begin again with an empty target"
    )]
    Note(#[source] serde_json::Error),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("cannot write to the target")]
    Target(#[source] StoreError),
    #[error("cannot read the target")]
    Reading(#[source] StoreError),
}

/// Moves everything, beginning where an earlier attempt ended.
pub async fn copy(
    source: &mut dyn Source,
    target: &dyn Archive,
    watch: &dyn Watch,
) -> Result<Note, TransferError> {
    let mut stored = target.note().await.map_err(TransferError::Reading)?;
    let mut note = match &stored {
        None => {
            refuse_occupied(target).await?;
            Note {
                source: source.identity(),
                as_of: source.as_of().0,
                ..Note::default()
            }
        }
        Some(text) => resumed(text, source)?,
    };
    if note.finished {
        return Ok(note);
    }
    for (table, rows) in &note.written {
        watch.passed(*table, *rows);
    }
    source.seek(&note.position, Some(note.sounds.count)).await?;
    let mut upcoming = source.step().await?;
    while let Some(step) = upcoming {
        take(&mut note, &step);
        let batch = [&step.begun[..], &step.rows[..]].concat();
        let (written, next) =
            futures_util::join!(write(target, &batch, &mut stored, &note), source.step());
        written?;
        passed(watch, &step);
        upcoming = next?;
    }
    for (table, last) in note.last_ids(source.last_ids()) {
        target
            .reserve(table, last)
            .await
            .map_err(TransferError::Target)?;
    }
    if let Some(epoch) = source.epoch() {
        target
            .set_epoch(epoch)
            .await
            .map_err(TransferError::Target)?;
    }
    note.finished = true;
    write(target, &[], &mut stored, &note).await?;
    Ok(note)
}

/// Reads and judges everything, and writes nothing.
pub async fn rehearse(source: &mut dyn Source, watch: &dyn Watch) -> Result<Note, TransferError> {
    let mut note = Note {
        source: source.identity(),
        ..Note::default()
    };
    source.seek(&Position::Start, Some(0)).await?;
    while let Some(step) = source.step().await? {
        take(&mut note, &step);
        passed(watch, &step);
    }
    Ok(note)
}

fn passed(watch: &dyn Watch, step: &Step) {
    for (table, rows) in &step.rows {
        watch.passed(*table, rows.len() as u64);
    }
}

fn resumed(text: &str, source: &dyn Source) -> Result<Note, TransferError> {
    let note: Note = serde_json::from_str(text).map_err(TransferError::Note)?;
    if note.source != source.identity() {
        return Err(if note.finished {
            TransferError::Occupied {
                what: "what another transfer brought",
            }
        } else {
            TransferError::OtherSource {
                found: note.source,
                source_is: source.identity(),
            }
        });
    }
    Ok(note)
}

async fn refuse_occupied(target: &dyn Archive) -> Result<(), TransferError> {
    for table in [
        Table::Users,
        Table::Groups,
        Table::Departments,
        Table::Conversations,
    ] {
        if target.count(table).await.map_err(TransferError::Reading)? > 0 {
            return Err(TransferError::Occupied { what: table.name() });
        }
    }
    Ok(())
}

fn take(note: &mut Note, step: &Step) {
    note.position = step.next.clone();
    note.report.add(&step.report);
    for (table, rows) in &step.rows {
        *note.written.entry(*table).or_default() += rows.len() as u64;
        for row in rows {
            note.see(*table, row);
            if let Some(sound) = digest::sound(*table, row) {
                note.sounds.add(&sound);
            }
        }
    }
}

async fn write(
    target: &dyn Archive,
    batch: &[(Table, Vec<crate::store::Row>)],
    stored: &mut Option<String>,
    note: &Note,
) -> Result<(), TransferError> {
    let text = serde_json::to_string(note).map_err(TransferError::Note)?;
    let written = target
        .import(batch, stored.as_deref(), &text)
        .await
        .map_err(TransferError::Target)?;
    if !written {
        return Err(TransferError::Raced);
    }
    *stored = Some(text);
    Ok(())
}

impl Sounds {
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

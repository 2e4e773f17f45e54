//! Copies of a SQLite store, made while it is used, and put in its place again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};

use super::SqliteStore;
use crate::store::archive::Archive;
use crate::store::{Cause, OpenError, StoreError};
use crate::transfer::Note;

/// Why a backup was not made or not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("there is no file {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} is the store itself, under this or another name: name another file", path.display())]
    Same { path: PathBuf },
    #[error("{} exists already: name another file, or give --force to replace it", path.display())]
    Exists { path: PathBuf },
    #[error(
        "{} is in use: stop the db_proxy that has it open, and whatever else has", path.display()
    )]
    InUse {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("{} is not a database of this program", path.display())]
    NotAStore {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("{} is damaged: {found}", path.display())]
    Damaged { path: PathBuf, found: String },
    #[error("cannot write {}: check that its folder exists, belongs to this user and has room", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot set the new epoch of the restored store")]
    Epoch(#[source] StoreError),
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of the copy.
    pub bytes: u64,
    /// A transfer into the store has not come to its end: no server opens it, nor the copy.
    pub unfinished: bool,
}

/// Copies the store to a file that is complete and sound as soon as it has its name. The store may be in use; a file
/// that is replaced may not.
pub async fn backup(store: &Path, file: &Path, replace: bool) -> Result<Copied, BackupError> {
    let target = Target::take(file, store, replace).await?;
    let mut source = open_existing(store).await?;
    let draft = Draft::beside(&target.path)?;
    draft.fill(&mut source, store).await?;
    draft.check().await?;
    source.close().await.ok();
    let unfinished = draft.is_unfinished().await;
    let bytes = target.replace_with(draft).await?;
    Ok(Copied { bytes, unfinished })
}

/// Puts a backup in a store's place, with a new epoch: clients hold ids of messages that it does not know. Returns the
/// epoch.
pub async fn restore(file: &Path, store: &Path, replace: bool) -> Result<u64, BackupError> {
    let target = Target::take(store, file, replace).await?;
    let mut source = open_existing(file).await?;
    let draft = Draft::beside(&target.path)?;
    draft.fill(&mut source, file).await?;
    draft.check().await?;
    source.close().await.ok();
    // also brings its tables up to date, or refuses one from a newer release
    let restored = SqliteStore::open(&draft.path).await?;
    let epoch = fastrand::u64(1..);
    let set = restored.set_epoch(epoch).await;
    SqliteStore::close(&restored).await;
    set.map_err(BackupError::Epoch)?;
    draft.belong_as(&target.path)?;
    target.replace_with(draft).await?;
    Ok(epoch)
}

/// Refuses a file that somebody has open.
pub async fn refuse_in_use(store: &Path) -> Result<(), BackupError> {
    if store.exists() {
        Alone::with(store).await?.let_go().await?;
    }
    Ok(())
}

/// A file that is written or replaced, and that nobody else has open until then.
struct Target {
    /// Behind links: these stay.
    path: PathBuf,
    replaced: Option<Alone>,
}

impl Target {
    /// Refuses the file that is copied, one that exists unless it may be replaced, and one that is in use.
    async fn take(path: &Path, copied: &Path, replace: bool) -> Result<Self, BackupError> {
        if is_same(path, copied) {
            return Err(BackupError::Same {
                path: path.to_owned(),
            });
        }
        if !path.exists() {
            return Ok(Self {
                path: path.to_owned(),
                replaced: None,
            });
        }
        if !replace {
            return Err(BackupError::Exists {
                path: path.to_owned(),
            });
        }
        let path = path
            .canonicalize()
            .map_err(|error| unwritable(path, error))?;
        let replaced = Some(Alone::with(&path).await?);
        Ok(Self { path, replaced })
    }

    /// Its size in bytes.
    async fn replace_with(self, draft: Draft) -> Result<u64, BackupError> {
        if let Some(replaced) = self.replaced {
            replaced.let_go().await?;
        }
        // what was not yet written back of a file that is gone must not be taken for this one's
        for side in ["-wal", "-shm", "-journal"] {
            let side = beside(&self.path, side);
            remove(&side).map_err(|error| unwritable(&self.path, error))?;
        }
        draft.keep(&self.path)
    }
}

/// Whether two paths lead to one file, by links of whatever kind.
fn is_same(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if inode(a).is_some_and(|a| Some(a) == inode(b)) {
            return true;
        }
    }
    let whole = |path: &Path| path.canonicalize().ok();
    whole(a).is_some_and(|a| Some(a) == whole(b))
}

/// Nobody else has the file open: whoever has it in WAL mode holds a lock on it for as long.
struct Alone {
    connection: SqliteConnection,
    path: PathBuf,
}

impl Alone {
    async fn with(path: &Path) -> Result<Self, BackupError> {
        let failed = |error: sqlx::Error| BackupError::InUse {
            path: path.to_owned(),
            source: Arc::new(error),
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .locking_mode(SqliteLockingMode::Exclusive)
            .busy_timeout(Duration::from_millis(200))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        for sql in ["BEGIN EXCLUSIVE", "ROLLBACK"] {
            // a file that is no database at all is nobody's
            match connection.execute(sql).await {
                Err(error) if is_busy(&error) => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Writes back what is in side files, and closes. Still locked until then.
    async fn let_go(mut self) -> Result<(), BackupError> {
        let closed = self.connection.execute("PRAGMA journal_mode").await.err();
        self.connection.close().await.ok();
        match closed {
            Some(error) if is_busy(&error) => Err(BackupError::InUse {
                path: self.path,
                source: Arc::new(error),
            }),
            _ => Ok(()),
        }
    }
}

/// BUSY and LOCKED: <https://sqlite.org/rescode.html>.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

async fn open_existing(path: &Path) -> Result<SqliteConnection, BackupError> {
    if !path.exists() {
        return Err(BackupError::Missing {
            path: path.to_owned(),
        });
    }
    let not_a_store = |error: sqlx::Error| BackupError::NotAStore {
        path: path.to_owned(),
        source: Arc::new(error),
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(not_a_store)?;
    let epoch = sqlx::query("SELECT value FROM meta WHERE name = 'store_epoch'");
    epoch
        .fetch_one(&mut connection)
        .await
        .map_err(not_a_store)?;
    Ok(connection)
}

/// A file that is being made, and is gone if it is not kept.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn beside(file: &Path) -> Result<Self, BackupError> {
        let path = beside(file, &format!(".{:08x}.partial", fastrand::u32(..)));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .map_err(|error| unwritable(file, error))?;
        Ok(Self { path })
    }

    async fn fill(&self, source: &mut SqliteConnection, named: &Path) -> Result<(), BackupError> {
        let copied = sqlx::query("VACUUM INTO ?")
            .bind(self.path.to_string_lossy().into_owned())
            .execute(source)
            .await;
        copied.map(drop).map_err(|error| {
            let damaged = error.as_database_error().and_then(|error| error.code());
            // CORRUPT and NOTADB; anything else is about the file that is written
            if damaged.is_some_and(|code| code == "11" || code == "26") {
                BackupError::Damaged {
                    path: named.to_owned(),
                    found: error.to_string(),
                }
            } else {
                unwritable(&self.path, io::Error::other(error))
            }
        })
    }

    async fn check(&self) -> Result<(), BackupError> {
        let damaged = |found: String| BackupError::Damaged {
            path: self.path.clone(),
            found,
        };
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .disable_statement_logging();
        let connected = options.connect().await;
        let mut connection = connected.map_err(|error| damaged(error.to_string()))?;
        let found: Result<String, _> = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&mut connection)
            .await;
        connection.close().await.ok();
        match found {
            Ok(found) if found == "ok" => Ok(()),
            Ok(found) => Err(damaged(found)),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    async fn is_unfinished(&self) -> bool {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .disable_statement_logging();
        let Ok(mut connection) = options.connect().await else {
            return false;
        };
        // there is such a table if something was ever moved into it
        let note: Result<String, _> = sqlx::query_scalar("SELECT note FROM transfer")
            .fetch_one(&mut connection)
            .await;
        connection.close().await.ok();
        note.is_ok_and(|note| Note::is_unfinished(&note))
    }

    /// Gives it the mode of the file it replaces, and its owner where this user may.
    fn belong_as(&self, replaced: &Path) -> Result<(), BackupError> {
        let Ok(found) = fs::metadata(replaced) else {
            return Ok(());
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, chown};
            // only root may give a file away; a group of one's own may be set by anybody
            chown(&self.path, None, Some(found.gid())).ok();
            chown(&self.path, Some(found.uid()), None).ok();
        }
        fs::set_permissions(&self.path, found.permissions())
            .map_err(|error| unwritable(replaced, error))
    }

    /// Gives it its name, once all of it is on the disk. Its size in bytes.
    fn keep(self, file: &Path) -> Result<u64, BackupError> {
        let kept = || {
            let draft = File::open(&self.path)?;
            draft.sync_all()?;
            let bytes = draft.metadata()?.len();
            fs::rename(&self.path, file)?;
            let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(bytes)
        };
        kept().map_err(|error: io::Error| unwritable(file, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for side in ["", "-wal", "-shm", "-journal"] {
            // gone already if it was kept; if it can't be removed, it is at least named as what it is
            remove(&beside(&self.path, side)).ok();
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn unwritable(path: &Path, error: io::Error) -> BackupError {
    BackupError::Unwritable {
        path: path.to_owned(),
        source: Arc::new(error),
    }
}

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use db_proxy::store::{Archive, Cursor, Row, Table, UnixMillis, Value, open_archive};
use db_proxy::transfer::teamtalk::clips::Folder;
use db_proxy::transfer::teamtalk::{Choices, TeamTalk};
use db_proxy::transfer::{Note, Source, TransferError, Verdict, Watch, copy, verify};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, MySqlConnection};
use tempfile::TempDir;

const SERVER: &str = "FERROTALK_TEST_MYSQL";

/// When all imports of these tests take place.
pub(crate) const NOW: u32 = 1_700_000_000;

/// A database on a server of this test alone, gone with it.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A name for a database that does not exist yet; `None` without a server.
    pub(crate) fn unmade() -> Option<Self> {
        let Ok(server) = std::env::var(SERVER) else {
            assert!(std::env::var("CI").is_err(), "{SERVER} is not set");
            #[expect(clippy::print_stderr, reason = "whoever runs the tests is to know")]
            {
                eprintln!("left out: {SERVER} names no server");
            }
            return None;
        };
        Some(Self {
            server: server.trim_end_matches('/').to_owned(),
            name: format!("imp_test_{:016x}", fastrand::u64(..)),
        })
    }

    pub(crate) async fn made() -> Option<Self> {
        let database = Self::unmade()?;
        let mut connection = connect(&database.server).await;
        let sql = format!("CREATE DATABASE `{}` CHARACTER SET utf8mb4", database.name);
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        Some(database)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) async fn run(&self, sql: impl Into<String>) {
        let mut connection = connect(&self.url()).await;
        let sql = AssertSqlSafe(sql.into());
        connection.execute(sqlx::raw_sql(sql)).await.unwrap();
    }
}

impl Database {
    /// Ends all connections that use it.
    pub(crate) async fn hang_up(&self) {
        let mut connection = connect(&self.server).await;
        let sql = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = ?";
        let ids: Vec<i64> = sqlx::query_scalar(sql)
            .bind(&self.name)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for id in ids {
            let sql = AssertSqlSafe(format!("KILL {id}"));
            // Some have ended by themselves meanwhile.
            drop(connection.execute(sqlx::raw_sql(sql)).await);
        }
    }
}

async fn connect(url: &str) -> MySqlConnection {
    let options: MySqlConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = connect(&server).await;
                let sql = format!("DROP DATABASE IF EXISTS `{name}`");
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            });
        });
        assert!(gone.join().is_ok() || std::thread::panicking());
    }
}

/// A file of this test alone.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }

    pub(crate) async fn archive(&self, name: &str) -> Arc<dyn Archive> {
        open_archive(&self.url(name), None).await.unwrap()
    }
}

/// Nobody looks.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn passed(&self, _: Table, _: u64) {}
}

/// The source as it is at `NOW`, with sounds from the folder `audio`.
pub(crate) async fn teamtalk(database: &Database, files: &Files) -> TeamTalk {
    chosen(database, files, Choices::default()).await
}

pub(crate) async fn chosen(database: &Database, files: &Files, choices: Choices) -> TeamTalk {
    let clips = Arc::new(Folder::new(files.path("audio")));
    let now = UnixMillis::from_seconds(NOW);
    TeamTalk::open(&database.url(), None, clips, now, choices)
        .await
        .unwrap()
}

/// Copies and compares.
pub(crate) async fn transfer(
    source: &mut dyn Source,
    target: &dyn Archive,
) -> Result<(Note, Verdict), TransferError> {
    let mut note = copy(source, target, &Unwatched).await?;
    let verdict = verify(source, target, &note, &Unwatched).await?;
    note.report.add(&source.rest(&note.report));
    Ok((note, verdict))
}

/// All rows of all tables, in an order that does not depend on the database.
pub(crate) async fn dump(archive: &dyn Archive) -> BTreeMap<Table, Vec<String>> {
    let mut dump = BTreeMap::new();
    for table in Table::ALL {
        let mut rows = Vec::new();
        for row in rows_of(archive, table).await {
            rows.push(format!("{row:?}"));
        }
        rows.sort_unstable();
        dump.insert(table, rows);
    }
    dump
}

pub(crate) async fn rows_of(archive: &dyn Archive, table: Table) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut after = Cursor::default();
    loop {
        let page = archive.export(table, &after).await.unwrap();
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = next,
            None => return rows,
        }
    }
}

/// The messages of a conversation by id: id, sender, body.
pub(crate) async fn messages(
    archive: &dyn Archive,
    low: u32,
    high: u32,
) -> Vec<(i64, i64, String)> {
    let parties = [Value::from(low), Value::from(high)];
    let mut messages: Vec<_> = rows_of(archive, Table::Messages)
        .await
        .into_iter()
        .filter(|row| row[..2] == parties)
        .map(|row| {
            let body = String::from_utf8_lossy(row[5].bytes()).into_owned();
            (row[2].int(), row[3].int(), body)
        })
        .collect();
    messages.sort_unstable();
    messages
}

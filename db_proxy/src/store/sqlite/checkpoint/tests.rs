use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::*;

const OFTEN: Pace = Pace {
    every: Duration::from_millis(1),
    long: 50,
    rest: 5,
};

/// Writes one row after the other, each in a transaction, until `enough`; at most so many that the log would have become
/// `pages` long without ever beginning anew.
async fn write(store: &SqliteStore, pages: usize, enough: impl Fn() -> bool) -> usize {
    for written in 1..=pages {
        let mut transaction = store.begin().await.unwrap();
        sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?)")
            .bind(format!("row {written}"))
            .bind("x".repeat(1_000))
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        if enough() {
            return written;
        }
    }
    panic!("{pages} rows were not enough");
}

/// Changes whenever the log begins anew.
fn salt(database: &Path) -> [u8; 8] {
    let mut header = [0; 24];
    let mut log = File::open(database.with_extension("db-wal")).unwrap();
    log.read_exact(&mut header).unwrap();
    *header.last_chunk().unwrap()
}

#[tokio::test]
async fn the_log_begins_anew_beside_the_writer_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    write(&store, 1, || true).await;
    let before = salt(&path);
    sqlx::query("DELETE FROM meta WHERE name = 'row 1'")
        .execute(&store.writer)
        .await
        .unwrap();
    let begins_anew = || salt(&path) != before;
    let written = tokio::select! {
        // less than the writer would let it become by itself
        written = write(&store, UNTENDED as usize, begins_anew) => written,
        ended = store.keep_log_short(OFTEN) => panic!("{ended:?}"),
    };
    store.close().await;
    let again = SqliteStore::open(&path).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM meta WHERE name LIKE 'row %'")
        .fetch_one(&again.readers)
        .await
        .unwrap();
    assert_eq!(rows as usize, written);
}

#[tokio::test]
async fn where_the_log_can_t_be_tended_the_writer_does_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("a.db")).await.unwrap();
    store.beside.close().await;
    tokio::join!(store.tend_log(), write(&store, 1, || true));
    let pages: i64 = sqlx::query_scalar("PRAGMA wal_autocheckpoint")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    assert_eq!(pages, UNTENDED);
}

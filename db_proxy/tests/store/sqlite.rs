//! The suite on SQLite, and what only a file can do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use db_proxy::store::{
    Direction, MemberChange, NewGroup, OpenError, RequestKey, SqliteStore, Store, open,
};
use futures_util::future::join_all;
use proto::ids::UserId;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::bed::{Bed, Database, mark, text};
use crate::circle::{change, new_group, request};

struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("made/on the way/store.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }
}

#[async_trait]
impl Database for File {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.url()).await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = options.connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

async fn bed() -> Option<Bed> {
    Some(file_bed().await)
}

async fn file_bed() -> Bed {
    Bed::new(File::new()).await
}

crate::suite!(crate::sqlite::bed);

#[tokio::test]
async fn many_may_make_the_file_at_once() {
    let file = File::new();
    let stores = join_all((0..8).map(|_| file.open())).await;
    let epochs = join_all(stores.iter().map(|store| store.store_epoch())).await;
    let first = epochs[0].clone().unwrap();
    assert!(epochs.into_iter().all(|epoch| epoch.unwrap() == first));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let file = File::new();
    file.open().await;
    file.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .await;
    let error = open(&file.url()).await.err().unwrap();
    assert!(matches!(error, OpenError::NewerSchema { found: 9999, .. }));
    assert!(error.to_string().contains("newer release"), "{error}");
    assert!(error.to_string().contains("store.db"), "{error}");
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_with_what_it_holds() {
    let file = File::new();
    let old = file.folder.path().join("old");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::create_dir_all(file.path().parent().unwrap()).unwrap();
    let name = "0001_users_and_messages.sql";
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    std::fs::copy(migrations.join(name), old.join(name)).unwrap();
    let options = SqliteConnectOptions::new()
        .filename(file.path())
        .create_if_missing(true);
    let mut connection = options.clone().connect().await.unwrap();
    let migrator = Migrator::new(old).await.unwrap();
    migrator.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    file.execute(
        "INSERT INTO users (name, created_at_ms, updated_at_ms) VALUES ('anna', 1, 1), ('bert', 1, 1);
         INSERT INTO conversations (kind, party_low, party_high, last_message_id, created_at_ms)
         VALUES (1, 1, 2, 1, 1);
         INSERT INTO participants (user_id, conversation_id, own_since, updated_at_ms) VALUES (1, 1, 1, 1), (2, 1, 0, 1);
         INSERT INTO messages (conversation_id, message_id, sender_id, kind, body, created_at_ms)
         VALUES (1, 1, 1, 1, x'6869', 1)",
    )
    .await;
    let bed = Bed::new(file).await;
    let (anna, bert) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
    assert_eq!(bed.texts(bert, anna).await, ["hi"]);
    assert_eq!(bed.unread(bert).await, [(anna, 1)]);
    assert!(bed.unread(anna).await.is_empty(), "her own message");
    bed.say(bert, anna, &["ho"]).await;
    assert_eq!(bed.unread(anna).await, [(bert, 1)]);
    let group = bed.group(&[anna, bert]).await;
    bed.say_to(group, anna, &["x"]).await;
    assert_eq!(bed.group_unread(bert, group).await, 1);

    // one of the steps rewrites the text of a definition
    let mut connection = options.connect().await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    let references: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pragma_foreign_key_list('messages')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(
        references, 0,
        "a batch is not to look each conversation up again"
    );
}

/// What stood before it in the same trip to the database is undone, and the next batch finds no trace of it.
#[tokio::test]
async fn a_batch_that_fails_halfway_leaves_nothing_behind() {
    let bed = file_bed().await;
    let [anna, bert, carl] = bed.users().await;
    bed.say(anna, bert, &["1"]).await;
    bed.database
        .execute(
            "CREATE TRIGGER full BEFORE UPDATE ON conversations WHEN NEW.last_message_id = 3
             BEGIN SELECT RAISE(FAIL, 'no more'); END",
        )
        .await;
    let batch = |first| {
        [
            text(anna, carl, "x"),
            text(anna, bert, first),
            text(anna, bert, "3"),
        ]
    };
    bed.store.append(&batch("2")).await.unwrap_err();
    assert_eq!(bed.texts(anna, bert).await, ["1"]);
    assert!(bed.texts(anna, carl).await.is_empty());
    bed.say(anna, bert, &["two"]).await;
    bed.database.execute("DROP TRIGGER full").await;
    bed.append(&batch("three")).await;
    assert_eq!(bed.texts(anna, bert).await, ["1", "two", "three", "3"]);
}

/// SQLite undoes all of a transaction by itself when the disk is full. Whoever writes next begins another one.
#[tokio::test]
async fn a_transaction_that_the_database_has_ended_is_in_nobodys_way() {
    let bed = file_bed().await;
    let [anna, bert] = bed.users().await;
    bed.say(anna, bert, &["1", "2"]).await;
    bed.database
        .execute(
            "CREATE TRIGGER full BEFORE UPDATE ON participants
             BEGIN SELECT RAISE(ROLLBACK, 'no more'); END",
        )
        .await;
    bed.store
        .mark_read(&[mark(bert, anna, 1)])
        .await
        .unwrap_err();
    bed.database.execute("DROP TRIGGER full").await;
    bed.say(anna, bert, &["3"]).await;
    bed.read(bert, anna, 2).await;
    assert_eq!(bed.unread(bert).await, [(anna, 1)]);
    assert!(bed.hide(bert, anna).await);
}

/// D-58: a message to a group touches nobody but its sender, however many members the group has.
#[tokio::test]
async fn a_group_message_costs_no_row_per_member() {
    let bed = file_bed().await;
    let users: [UserId; 50] = bed.users().await;
    let group = bed.group(&users).await;
    bed.database
        .execute(
            "CREATE TRIGGER touched BEFORE UPDATE ON participants WHEN NEW.user_id <> 1
             BEGIN SELECT RAISE(ABORT, 'somebody else is touched'); END;
             CREATE TRIGGER added BEFORE INSERT ON participants
             BEGIN SELECT RAISE(ABORT, 'somebody is added'); END",
        )
        .await;
    bed.say_to(group, users[0], &["1", "2"]).await;
    assert_eq!(bed.group_unread(users[49], group).await, 2);
}

/// What is kept of a change does not grow with the group.
#[tokio::test]
async fn a_change_of_a_large_group_leaves_little_behind() {
    let bed = file_bed().await;
    let users: [UserId; 400] = bed.users().await;
    let group = bed.group(&users[..399]).await;
    bed.database
        .execute(
            "CREATE TRIGGER kept BEFORE INSERT ON requests WHEN length(NEW.outcome) > 16
             BEGIN SELECT RAISE(ABORT, 'more is kept than who changed'); END",
        )
        .await;
    let new = NewGroup {
        request: request(b"new"),
        ..new_group(&users)
    };
    bed.store.create_group(&new).await.unwrap().unwrap();
    let join = MemberChange {
        request: RequestKey::of_change(None, b"join"),
        ..change(group, None, Direction::Join, &users[399..])
    };
    for _ in 0..2 {
        let joined = bed.store.change_members(&join).await.unwrap().unwrap();
        assert_eq!((joined.version, joined.members.len()), (2, 400));
        assert_eq!(joined.changed, users[399..]);
    }
}

#[tokio::test]
async fn another_programs_file_is_refused() {
    let file = File::new();
    std::fs::create_dir_all(file.path().parent().unwrap()).unwrap();
    std::fs::write(
        file.path(),
        "this is a letter, not a database. ".repeat(100),
    )
    .unwrap();
    let error = open(&file.url()).await.err().unwrap();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("store.db"), "{error}");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("occupied");
    std::fs::write(&occupied, "").unwrap();
    let url = format!("sqlite:{}/store.db", occupied.display());
    let error = open(&url).await.err().unwrap();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    assert!(error.to_string().contains("occupied/store.db"), "{error}");
}

#[tokio::test]
async fn an_unknown_url_is_explained() {
    let error = open("postgres://localhost/im").await.err().unwrap();
    assert!(error.to_string().contains("sqlite:PATH"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let file = File::new();
    let _store = file.open().await;
    for name in ["store.db", "store.db-wal"] {
        let path = file.path().with_file_name(name);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let file = File::new();
    let store = SqliteStore::open(file.path()).await.unwrap();
    store.close().await;
    let error = db_proxy::store::UserStore::count_users(&store).await;
    assert!(error.unwrap_err().is_retryable());
}

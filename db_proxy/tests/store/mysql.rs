//! The suite on MySQL or MariaDB, and what only a server can do. `FERROTALK_TEST_MYSQL` names the server, without a
//! database; its user may make some.

use std::sync::Arc;

use async_trait::async_trait;
use db_proxy::store::{OpenError, Store, open};
use futures_util::future::join_all;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection};

use crate::bed::{Bed, Database, ids, keyed, text};

const SERVER: &str = "FERROTALK_TEST_MYSQL";

/// A database of this test alone, gone with it.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    async fn connect(&self) -> MySqlConnection {
        connect(&self.url()).await
    }
}

async fn connect(url: &str) -> MySqlConnection {
    let options: MySqlConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

impl Drop for Schema {
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

/// A name for a database that does not exist yet; `None` without a server.
fn schema() -> Option<Schema> {
    let Ok(server) = std::env::var(SERVER) else {
        assert!(std::env::var("CI").is_err(), "{SERVER} is not set");
        #[expect(clippy::print_stderr, reason = "whoever runs the tests is to know")]
        {
            eprintln!("left out: {SERVER} names no server");
        }
        return None;
    };
    Some(Schema {
        server: server.trim_end_matches('/').to_owned(),
        name: format!("ferrotalk_test_{:016x}", fastrand::u64(..)),
    })
}

#[async_trait]
impl Database for Schema {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.url()).await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        let mut connection = self.connect().await;
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }
}

async fn bed() -> Option<Bed> {
    Some(Bed::new(schema()?).await)
}

crate::suite!(crate::mysql::bed);

mod trouble;

#[tokio::test]
async fn many_may_make_the_tables_at_once() {
    let Some(schema) = schema() else { return };
    let stores = join_all((0..8).map(|_| schema.open())).await;
    let epochs = join_all(stores.iter().map(|store| store.store_epoch())).await;
    let first = epochs[0].clone().unwrap();
    assert!(epochs.into_iter().all(|epoch| epoch.unwrap() == first));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let Some(schema) = schema() else { return };
    schema.open().await;
    schema
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', 1, x'00', 0)",
        )
        .await;
    let error = open(&schema.url()).await.err().unwrap();
    assert!(matches!(error, OpenError::NewerSchema { found: 9999, .. }));
    assert!(error.to_string().contains("newer release"), "{error}");
}

#[tokio::test]
async fn an_upgrade_that_was_interrupted_says_so() {
    let Some(schema) = schema() else { return };
    schema.open().await;
    schema
        .execute("UPDATE _sqlx_migrations SET success = 0 WHERE version = 2")
        .await;
    let error = open(&schema.url()).await.err().unwrap();
    assert!(
        matches!(error, OpenError::Interrupted { version: 2, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("backup"), "{error}");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why_without_a_password() {
    let Some(schema) = schema() else { return };
    let address = schema.server.rsplit('@').next().unwrap().to_owned();
    let wrong = format!("mysql://nobody:s3cret@{address}/im");
    let error = open(&wrong).await.err().unwrap();
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
    let told = format!("{:#}", anyhow::Error::from(error));
    assert!(
        told.contains(&format!("mysql://nobody@{address}/im")),
        "{told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_he_needs() {
    let Some(schema) = schema() else { return };
    let user = format!("im{:08x}", fastrand::u32(..));
    let mut connection = connect(&schema.server).await;
    let sql = format!("CREATE USER {user}@'%' IDENTIFIED BY 'x'");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    let address = schema.server.rsplit('@').next().unwrap();
    let url = format!("mysql://{user}:x@{address}/{}", schema.name);
    let error = open(&url).await.err().unwrap();
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("INSERT"), "{error}");

    // may look, but not make tables
    let sql = format!(
        "CREATE DATABASE {0}; GRANT SELECT, INSERT ON {0}.* TO {user}@'%'",
        schema.name
    );
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    let error = open(&url).await.err().unwrap();
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
    let sql = format!("DROP USER {user}@'%'");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = open("mysql://im:s3cret@127.0.0.1:1/im")
        .await
        .err()
        .unwrap();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let error = open("mysql://im:s3cret@127.0.0.1:1").await.err().unwrap();
    assert!(matches!(error, OpenError::Url { .. }), "{error:?}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

/// A connection that the server closed while nobody used it costs nobody an error.
#[tokio::test]
async fn closed_connections_are_not_noticed() {
    let Some(bed) = bed().await else { return };
    let [a, b] = bed.users().await;
    for round in 0..3u8 {
        kill_others(&*bed.database).await;
        assert_eq!(bed.store.count_users().await.unwrap(), 2);
        kill_others(&*bed.database).await;
        let message = keyed(text(a, b, "x"), &[round]);
        let stored = bed.store.append(&[message]).await.unwrap();
        assert_eq!(ids(&stored), [u32::from(round) + 1]);
        kill_others(&*bed.database).await;
        assert!(bed.hide(a, b).await);
    }
}

/// Ends all connections that have the test's database open but the one that does it.
async fn kill_others(database: &dyn Database) {
    database
        .execute(
            "BEGIN NOT ATOMIC
               DECLARE victim BIGINT;
               DECLARE victims CURSOR FOR SELECT id FROM information_schema.processlist
                 WHERE db = database() AND id <> connection_id();
               DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
               DECLARE EXIT HANDLER FOR NOT FOUND BEGIN END;
               OPEN victims;
               LOOP
                 FETCH victims INTO victim;
                 KILL CONNECTION victim;
               END LOOP;
             END",
        )
        .await;
}

/// Two transactions that lock the same rows in opposite order: the server ends one, and nobody hears of it.
#[tokio::test]
async fn a_deadlock_is_made_good() {
    let Some(bed) = bed().await else { return };
    let [a, b, c] = bed.users().await;
    bed.append(&[text(a, b, "1"), text(a, c, "1")]).await;
    let other = bed.database.open().await;
    let (there, back) = (
        [text(a, b, "x"), text(c, a, "x")],
        [text(c, a, "y"), text(a, b, "y")],
    );
    for _ in 0..50 {
        let (one, two) =
            futures_util::future::join(bed.store.append(&there), other.append(&back)).await;
        assert!(one.unwrap().iter().chain(&two.unwrap()).all(Result::is_ok));
    }
    assert_eq!(bed.texts(a, b).await.len(), 101);
}

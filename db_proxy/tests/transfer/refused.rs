//! What cannot be read says why, and what to do.

use std::sync::Arc;

use db_proxy::store::UnixMillis;
use db_proxy::transfer::teamtalk::clips::Folder;
use db_proxy::transfer::teamtalk::{Choices, TeamTalk, TeamTalkError};
use db_proxy::transfer::{TransferError, copy};

use crate::bed::{Database, Files, NOW, Unwatched, chosen, rows_of, teamtalk, transfer};
use crate::teamtalk::{Builder, lines};

async fn refused(url: &str, password: Option<&str>) -> TeamTalkError {
    let clips = Arc::new(Folder::new("nowhere".into()));
    let now = UnixMillis::from_seconds(NOW);
    TeamTalk::open(url, password, clips, now, Choices::default())
        .await
        .err()
        .unwrap()
}

#[tokio::test]
async fn a_source_that_is_none_says_so() {
    for url in [
        "",
        "sqlite:x",
        "mysql://host",
        "mysql://host/",
        "mysql://[/x",
    ] {
        assert!(
            matches!(refused(url, None).await, TeamTalkError::Url),
            "{url}"
        );
    }
    let error = refused("mysql://root:secret@127.0.0.1:1/teamtalk", None).await;
    assert!(matches!(error, TeamTalkError::Unreachable { .. }));
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_and_a_foreign_database_are_told_apart() {
    let Some(database) = Database::made().await else {
        return;
    };
    let error = refused(&database.url(), Some("wrong")).await;
    assert!(matches!(error, TeamTalkError::Denied { .. }), "{error:?}");
    assert!(
        error.to_string().contains("FERROTALK_IMPORT_PASSWORD"),
        "{error}"
    );
    let error = refused(&format!("{}/imp_nowhere", database.server()), None).await;
    assert!(
        matches!(error, TeamTalkError::NoDatabase { .. }),
        "{error:?}"
    );

    let error = refused(&database.url(), None).await;
    assert!(error.to_string().contains("no table IMUser"), "{error}");
    Builder::new(&database)
        .sql("DROP TABLE IMGroupMessage_3; ALTER TABLE IMUser DROP COLUMN salt")
        .make()
        .await;
    let error = refused(&database.url(), None).await;
    assert!(
        error.to_string().contains("IMUser has no column salt"),
        "{error}"
    );
    database
        .run("ALTER TABLE IMUser ADD COLUMN salt VARCHAR(4) NOT NULL DEFAULT ''")
        .await;
    let error = refused(&database.url(), None).await;
    assert!(
        error.to_string().contains("no table IMGroupMessage_3"),
        "{error}"
    );
}

#[tokio::test]
async fn older_dialects_are_read_and_so_are_other_numbers_of_shards() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    let mut builder = Builder::new(&database);
    for shard in 1..8 {
        builder.sql(&format!(
            "DROP TABLE IMMessage_{shard}; DROP TABLE IMGroupMessage_{shard}"
        ));
    }
    builder
        .sql("ALTER TABLE IMUser DROP COLUMN push_shield_status, DROP COLUMN sign_info")
        .sql("DROP TABLE IMAudio")
        .sql("RENAME TABLE IMDepart TO imdepart")
        .user(1, "anna")
        .user(2, "bert")
        .relation(8, 1, 2)
        .said(8, &lines([1, 2], 3))
        .make()
        .await;
    let error = refused(&database.url(), None).await.to_string();
    assert!(error.contains("no table IMMessage_1"), "{error}");
    assert!(error.contains("--shards N"), "{error}");
    let target = files.archive("t.db").await;
    let one = Choices {
        shards: Some(1),
        ..Choices::default()
    };
    let mut source = chosen(&database, &files, one).await;
    let (_, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert_eq!(
        rows_of(&*target, db_proxy::store::Table::Messages)
            .await
            .len(),
        3
    );
}

#[tokio::test]
async fn a_source_that_changed_is_not_gone_on_with() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    Builder::new(&database)
        .user(1, "anna")
        .user(2, "bert")
        .relation(8, 1, 2)
        .said(8, &lines([1, 2], 3))
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    transfer(&mut source, &*target).await.unwrap();
    // the same again is no harm, and writes nothing
    transfer(&mut teamtalk(&database, &files).await, &*target)
        .await
        .unwrap();
    database.run("INSERT INTO IMMessage_0 (relateId, fromId, toId, msgId, updated, created) VALUES (8, 1, 2, 4, 0, 0)").await;
    let mut source = teamtalk(&database, &files).await;
    let error = copy(&mut source, &*target, &Unwatched).await.unwrap_err();
    assert!(matches!(error, TransferError::Occupied { .. }), "{error}");
}

/// The last table may be missing as well as any other, and one too many holds messages too.
#[tokio::test]
async fn tables_of_messages_are_all_read_or_named() {
    let Some(database) = Database::made().await else {
        return;
    };
    Builder::new(&database)
        .sql("CREATE TABLE IMMessage_8 LIKE IMMessage_7")
        .sql("CREATE TABLE IMGroupMessage_2000 LIKE IMGroupMessage_7")
        .make()
        .await;
    let error = refused(&database.url(), None).await.to_string();
    for name in ["IMMessage_8", "IMGroupMessage_2000", "--leave-tables"] {
        assert!(error.contains(name), "{error}");
    }
    let files = Files::new();
    let anyway = Choices {
        leave_tables: true,
        ..Choices::default()
    };
    chosen(&database, &files, anyway).await;
    database
        .run("DROP TABLE IMMessage_8, IMGroupMessage_2000, IMMessage_7")
        .await;
    let error = refused(&database.url(), None).await.to_string();
    assert!(error.contains("no table IMMessage_7"), "{error}");
}

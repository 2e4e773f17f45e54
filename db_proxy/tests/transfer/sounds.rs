//! Sounds that cannot be had are not taken for sounds that are gone.

use db_proxy::transfer::teamtalk::{Choices, TeamTalkError};
use db_proxy::transfer::{Reason, SourceError, TransferError, copy};

use crate::bed::{Database, Files, Unwatched, chosen, teamtalk, transfer};
use crate::teamtalk::{Builder, Line};

async fn source(database: &Database, count: u32) {
    let voice = |n: u32| Line::new(1, n, n, &n.to_string()).kind(2);
    let mut builder = Builder::new(database);
    builder.user(1, "anna").user(2, "bert").relation(8, 1, 2);
    for n in 1..=count {
        builder.audio(n, &format!("http://msfs:8700/g0/000/{n}.audio"), 5, 3);
    }
    let said = Vec::from_iter((1..=count).map(voice));
    builder.said(8, &said).make().await;
}

fn stopped(error: &TransferError) -> String {
    match error {
        TransferError::Source(SourceError::TeamTalk(TeamTalkError::Sounds { why })) => why.clone(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_wrong_folder_stops_the_import_and_a_right_one_goes_on() {
    let Some(database) = Database::made().await else {
        return;
    };
    source(&database, 30).await;
    let files = Files::new();
    let target = files.archive("t.db").await;
    let mut from = teamtalk(&database, &files).await;
    let error = copy(&mut from, &*target, &Unwatched).await.unwrap_err();
    assert!(stopped(&error).contains("no folder"), "{error}");
    std::fs::create_dir_all(files.path("audio/000")).unwrap();
    let mut from = teamtalk(&database, &files).await;
    let error = copy(&mut from, &*target, &Unwatched).await.unwrap_err();
    assert!(stopped(&error).contains("first 20"), "{error}");

    // what is there cannot be read
    #[cfg(unix)]
    {
        let looped = files.path("audio/000/1.audio");
        std::os::unix::fs::symlink(&looped, &looped).unwrap();
        let mut from = teamtalk(&database, &files).await;
        let error = copy(&mut from, &*target, &Unwatched).await.unwrap_err();
        assert!(stopped(&error).contains("reading"), "{error}");
        std::fs::remove_file(&looped).unwrap();
    }

    std::fs::write(files.path("audio/000/15.audio"), "sound").unwrap();
    let mut from = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut from, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert_eq!(note.report.findings[&Reason::MessageSound].count, 29);
    assert_eq!(note.sounds.count, 1);

    let silent = Choices {
        without_sounds: true,
        ..Choices::default()
    };
    let target = files.archive("silent.db").await;
    let mut from = chosen(&database, &files, silent).await;
    let (note, verdict) = transfer(&mut from, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert_eq!(note.report.findings[&Reason::MessageSound].count, 30);
}

/// TeamTalk asks for those whose status is 0, which NULL is not.
#[tokio::test]
async fn nobody_is_let_in_or_shown_whom_teamtalk_does_not() {
    let Some(database) = Database::made().await else {
        return;
    };
    source(&database, 0).await;
    Builder::rows(&database)
        .sql("UPDATE IMUser SET status = NULL WHERE id = 2")
        .said(8, &[Line::new(1, 1, 1, "x")])
        .session(1, 2, 1, 0)
        .sql("UPDATE IMRecentSession SET status = NULL")
        .make()
        .await;
    let files = Files::new();
    let target = files.archive("t.db").await;
    let mut from = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut from, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert_eq!(note.report.findings[&Reason::UserStatus].count, 1);
    let users = crate::bed::rows_of(&*target, db_proxy::store::Table::Users).await;
    assert_eq!([users[0][11].int(), users[1][11].int()], [0, 3]);
    let participants = crate::bed::rows_of(&*target, db_proxy::store::Table::Participants).await;
    assert!(participants.iter().all(|row| row[5].int() == 1), "hidden");
}

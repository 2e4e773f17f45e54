//! In which order messages come, and that they come with all that belongs to them.

use db_proxy::transfer::Reason;
use db_proxy::transfer::teamtalk::Choices;

use crate::bed::{Database, Files, chosen, messages, teamtalk, transfer};
use crate::teamtalk::{Builder, Line, lines};

fn people(database: &Database) -> Builder<'_> {
    let mut builder = Builder::new(database);
    builder.department(1, "Sales", 0);
    for id in 1..=5 {
        builder.user(id, &format!("user{id}"));
    }
    builder
}

/// Redis lost its counters, and the messages that had the first ids are gone.
#[tokio::test]
async fn ids_that_began_again_say_nothing_about_the_order() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    let old = |count| (1..=count).map(|n| Line::new(1, 5_000 + n, n, &format!("old {n}")));
    let new = |count| (1..=count).map(|n| Line::new(1, n, 100_000 + n, &format!("new {n}")));
    let both = |count| Vec::from_iter(old(count).chain(new(count)));
    // clocks that differ a little are nobody's loss
    let clocks = [Line::new(1, 1, 50, "a"), Line::new(2, 2, 10, "b")];
    people(&database)
        .relation(1, 1, 2)
        .said(1, &both(5))
        .relation(2, 1, 3)
        .said(2, &both(2_500))
        .relation(3, 1, 4)
        .said(3, &clocks)
        .group(4, 0, &[(1, 0)])
        .said_in(4, &both(3))
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    for (low, high, count) in [(1, 2, 5), (1, 3, 2_500), (0, 4, 3)] {
        let texts = messages(&*target, low, high).await;
        let texts = Vec::from_iter(texts.into_iter().map(|(_, _, text)| text));
        let expected = old(count).chain(new(count)).map(|line| line.text);
        assert_eq!(texts, Vec::from_iter(expected));
    }
    assert_eq!(messages(&*target, 1, 4).await[0].2, "a");
    assert_eq!(note.report.findings[&Reason::RelationRestart].count, 2);
    assert_eq!(note.report.findings[&Reason::GroupRestart].count, 1);
}

/// Clips of a long conversation do not push those of the ones around it out.
#[tokio::test]
async fn every_voice_message_keeps_its_duration() {
    const LONG: u32 = 21_000;
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    let voice = |clip: u32, msg_id| Line::new(1, msg_id, msg_id, &clip.to_string()).kind(2);
    let long = Vec::from_iter((1..=LONG).map(|n| voice(n, n)));
    people(&database)
        .sql(&format!(
            "INSERT INTO IMAudio (id, path, duration) SELECT seq, 'g0/1', seq FROM seq_1_to_{}",
            LONG + 3
        ))
        .relation(1, 1, 2)
        .said(1, &[voice(LONG + 1, 1)])
        .relation(2, 1, 3)
        .said(2, &long)
        .relation(3, 1, 4)
        .said(3, &[voice(LONG + 2, 1), voice(LONG + 3, 2)])
        .make()
        .await;
    let target = files.archive("t.db").await;
    let silent = Choices {
        without_sounds: true,
        ..Choices::default()
    };
    let mut source = chosen(&database, &files, silent).await;
    let (_, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    let mut clips = 0;
    for row in crate::bed::rows_of(&*target, db_proxy::store::Table::Messages).await {
        let [a, b, c, d] = *row[5].bytes() else {
            panic!("{row:?}")
        };
        assert_ne!(u32::from_be_bytes([a, b, c, d]), 0, "{row:?}");
        clips += 1;
    }
    assert_eq!(clips, LONG + 3);
}

/// What is not UTF-8 in the database is UTF-8 here; messages without a time are not lost.
#[tokio::test]
async fn character_sets_and_missing_times_lose_nothing() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    people(&database)
        .sql("ALTER TABLE IMMessage_1 MODIFY content VARCHAR(4096) CHARACTER SET gbk, MODIFY created INT UNSIGNED NULL")
        .relation(1, 1, 2)
        .said(1, &[Line::new(1, 1, 1, "名前"), Line::new(1, 1, 2, "é")])
        .said(1, &lines([1, 2], 2_500))
        .sql("UPDATE IMMessage_1 SET created = NULL WHERE msgId > 2400")
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (_, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    let found = messages(&*target, 1, 2).await;
    assert_eq!(found.len(), 2_502);
    for text in ["名前", "é"] {
        assert!(found.iter().any(|(_, _, found)| found == text), "{text}");
    }
}

use db_proxy::store::{SqliteStore, Table, UserStore, open};
use db_proxy::transfer::{Origin, Reason, Report};

use crate::bed::{Database, Files, dump, messages, rows_of, teamtalk, transfer};
use crate::teamtalk::{Builder, Line, START, lines};

fn count(report: &Report, reason: Reason) -> u64 {
    report.findings.get(&reason).map_or(0, |found| found.count)
}

/// Five users, of whom nothing is wrong.
fn people(database: &Database) -> Builder<'_> {
    let mut builder = Builder::new(database);
    builder.department(1, "Sales", 0);
    for id in 1..=5 {
        builder.user(id, &format!("user{id}"));
    }
    builder
}

#[tokio::test]
async fn sound_data_comes_over_as_it_was() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    let group = [(1, 0), (2, 0), (3, 3)];
    people(&database)
        .group(9, 0, &group)
        .relation(4, 1, 2)
        .session(1, 2, 1, 0)
        .session(2, 1, 1, 1)
        .session(1, 9, 2, 0)
        .said(4, &lines([1, 2], 3))
        .said_in(9, &lines([1, 2], 4))
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!(note.report.findings, Default::default());
    assert_eq!(note.report.carried[&Origin::Messages], 3);

    let single = messages(&*target, 1, 2).await;
    let line = |n: i64, from| (n, from, format!("line {n}"));
    assert_eq!(single, [line(1, 2), line(2, 1), line(3, 2)]);
    let in_group = messages(&*target, 0, 9).await;
    assert_eq!(in_group, [line(1, 2), line(2, 1), line(3, 2), line(4, 1)]);

    // low, high, user, last read, own of what was read, hidden through, visible after, changed
    let participants = rows_of(&*target, Table::Participants).await;
    let mut participants: Vec<Vec<i64>> = participants
        .iter()
        .map(|row| row[..7].iter().map(|value| value.int()).collect())
        .collect();
    participants.sort_unstable();
    let expected = [
        [0, 9, 1, 4, 0, 0, 0],
        [0, 9, 2, 4, 0, 4, 0],
        [0, 9, 3, 4, 0, 4, 2],
        [1, 2, 1, 3, 1, 0, 0],
        [1, 2, 2, 3, 2, 3, 0],
    ];
    assert_eq!(participants, expected);
    target.close().await;

    let store = SqliteStore::open(files.path("t.db")).await.unwrap();
    let account = store.user_by_name("user1").await.unwrap().unwrap();
    assert_eq!(
        account.password,
        "teamtalk$1234$4e66e8c029d64e67f7aadf045ca45851"
    );
    assert_eq!(account.user.id.get(), 1);
    assert_eq!(account.user.updated_at.seconds(), START);
    // the store counts on behind what was carried
    let store = open(&files.url("t.db")).await.unwrap();
    store.store_epoch().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_mended_or_left_and_always_counted() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    std::fs::create_dir_all(files.path("audio/000")).unwrap();
    std::fs::write(files.path("audio/000/1.audio"), "sound").unwrap();
    let future = u32::MAX - START;
    people(&database)
        .user(6, "user1")
        .user(7, "")
        .sql("UPDATE IMUser SET password = 'plain', departId = 77 WHERE id = 3")
        .sql("UPDATE IMUser SET status = 3, avatar = NULL WHERE id = 4")
        .group(9, 0, &[(1, 0), (2, 0), (2, 5), (88, 0)])
        .group(10, 1, &[(1, 0)])
        .sql("INSERT INTO IMGroupMember (groupId, userId, status) VALUES (9, 3, 1), (55, 1, 0)")
        // gaps
        .relation(1, 1, 2)
        .said(1, &[Line::new(1, 3, 1, "a"), Line::new(2, 9, 2, "b")])
        // zero, and twice the same: time decides
        .relation(2, 1, 3)
        .said(
            2,
            &[
                Line::new(1, 2, 9, "late"),
                Line::new(3, 2, 1, "early"),
                Line::new(3, 0, 5, "mid"),
            ],
        )
        // two relations of one pair, in different shards
        .relation(3, 2, 3)
        .relation(12, 2, 3)
        .said(3, &[Line::new(2, 1, 1, "one"), Line::new(3, 2, 3, "three")])
        .said(12, &[Line::new(3, 1, 2, "two"), Line::new(2, 2, 4, "four")])
        // in the wrong order, with all sorts of messages
        .relation(5, 5, 4)
        .said(
            5,
            &[
                Line::new(4, 1, 1, "kept"),
                Line::new(4, 2, 2, "deleted").status(1),
                Line::new(4, 3, 3, "strange").kind(99),
                Line::new(1, 4, 4, "from a stranger"),
                Line::new(5, 5, 5, ""),
                Line::new(5, 6, future, "tomorrow"),
                Line::new(5, 7, 7, "1").kind(2),
                Line::new(5, 8, 8, "2").kind(2),
            ],
        )
        .audio(1, "http://msfs:8700/g0/000/1.audio", 5, 3)
        .audio(2, "http://msfs:8700/g0/000/2.audio", 5, 4)
        // with himself, with nobody, silent, and of no relation
        .relation(6, 1, 1)
        .said(6, &[Line::new(1, 1, 1, "x")])
        .relation(7, 1, 404)
        .said(7, &[Line::new(1, 1, 1, "x")])
        .relation(8, 1, 4)
        .relation(13, 1, 405)
        .said(999, &[Line::new(1, 1, 1, "x")])
        .said_in(
            9,
            &[
                Line::new(1, 1, 1, "g"),
                Line::new(88, 2, 2, "nobody"),
                Line::new(2, 3, 3, "h"),
            ],
        )
        .said_in(10, &[Line::new(1, 1, 1, "x")])
        .session(1, 2, 1, 1)
        .session(1, 2, 1, 0)
        .session(1, 404, 1, 0)
        .session(1, 405, 1, 0)
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");

    use Reason::*;
    for (reason, expected) in [
        (UserRenamed, 1),
        (UserName, 1),
        (UserPassword, 1),
        (UserDepartment, 1),
        (GroupRemoved, 1),
        (MemberDouble, 1),
        (MemberUser, 1),
        (MemberLeft, 1),
        (MemberGroup, 2),
        (RelationGaps, 2),
        (RelationIds, 1),
        (RelationDouble, 1),
        (RelationSwapped, 1),
        (RelationSelf, 1),
        (RelationUser, 1),
        (UserGone, 2),
        (RelationSilent, 1),
        (MessageDeleted, 1),
        (MessageType, 1),
        (MessageSender, 1),
        (MessageEmpty, 1),
        (MessageTime, 1),
        (MessageSound, 1),
        (MessageRelation, 2),
        (GroupMessageGroup, 1),
        (SessionDouble, 1),
        (SessionNothing, 1),
    ] {
        assert_eq!(
            count(&note.report, reason),
            expected,
            "{reason:?}: {:#?}",
            note.report
        );
    }

    let texts = async |low, high| {
        let messages = messages(&*target, low, high).await;
        for (place, message) in (1..).zip(&messages) {
            assert_eq!(message.0, place, "a gap or a double");
        }
        Vec::from_iter(messages.into_iter().map(|(_, _, text)| text))
    };
    assert_eq!(texts(1, 2).await, ["a", "b"]);
    assert_eq!(texts(1, 3).await, ["early", "mid", "late"]);
    assert_eq!(texts(2, 3).await, ["one", "two", "three", "four"]);
    assert_eq!(texts(0, 9).await, ["g", "nobody", "h"]);
    assert_eq!(texts(1, 404).await, ["x"]);
    let users = rows_of(&*target, Table::Users).await;
    let gone = users.iter().filter(|row| [88, 404].contains(&row[0].int()));
    for row in gone {
        let name = format!("deleted-{}", row[0].int());
        assert_eq!((row[1].bytes(), row[11].int()), (name.as_bytes(), 3));
    }
    let rest = texts(4, 5).await;
    assert_eq!(
        rest,
        ["kept", "tomorrow", "\0\0\0\u{3}sound", "\0\0\0\u{4}"]
    );
}

/// D-6, D-58: a Redis that lost its counters begins again at 1. Millions of messages would not fit into memory, so long
/// conversations are read page by page.
#[tokio::test]
async fn long_conversations_come_page_by_page() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    let again: Vec<Line> = lines([3, 4], 2_500)
        .into_iter()
        .map(|line| Line {
            at: line.at + 5_000,
            text: format!("again {}", line.at),
            ..line
        })
        .collect();
    people(&database)
        .relation(8, 1, 2)
        .said(8, &lines([1, 2], 4_500))
        .relation(9, 3, 4)
        .said(9, &lines([3, 4], 2_500))
        .said(9, &again)
        .relation(10, 1, 5)
        .relation(19, 1, 5)
        .said(10, &lines([1, 5], 3_000))
        .said(19, &lines([5, 1], 3_000))
        .group(16, 0, &[(1, 0), (2, 3_000)])
        .said_in(16, &lines([1, 2], 5_000))
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (note, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    let first = messages(&*target, 1, 2).await;
    assert_eq!(first.len(), 4_500);
    assert!(
        first
            .iter()
            .all(|(id, _, text)| *text == format!("line {id}"))
    );
    let second = messages(&*target, 3, 4).await;
    assert_eq!(second.len(), 5_000);
    assert_eq!(second[2_499].2, "line 2500");
    assert_eq!(second[2_500].2, "again 1");
    assert_eq!(count(&note.report, Reason::RelationIds), 1);
    assert_eq!(count(&note.report, Reason::RelationDouble), 1);
    let third = messages(&*target, 1, 5).await;
    assert_eq!((third.len(), third[5_999].0), (6_000, 6_000));
    let participants = rows_of(&*target, Table::Participants).await;
    let second = participants
        .iter()
        .find(|row| row[1].int() == 16 && row[2].int() == 2);
    assert_eq!(second.unwrap()[6].int(), 2_999, "he joined in second 3000");
}

#[tokio::test]
async fn the_same_import_into_mysql_is_the_same() {
    let (Some(database), Some(server)) = (Database::made().await, Database::unmade()) else {
        return;
    };
    let files = Files::new();
    people(&database)
        .sql("ALTER TABLE IMUser MODIFY sign_info TEXT; ALTER TABLE IMUser MODIFY avatar TEXT")
        .sql("UPDATE IMUser SET sign_info = REPEAT('é', 600), avatar = REPEAT('a', 512) WHERE id = 1")
        .relation(1, 1, 2)
        .said(1, &lines([1, 2], 4_100))
        .relation(2, 1, 3)
        .said(2, &[Line::new(1, 0, 2, "b"), Line::new(3, 0, 1, "a")])
        .group(3, 0, &[(1, 0), (5, 0)])
        .group(4, 1, &[])
        .said_in(3, &lines([1, 5], 30))
        .make()
        .await;
    let to_sqlite = files.archive("t.db").await;
    let to_mysql = db_proxy::store::open_archive(&server.url(), None)
        .await
        .unwrap();
    for target in [&to_sqlite, &to_mysql] {
        let mut source = teamtalk(&database, &files).await;
        let (note, verdict) = transfer(&mut source, &**target).await.unwrap();
        assert!(verdict.passed(), "{verdict:#?}");
        assert_eq!(count(&note.report, Reason::UserText), 1);
    }
    assert_eq!(dump(&*to_sqlite).await, dump(&*to_mysql).await);
    to_mysql.close().await;
    // a new group does not get the id of one that was deleted
    let store = open(&server.url()).await.unwrap();
    let group = store
        .create_group(&db_proxy::store::NewGroup {
            kind: db_proxy::store::GroupKind::Normal,
            name: "new".to_owned(),
            avatar_url: String::new(),
            creator: None,
            members: Vec::new(),
            groups_per_user: 10,
            request: None,
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(group.group_id.get(), 5);
}

#[tokio::test]
async fn a_difference_is_named() {
    let Some(database) = Database::made().await else {
        return;
    };
    let files = Files::new();
    people(&database)
        .relation(1, 1, 2)
        .said(1, &lines([1, 2], 10))
        .relation(2, 1, 3)
        .said(2, &lines([1, 3], 10))
        .make()
        .await;
    let target = files.archive("t.db").await;
    let mut source = teamtalk(&database, &files).await;
    let (note, _) = transfer(&mut source, &*target).await.unwrap();
    let mut file = sqlx::sqlite::SqliteConnectOptions::new().filename(files.path("t.db"));
    file = sqlx::ConnectOptions::disable_statement_logging(file);
    let mut connection = sqlx::ConnectOptions::connect(&file).await.unwrap();
    for sql in [
        "UPDATE messages SET body = 'x' WHERE message_id = 4 AND conversation_id =
         (SELECT id FROM conversations WHERE party_low = 1 AND party_high = 3)",
        "DELETE FROM messages WHERE message_id = 10 AND conversation_id =
         (SELECT id FROM conversations WHERE party_low = 1 AND party_high = 2)",
    ] {
        sqlx::Executor::execute(&mut connection, sql).await.unwrap();
    }
    let verdict = db_proxy::transfer::verify(&mut source, &*target, &note, &crate::bed::Unwatched)
        .await
        .unwrap();
    assert!(!verdict.passed());
    let messages = verdict
        .tables
        .iter()
        .find(|table| table.table == "messages");
    let differing = &messages.unwrap().differing;
    let expected = [
        "users 1 and 2: 9 rows, expected 10",
        "users 1 and 3: other contents",
    ];
    assert_eq!(*differing, expected);
}

//! An import that is interrupted anywhere and goes on is as one that was not.

use std::future::{Future, poll_fn};
use std::task::Poll;

use db_proxy::store::{OpenError, open};
use db_proxy::transfer::copy;

use crate::bed::{Database, Files, Unwatched, dump, teamtalk, transfer};
use crate::teamtalk::{Builder, Line, lines};

/// Polls a future that often and then drops it, as a process that is killed does; with what came of it, how many polls
/// are left.
async fn killed_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<(T, usize)> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(context);
        polled.map(|ended| Some((ended, left)))
    })
    .await
}

async fn source(database: &Database) {
    let mut builder = Builder::new(database);
    builder.department(1, "Sales", 0);
    for id in 1..=1_500 {
        builder.user(id, &format!("user{}", id % 1_400));
    }
    for id in 1..=400 {
        builder
            .relation(id, id, id + 500)
            .said(id, &lines([id, id + 500], 5));
    }
    let strangers: Vec<Line> = (1..=50).map(|n| Line::new(9, 6_000 + n, n, "?")).collect();
    builder
        .relation(801, 1, 2)
        .said(801, &lines([1, 2], 5_300))
        .said(801, &strangers)
        .relation(802, 1, 3)
        .relation(803, 1, 3)
        .said(802, &lines([1, 3], 2_600))
        .said(803, &lines([3, 1], 2_600))
        .group(7, 0, &[(1, 0), (2, 900), (3, 0), (3, 1)])
        .said_in(7, &lines([1, 3], 4_200))
        .session(1, 2, 1, 0)
        .session(1, 2, 1, 0)
        .session(1, 7, 2, 0)
        .make()
        .await;
}

/// Killed again and again, each time after at most so many polls.
async fn interrupted(database: &Database, files: &Files, polls: usize, url: &str) -> usize {
    let mut interruptions = 0;
    loop {
        let target = db_proxy::store::open_archive(url, None).await.unwrap();
        let mut source = teamtalk(database, files).await;
        let polls = fastrand::usize(1..polls);
        let ended = killed_after(polls, copy(&mut source, &*target, &Unwatched)).await;
        if let Some((ended, _)) = ended {
            ended.unwrap();
            target.close().await;
            return interruptions;
        }
        interruptions += 1;
        assert!(interruptions < 500, "it comes to no end");
        let note = target.note().await.unwrap();
        target.close().await;
        // it may have been killed with nothing left to do
        let half = note.is_some_and(|note| !note.contains("\"finished\":true"));
        match open(url).await {
            Ok(_) => assert!(!half, "half of it can be opened"),
            Err(refused) => assert!(matches!(refused, OpenError::Unfinished { .. }), "{refused}"),
        }
    }
}

#[tokio::test]
async fn an_import_killed_anywhere_goes_on() {
    let Some(database) = Database::made().await else {
        return;
    };
    source(&database).await;
    let files = Files::new();
    let whole = files.archive("whole.db").await;
    let mut from = teamtalk(&database, &files).await;
    let ended = killed_after(usize::MAX, transfer(&mut from, &*whole)).await;
    let (ended, left) = ended.unwrap();
    let (note, verdict) = ended.unwrap();
    let polls = (usize::MAX - left) / 6;
    assert!(verdict.passed(), "{verdict:#?}");
    let expected = dump(&*whole).await;

    let server = Database::unmade().unwrap();
    let mut interruptions = 0;
    for (name, url) in [
        ("one.db", files.url("one.db")),
        ("two.db", files.url("two.db")),
        ("mysql", server.url()),
    ] {
        interruptions += interrupted(&database, &files, polls, &url).await;
        let target = db_proxy::store::open_archive(&url, None).await.unwrap();
        assert!(dump(&*target).await == expected, "{name} is not the same");
        let (again, verdict) = transfer(&mut teamtalk(&database, &files).await, &*target)
            .await
            .unwrap();
        assert!(verdict.passed(), "{name}: {verdict:#?}");
        assert_eq!(again.report, note.report, "{name}");
        assert_eq!(again.written, note.written, "{name}");
        target.close().await;
        assert!(open(&url).await.is_ok());
    }
    assert!(interruptions > 5, "{interruptions}");
}

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::poll;
use tokio::task::yield_now;

use super::*;

/// A store that squares numbers, a statement taking some turns of the executor; it can't read 13.
#[derive(Default)]
struct Squares {
    gather: Gather<u64, u64>,
    statements: AtomicUsize,
    at_once: AtomicUsize,
}

impl Squares {
    async fn of(&self, number: u64) -> Result<u64, StoreError> {
        self.gather.ask(number, |all| self.statement(all)).await
    }

    async fn statement(&self, numbers: Vec<u64>) -> Result<Vec<u64>, StoreError> {
        assert!(numbers.len() <= MOST);
        assert!(self.at_once.fetch_add(1, Ordering::Relaxed) < AT_ONCE);
        self.statements.fetch_add(1, Ordering::Relaxed);
        for _ in 0..3 {
            yield_now().await;
        }
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        if numbers.contains(&13) {
            return Err(StoreError::Corrupt(Arc::new(Error::other("13"))));
        }
        Ok(numbers.iter().map(|number| number * number).collect())
    }
}

#[tokio::test]
async fn everybody_is_answered_by_few_statements() {
    let squares = Squares::default();
    let numbers: Vec<u64> = (100..1_100).collect();
    let found = join_all(numbers.iter().map(|number| squares.of(*number))).await;
    for (number, square) in numbers.iter().zip(found) {
        assert_eq!(square.unwrap(), number * number);
    }
    let statements = squares.statements.load(Ordering::Relaxed);
    assert!(
        statements <= 2 + numbers.len().div_ceil(MOST),
        "{statements}"
    );
}

#[tokio::test]
async fn one_alone_is_asked_at_once() {
    let squares = Squares::default();
    assert_eq!(squares.of(3).await.unwrap(), 9);
    assert_eq!(squares.of(3).await.unwrap(), 9);
    assert_eq!(squares.statements.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_cannot_be_read_fails_for_its_asker_only() {
    let squares = Squares::default();
    let found = join_all((10..16).map(|number| squares.of(number))).await;
    let failed: Vec<u64> = (10..16)
        .zip(&found)
        .filter_map(|(number, square)| square.is_err().then_some(number))
        .collect();
    assert_eq!(failed, [13]);
}

#[tokio::test]
async fn an_asker_who_goes_away_leaves_the_others_their_answers() {
    let squares = Squares::default();
    // As many as may ask at once are gone in the middle of asking, with the questions of others taken.
    let mut leaving: Vec<_> = (0..AT_ONCE as u64)
        .map(|n| Box::pin(squares.of(n)))
        .collect();
    let mut staying: Vec<_> = (20..40).map(|n| Box::pin(squares.of(n))).collect();
    for asker in &mut leaving {
        assert!(poll!(asker).is_pending());
    }
    for asker in &mut staying {
        assert!(poll!(asker).is_pending());
    }
    drop(leaving);
    squares.at_once.store(0, Ordering::Relaxed);
    // The next one takes everybody's questions, and goes, too.
    let mut next = staying.remove(0);
    assert!(poll!(&mut next).is_pending());
    drop(next);
    squares.at_once.store(0, Ordering::Relaxed);
    let found = join_all(staying).await;
    for (n, square) in (21..40).zip(found) {
        assert_eq!(square.unwrap(), n * n);
    }
}

//! Comparing what came with what should: every failed comparison says both.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::case::{Outcome, Stop};

/// Between two looks at something that no frame tells of.
const LOOK: Duration = Duration::from_millis(50);

/// Longest text of a value in a report.
const LONGEST: usize = 400;

/// The rule does not hold.
pub(crate) fn fail<T>(expected: impl Into<String>, came: impl Into<String>) -> Outcome<T> {
    Err(Stop::Fail {
        expected: expected.into(),
        came: shorten(came.into()),
    })
}

/// The case makes no sense here.
pub(crate) fn skip<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Stop::Skip(reason.into()))
}

/// Fails unless `came` is `expected`; `what` names both.
pub(crate) fn same<A: Debug + PartialEq<B>, B: Debug>(what: &str, came: A, expected: B) -> Outcome {
    if came == expected {
        return Ok(());
    }
    fail(
        shorten(format!("{what}: {expected:?}")),
        format!("{what}: {came:?}"),
    )
}

/// Fails unless it holds; `came` is shown then.
pub(crate) fn holds(expected: &str, holds: bool, came: impl Debug) -> Outcome {
    if holds {
        return Ok(());
    }
    fail(expected, format!("{came:?}"))
}

/// Asks again until the answer fits; fails with the last one. For what becomes so without a frame that says it.
pub(crate) async fn eventually<T: Debug>(
    patience: Duration,
    expected: &str,
    mut ask: impl AsyncFnMut() -> Outcome<T>,
    fits: impl Fn(&T) -> bool,
) -> Outcome<T> {
    let end = Instant::now() + patience;
    loop {
        let last = ask().await?;
        if fits(&last) {
            return Ok(last);
        }
        if Instant::now() >= end {
            return fail(
                expected,
                format!("after {} s still {last:?}", patience.as_secs()),
            );
        }
        sleep(LOOK).await;
    }
}

fn shorten(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    let mut short: String = text.chars().take(LONGEST).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_both_sides() {
        assert_eq!(same("seq_num", 1, 1), Ok(()));
        let Err(Stop::Fail { expected, came }) = same("seq_num", 1, 2) else {
            panic!("no failure");
        };
        assert_eq!(
            (expected.as_str(), came.as_str()),
            ("seq_num: 2", "seq_num: 1")
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let Err(Stop::Fail { came, .. }) = holds("short", false, "ö".repeat(1000)) else {
            panic!("no failure");
        };
        assert_eq!(came.chars().count(), LONGEST + 1);
    }

    #[tokio::test]
    async fn what_is_not_yet_so_is_asked_again() {
        let mut asked = 0;
        let count = eventually(
            Duration::from_secs(1),
            "three",
            async || {
                asked += 1;
                Ok(asked)
            },
            |count| *count == 3,
        );
        assert_eq!(count.await, Ok(3));
    }
}

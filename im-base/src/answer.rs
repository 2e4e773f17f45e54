//! Waiting for an answer without overtaking those who wait for earlier ones.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tokio::task::coop::unconstrained;

/// Waits for an answer, and takes it up behind all answers that were given before it to others in the same task. Fails when
/// nobody is left to answer. Cancel-safe, but for the answer itself.
///
/// Who waits is woken in the order of the answers, with two exceptions. A task out of its budget does not look at an
/// answer that is there: this wait does not count against the budget. And who looks for the first time needs no waking: if
/// his thread stood still between question and look, the answer may be there already, and those who were answered
/// before have been woken but have not had their turn. So the first look takes nothing.
pub async fn in_turn<T>(answer: oneshot::Receiver<T>) -> Result<T, RecvError> {
    let mut answer = pin!(unconstrained(answer));
    let mut is_first = true;
    let mut early = None;
    poll_fn(|cx| {
        if let Some(early) = early.take() {
            return Poll::Ready(early);
        }
        let seen = answer.as_mut().poll(cx);
        if !std::mem::take(&mut is_first) {
            return seen;
        }
        if let Poll::Ready(answer) = seen {
            early = Some(answer);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use futures_util::future::{join, poll_immediate};
    use futures_util::stream::FuturesUnordered;

    use super::*;

    #[tokio::test]
    async fn who_looks_for_the_first_time_overtakes_nobody() {
        let mut waiting = FuturesUnordered::new();
        let (give_first, first) = oneshot::channel();
        waiting.push(in_turn(first));
        assert!(poll_immediate(waiting.next()).await.is_none());
        let (give_second, second) = oneshot::channel();
        waiting.push(in_turn(second));
        give_first.send(1).unwrap();
        give_second.send(2).unwrap();
        let answers: Vec<_> = waiting.collect().await;
        assert_eq!(answers, [Ok(1), Ok(2)]);
    }

    #[tokio::test]
    async fn an_answer_comes_early_or_late_or_never() {
        let (give, answer) = oneshot::channel();
        give.send("early").unwrap();
        assert_eq!(in_turn(answer).await, Ok("early"));
        let (give, answer) = oneshot::channel();
        let give = async { give.send("late").unwrap() };
        assert_eq!(join(in_turn(answer), give).await.0, Ok("late"));
        let (give, answer) = oneshot::channel::<()>();
        drop(give);
        assert!(in_turn(answer).await.is_err());
    }
}

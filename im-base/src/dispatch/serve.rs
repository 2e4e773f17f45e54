//! The life of a connection whose commands are dispatched.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use proto::Pdu;
use tokio::io::{AsyncRead, AsyncWrite};

use super::router::{Actor, Answer, Router, Work};
use crate::net::{CloseReason, Connection};

/// With more than this many bytes unsent no further request is taken up: who does not read the answers asks in vain.
const HIGH_WATER: usize = 64 * 1024;

type InFlight = FuturesUnordered<Work>;

enum Step {
    Received(Pdu),
    Finished(Result<Option<Pdu>, CloseReason>),
    Closed(CloseReason),
    Ended,
}

/// Serves a connection until it closes or `end` completes, at most `max_in_flight` requests at a time, all in the one
/// task of the connection. Requests start in the order in which they came; their answers leave as they get ready. Behind
/// a request that holds the others up ([`Router::on_hold`]) nothing starts before all that is in flight is done.
///
/// When the connection is gone, what is in flight is still finished (a message whose sender hung up is to reach its
/// receivers). Returns why it ended; the caller closes the connection. Not cancel-safe: let `end` complete instead.
pub async fn serve<IO, S>(
    connection: &mut Connection<IO>,
    router: &Router<S>,
    state: &S,
    max_in_flight: usize,
    end: impl Future<Output = CloseReason>,
) -> (CloseReason, Leftover)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Actor + Clone + Send + Sync + 'static,
{
    let mut end = pin!(end);
    let mut ending = None;
    let mut in_flight = InFlight::new();
    // Set while a request is in flight that those behind it have to wait for.
    let mut hold = false;
    loop {
        hold &= !in_flight.is_empty();
        let step = poll_fn(|cx| {
            if let Poll::Ready(Some(outcome)) = in_flight.poll_next_unpin(cx) {
                return Poll::Ready(Step::Finished(outcome));
            }
            if ending.is_none()
                && let Poll::Ready(reason) = end.as_mut().poll(cx)
            {
                ending = Some(reason);
            }
            if ending.is_some() && in_flight.is_empty() {
                return Poll::Ready(Step::Ended);
            }
            if ending.is_some() || hold || in_flight.len() >= max_in_flight {
                return connection.poll_flush(cx).map(Step::Closed);
            }
            if connection.unsent() >= HIGH_WATER {
                if let Poll::Ready(reason) = connection.poll_flush(cx) {
                    return Poll::Ready(Step::Closed(reason));
                }
                // What was written may have made room; if so, nothing else would wake us to read on.
                if connection.unsent() >= HIGH_WATER {
                    return Poll::Pending;
                }
            }
            connection
                .poll_next(cx)
                .map(|next| next.map_or_else(Step::Closed, Step::Received))
        })
        .await;
        let answer = match step {
            Step::Received(pdu) => match router.dispatch(state, &pdu, connection.wants_reasons()) {
                Answer::Done(reply) => Ok(reply),
                Answer::Later(work) => {
                    in_flight.push(work);
                    Ok(None)
                }
                Answer::Hold(work) => {
                    in_flight.push(work);
                    hold = true;
                    Ok(None)
                }
                Answer::Close(reason) => Err(reason),
            },
            Step::Finished(outcome) => outcome,
            Step::Closed(reason) => Err(reason),
            Step::Ended => Err(ending.unwrap_or(CloseReason::SHUTDOWN)),
        };
        match answer {
            Ok(Some(reply)) => {
                // A closed outbox ends the connection at the next turn.
                let _closing = connection.outbox().send_pdu(&reply);
            }
            Ok(None) => {}
            Err(reason) => return (reason, Leftover(in_flight)),
        }
    }
}

/// What was in flight when the connection ended.
#[must_use = "unfinished requests are to be finished"]
pub struct Leftover(InFlight);

impl Leftover {
    /// Lets it finish; the answers have nobody left to go to.
    pub async fn finish(mut self) {
        while self.0.next().await.is_some() {}
    }
}

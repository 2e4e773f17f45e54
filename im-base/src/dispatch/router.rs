//! The table of commands that one role may send to another, and their handlers.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics::{Counter, Histogram, counter, histogram};
use proto::ids::UserId;
use proto::im::ext::other::ImNak;
use proto::{Command, CommandId, Pdu, Reply, Request, Role, commands};
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span};

use super::error::HandlerError;
use crate::net::CloseReason;
use crate::telemetry::metrics::{REFUSALS, REQUEST_SECONDS, REQUESTS};

const UNKNOWN: CloseReason = CloseReason("unknown_command");
const NOT_HANDLED: CloseReason = CloseReason("not_handled");
const FORBIDDEN: CloseReason = CloseReason("forbidden_command");

/// A request being worked on: its answer, if it has one, or why the connection has to end.
pub type Work = BoxFuture<'static, Result<Option<Pdu>, CloseReason>>;

/// What became of a received frame.
pub enum Answer {
    /// It is done; send this, if anything.
    Done(Option<Pdu>),
    /// It is being worked on.
    Later(Work),
    /// It is being worked on, and what the other side sends behind it waits until it is done.
    Hold(Work),
    /// The connection has to end.
    Close(CloseReason),
}

/// Who acts on a connection: the user whose id the router writes over the one in a request.
pub trait Actor {
    /// The logged-in user; `None` on links between servers, which speak for many.
    fn user_id(&self) -> Option<UserId> {
        None
    }
}

impl<T: Actor> Actor for Arc<T> {
    fn user_id(&self) -> Option<UserId> {
        T::user_id(self)
    }
}

type Handle<S> = Box<dyn Fn(&S, &Pdu, &Arc<Row>, bool) -> Answer + Send + Sync>;

/// An allow-list: what is not in it cannot be reached. `S` is what handlers get to work with, cheap to clone.
///
/// For each command the router decodes the body (one that does not parse is refused), writes the session's user over
/// the one it names, times, counts, numbers the reply like the request, and turns errors into the command's refusal.
pub struct Router<S> {
    from: Role,
    to: Role,
    routes: HashMap<CommandId, (Handle<S>, Arc<Row>), ahash::RandomState>,
}

/// What is counted for one command.
struct Row {
    command: Command,
    from: Role,
    requests: Counter,
    seconds: Histogram,
}

impl Row {
    fn refused(&self, reason: &'static str) {
        counter!(REFUSALS, "from" => self.from.name(), "command" => self.command.name, "reason" => reason).increment(1);
        debug!(command = self.command.name, reason, "command refused");
    }

    fn conclude<R: Reply>(
        &self,
        outcome: Result<R, HandlerError>,
        refused: Refused<R>,
        started: Instant,
    ) -> Result<Option<Pdu>, CloseReason> {
        self.seconds.record(started.elapsed());
        match outcome {
            Ok(reply) => Ok(reply.into_pdu(refused.asked.seq_num)),
            Err(error) => self.refuse(error, refused),
        }
    }

    /// The answer to what was refused, which is counted.
    fn refuse<R: Reply>(
        &self,
        error: HandlerError,
        refused: Refused<R>,
    ) -> Result<Option<Pdu>, CloseReason> {
        self.refused(error.reason());
        match error {
            HandlerError::Close(reason) => Err(reason),
            _ if refused.asked.wants_reason => {
                let command = self.command.id;
                Ok(Some(nak(command, error, refused.asked.seq_num)))
            }
            _ => {
                let own = refused.own.map(|own| own.because(error.reason()));
                Ok(own.and_then(|own| own.into_pdu(refused.asked.seq_num)))
            }
        }
    }
}

/// How a request is answered should it be refused.
struct Refused<R> {
    /// The command's own answer that says no, if it has one.
    own: Option<R>,
    asked: Asked,
}

/// What of a request's frame matters to its answer.
#[derive(Clone, Copy)]
struct Asked {
    seq_num: u16,
    wants_reason: bool,
}

/// The reason of a refusal, and when to ask again (PROTOCOL.md, "Refusals").
fn nak(command: CommandId, error: HandlerError, seq_num: u16) -> Pdu {
    let millis = |after: Duration| u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    let nak = ImNak {
        command: command.0.into(),
        reason: error.reason().to_owned(),
        retry_after_ms: error.retry_after().map(millis),
    };
    Pdu::new(&nak, seq_num)
}

impl<S: Actor + Clone + Send + Sync + 'static> Router<S> {
    /// An empty table for what `from` sends to `to`.
    pub fn new(from: Role, to: Role) -> Self {
        Self {
            from,
            to,
            routes: HashMap::default(),
        }
    }

    /// Adds an asynchronous handler for `Q`.
    ///
    /// # Panics
    /// If the protocol has no such path or the command is in the table already: a mistake in the program's own table.
    pub fn on<Q, F>(self, handler: impl Fn(S, Q) -> F + Send + Sync + 'static) -> Self
    where
        Q: Request,
        F: Future<Output = Result<Q::Reply, HandlerError>> + Send + 'static,
        Q::Reply: Sync,
    {
        self.on_with(handler, Q::refusal)
    }

    /// Adds an asynchronous handler for a command that is answered otherwise on this path than its row says, with the
    /// answer that says no.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn on_with<Q, R, F>(
        self,
        handler: impl Fn(S, Q) -> F + Send + Sync + 'static,
        refusal: fn(&Q) -> Option<R>,
    ) -> Self
    where
        Q: Request,
        R: Reply + Sync,
        F: Future<Output = Result<R, HandlerError>> + Send + 'static,
    {
        self.insert_async(refusal, Answer::Later, move |state, request, _seq_num| {
            handler(state, request)
        })
    }

    /// Adds an asynchronous handler that also gets the request's number, for an answer of several frames.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn on_numbered<Q, F>(self, handler: impl Fn(S, Q, u16) -> F + Send + Sync + 'static) -> Self
    where
        Q: Request,
        F: Future<Output = Result<Q::Reply, HandlerError>> + Send + 'static,
        Q::Reply: Sync,
    {
        self.insert_async(Q::refusal, Answer::Later, handler)
    }

    /// Adds an asynchronous handler that is done before anything sent behind it on the connection is begun: for a change
    /// without a reply, whose sender may look at once whether it took effect.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn on_hold<Q, F>(self, handler: impl Fn(S, Q) -> F + Send + Sync + 'static) -> Self
    where
        Q: Request,
        F: Future<Output = Result<Q::Reply, HandlerError>> + Send + 'static,
        Q::Reply: Sync,
    {
        self.insert_async(Q::refusal, Answer::Hold, move |state, request, _seq_num| {
            handler(state, request)
        })
    }

    fn insert_async<Q, R, F>(
        self,
        refusal: fn(&Q) -> Option<R>,
        answer: fn(Work) -> Answer,
        handler: impl Fn(S, Q, u16) -> F + Send + Sync + 'static,
    ) -> Self
    where
        Q: Request,
        R: Reply + Sync,
        F: Future<Output = Result<R, HandlerError>> + Send + 'static,
    {
        self.insert(refusal, move |state, request, row, asked| {
            let started = Instant::now();
            let refused = Refused {
                own: refusal(&request),
                asked,
            };
            let seq_num = asked.seq_num;
            let span = debug_span!("request", command = row.command.name, seq_num);
            let work = handler(state.clone(), request, seq_num);
            let row = row.clone();
            let work = async move { row.conclude(work.await, refused, started) };
            answer(work.instrument(span).boxed())
        })
    }

    /// Adds a handler that has nothing to wait for: answered on the spot, without an allocation.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn on_sync<Q: Request>(
        self,
        handler: impl Fn(&S, Q) -> Result<Q::Reply, HandlerError> + Send + Sync + 'static,
    ) -> Self {
        self.insert(Q::refusal, move |state, request, row, asked| {
            let started = Instant::now();
            let refused = Refused {
                own: request.refusal(),
                asked,
            };
            match row.conclude(handler(state, request), refused, started) {
                Ok(reply) => Answer::Done(reply),
                Err(reason) => Answer::Close(reason),
            }
        })
    }

    /// Adds a handler that gets the frame as it came, for what is passed on or sent back unchanged.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn on_pdu<Q: Request>(
        self,
        handler: impl Fn(&S, &Pdu) -> Result<Option<Pdu>, HandlerError> + Send + Sync + 'static,
    ) -> Self {
        self.add(
            Q::COMMAND,
            move |state, pdu, row, wants_reason| match handler(state, pdu) {
                Ok(reply) => Answer::Done(reply),
                Err(error) => {
                    let refused = Refused::<Q::Reply> {
                        own: None,
                        asked: Asked {
                            seq_num: pdu.seq_num(),
                            wants_reason,
                        },
                    };
                    match row.refuse(error, refused) {
                        Ok(answer) => Answer::Done(answer),
                        Err(reason) => Answer::Close(reason),
                    }
                }
            },
        )
    }

    fn insert<Q: Request, R: Reply>(
        self,
        refusal: fn(&Q) -> Option<R>,
        handle: impl Fn(&S, Q, &Arc<Row>, Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.add(Q::COMMAND, move |state, pdu, row, wants_reason| {
            let asked = Asked {
                seq_num: pdu.seq_num(),
                wants_reason,
            };
            let decoded = pdu.decode::<Q>();
            let readable = decoded.is_ok();
            let mut request = decoded.unwrap_or_default();
            if let Some(user_id) = state.user_id() {
                request.claim(user_id);
                request.detach();
            }
            if readable {
                return handle(state, request, row, asked);
            }
            let refused = Refused {
                own: refusal(&request),
                asked,
            };
            match row.refuse(HandlerError::Refused("unreadable"), refused) {
                Ok(answer) => Answer::Done(answer),
                Err(reason) => Answer::Close(reason),
            }
        })
    }

    fn add(
        mut self,
        command: Command,
        handle: impl Fn(&S, &Pdu, &Arc<Row>, bool) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (from, to) = (self.from, self.to);
        assert!(
            command.allows(from, to),
            "{} does not go from {from:?} to {to:?}",
            command.name
        );
        let row = Arc::new(Row {
            command,
            from,
            requests: counter!(REQUESTS, "from" => from.name(), "command" => command.name),
            seconds: histogram!(REQUEST_SECONDS, "from" => from.name(), "command" => command.name),
        });
        let before = self.routes.insert(command.id, (Box::new(handle), row));
        assert!(before.is_none(), "{} is in the table twice", command.name);
        self
    }

    /// The commands in the table.
    pub fn commands(&self) -> impl Iterator<Item = CommandId> {
        self.routes.keys().copied()
    }

    /// Hands a frame to its handler. With `wants_reason`, what is refused is answered with the reason, as an `IMNak`, rather
    /// than with the command's own refusal.
    ///
    /// A command of the protocol that this sender may never send ends the connection. One that it may send but that
    /// is not in the table, and a number that is no command, are counted and otherwise ignored: the other side may
    /// know more than we do.
    pub fn dispatch(&self, state: &S, pdu: &Pdu, wants_reason: bool) -> Answer {
        if let Some((handle, row)) = self.routes.get(&pdu.command()) {
            row.requests.increment(1);
            return handle(state, pdu, row, wants_reason);
        }
        let (name, reason) = match commands::find(pdu.command()) {
            None => ("unknown", UNKNOWN),
            Some(command) if command.allows(self.from, self.to) => (command.name, NOT_HANDLED),
            Some(command) => (command.name, FORBIDDEN),
        };
        counter!(REFUSALS, "from" => self.from.name(), "command" => name, "reason" => reason.0)
            .increment(1);
        debug!(command = %pdu.command(), reason = reason.0, "command refused");
        if reason == FORBIDDEN {
            return Answer::Close(reason);
        }
        let error = HandlerError::Refused(reason.0);
        let answer = wants_reason.then(|| nak(pdu.command(), error, pdu.seq_num()));
        Answer::Done(answer)
    }
}

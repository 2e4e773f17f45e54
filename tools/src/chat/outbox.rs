//! Messages that are not known to be stored: sent in order, not too fast, and again after a reconnect.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use proto::ids::MessageId;
use tokio::time::Instant;

use crate::client::{Conversation, Outgoing, RequestError, SendError, Session};

/// Messages on their way at once.
const WINDOW: usize = 16;

/// Servers take 20 messages a second from a connection; staying below it, none is refused for being too fast.
const PER_SECOND: usize = 15;

/// Answers that may stay away before a message is given up.
const MAX_ATTEMPTS: u32 = 3;

/// A message that somebody typed.
#[derive(Debug)]
pub(super) struct Draft {
    outgoing: Outgoing,
    pub(super) text: String,
    serial: u64,
    attempts: u32,
    on_its_way: bool,
}

impl Draft {
    pub(super) fn to(&self) -> Conversation {
        self.outgoing.to
    }
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Outcome {
    Stored(Draft, MessageId),
    /// Given up, and why.
    Lost(Draft, SendError),
}

type Flight = BoxFuture<'static, (u64, Result<MessageId, SendError>)>;

#[derive(Default)]
pub(super) struct Outbox {
    drafts: VecDeque<Draft>,
    flights: FuturesUnordered<Flight>,
    /// When the latest messages left.
    sent: VecDeque<Instant>,
    serial: u64,
}

impl Outbox {
    /// Takes a message; it leaves with the next [`Outbox::pump`].
    pub(super) fn add(&mut self, to: Conversation, text: String) {
        self.serial += 1;
        self.drafts.push_back(Draft {
            outgoing: Outgoing::text(to, &text),
            text,
            serial: self.serial,
            attempts: 0,
            on_its_way: false,
        });
    }

    /// Nothing waits for its acknowledgement.
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Whether more lines should be left unread for now.
    pub(super) fn is_full(&self) -> bool {
        self.drafts.len() >= WINDOW
    }

    /// Sends what may leave now. `Some` is when to try again because of the pace.
    pub(super) async fn pump(&mut self, session: &Session) -> Option<Instant> {
        while self.flights.len() < WINDOW {
            let draft = self.drafts.iter_mut().find(|draft| !draft.on_its_way)?;
            if self.sent.len() >= PER_SECOND {
                let free_at = self.sent[0] + Duration::from_secs(1);
                if Instant::now() < free_at {
                    return Some(free_at);
                }
                self.sent.pop_front();
            }
            // An error is a closed session: the reconnect brings another one.
            let sending = session.start_send(&draft.outgoing).await.ok()?;
            self.sent.push_back(Instant::now());
            draft.on_its_way = true;
            draft.attempts += 1;
            let serial = draft.serial;
            self.flights
                .push(Box::pin(async move { (serial, sending.stored().await) }));
        }
        None
    }

    /// Waits for the next answer; `None` when none is awaited, or when a message has to be sent again. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Outcome> {
        let (serial, result) = self.flights.next().await?;
        let place = self
            .drafts
            .iter()
            .position(|draft| draft.serial == serial)?;
        let attempts = self.drafts[place].attempts;
        match result {
            Ok(id) => Some(Outcome::Stored(self.drafts.remove(place)?, id)),
            // The next connection takes it over: however many fail, none of them refused it.
            Err(SendError::Request(RequestError::Closed(_))) => {
                self.drafts[place].on_its_way = false;
                None
            }
            Err(SendError::Request(_)) if attempts < MAX_ATTEMPTS => {
                self.drafts[place].on_its_way = false;
                None
            }
            Err(error) => Some(Outcome::Lost(self.drafts.remove(place)?, error)),
        }
    }

    /// Whether [`Outbox::next`] has something to wait for.
    pub(super) fn awaits(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Gives everything up.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Draft> {
        self.flights.clear();
        std::mem::take(&mut self.drafts).into_iter()
    }
}

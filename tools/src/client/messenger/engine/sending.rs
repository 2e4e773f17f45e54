//! The outbox: in order, not too fast, again after a lost connection, and read positions after it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::ids::MessageId;
use tokio::time::{Instant, timeout};

use super::super::news::{EndReason, News};
use super::super::store::{Draft, DraftId, LocalStore, StoreError};
use super::Engine;
use super::hearing::PATIENCE;
use super::jobs::Done;
use crate::client::message::Conversation;
use crate::client::{RequestError, SendError, Session};

/// Messages on their way at once.
const WINDOW: usize = 16;

/// Servers take 20 messages a second from a connection; staying below it, none is refused for being too fast.
const PER_SECOND: usize = 15;

/// A server without reasons says in the same way that it refuses a message and that it could not store it. So often it is
/// asked before the first is believed.
const REFUSALS: u32 = 3;

/// Between those.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Who does not write in a group for some time is told at once: what is said later is said anew.
const MUTED: &str = "muted";

/// As servers say of a message that fits into a frame and is longer than they take.
const TOO_LARGE: &str = "too_large";

#[derive(Default)]
pub(super) struct Sending {
    /// Something may be in the outbox that can leave.
    pub(super) look: bool,
    /// On which connection.
    pub(super) in_flight: BTreeMap<DraftId, u32>,
    retry_at: BTreeMap<DraftId, Instant>,
    refusals: BTreeMap<DraftId, u32>,
    /// When the latest ones left.
    left: VecDeque<Instant>,
    /// When the pace lets the next one leave.
    paced: Option<Instant>,
}

impl Sending {
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.retry_at.values().copied().chain(self.paced).min()
    }

    /// When another one may leave, if not now.
    fn pace(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while let Some(first) = self.left.front()
            && *first + Duration::from_secs(1) <= now
        {
            self.left.pop_front();
        }
        let first = self.left.front().filter(|_| self.left.len() >= PER_SECOND);
        first.map(|first| *first + Duration::from_secs(1))
    }
}

impl Engine {
    /// Sends what can leave now.
    pub(super) async fn send(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        let sending = &mut self.sending;
        let before = sending.retry_at.len();
        sending.retry_at.retain(|_, at| *at > now);
        let due = sending.retry_at.len() < before || sending.paced.is_some_and(|at| at <= now);
        if !std::mem::take(&mut sending.look) && !due {
            return Ok(());
        }
        sending.paced = None;
        let Some(session) = self.line.as_ref().map(|line| line.session.clone()) else {
            return Ok(());
        };
        let mut behind = DraftId::default();
        // What waits for another try keeps what was written behind it in its conversation waiting, for the order's sake.
        let mut held: BTreeSet<Conversation> = BTreeSet::new();
        loop {
            let drafts = self.store.drafts_behind(behind, 2 * WINDOW as u32).await?;
            let Some(last) = drafts.last() else {
                return Ok(());
            };
            behind = last.id;
            for draft in drafts {
                let to = draft.outgoing.to;
                if self.sending.in_flight.contains_key(&draft.id) {
                    continue;
                }
                // An acknowledged message would be where a conversation begins of which nothing is here, and what is unread
                // before it would be history.
                if held.contains(&to)
                    || self.sending.retry_at.contains_key(&draft.id)
                    || (!self.asked && self.store.conversation(to).await?.is_none())
                {
                    held.insert(to);
                    continue;
                }
                if !draft.outgoing.fits() {
                    self.refused(draft, TOO_LARGE.to_owned()).await?;
                    continue;
                }
                if self.sending.in_flight.len() >= WINDOW {
                    return Ok(());
                }
                if let Some(at) = self.sending.pace() {
                    self.sending.paced = Some(at);
                    return Ok(());
                }
                if self.store.attempt(draft.id).await? {
                    self.launch(&session, draft).await;
                }
            }
        }
    }

    /// The job queue of a connection holds more than a window: this does not wait.
    async fn launch(&mut self, session: &Session, draft: Draft) {
        // An error is a closed connection, whose event brings another one.
        let Ok(sending) = session.start_send(&draft.outgoing).await else {
            return;
        };
        self.sending.left.push_back(Instant::now());
        self.sending.in_flight.insert(draft.id, self.number);
        // A connection that is left stays until what went over it is answered.
        let session = session.clone();
        self.jobs.start_for_good(self.number, async move {
            let outcome = sending.stored().await;
            drop(session);
            Done::Sent(Box::new(draft), outcome)
        });
    }

    /// What waits for an answer over a connection that is gone waits in vain.
    pub(super) fn grounded(&mut self, connection: u32) {
        let sending = &mut self.sending;
        sending.in_flight.retain(|_, over| *over != connection);
        sending.look = true;
    }

    pub(super) async fn sent(
        &mut self,
        connection: u32,
        draft: Draft,
        outcome: Result<MessageId, SendError>,
    ) -> Result<(), EndReason> {
        let id = draft.id;
        if self.sending.in_flight.get(&id) == Some(&connection) {
            self.sending.in_flight.remove(&id);
            self.sending.look = true;
        } else if outcome.is_err() {
            // it was sent again meanwhile
            return Ok(());
        }
        let retry_at = match outcome {
            Ok(stored) => {
                let now = self.now();
                let (arrival, told) = self
                    .store
                    .acknowledged(&draft, stored.get(), self.me, now)
                    .await?;
                self.placed(draft.outgoing.to, arrival, Instant::now() + PATIENCE);
                self.sending.refusals.remove(&id);
                if let Some(entry) = told {
                    self.say(News::Sent { draft: id, entry });
                }
                return Ok(());
            }
            Err(SendError::Request(RequestError::Nak {
                reason,
                retry_after,
                ..
            })) if retry_after.is_none() || reason == MUTED => {
                return Ok(self.refused(draft, reason).await?);
            }
            Err(SendError::Refused) => {
                let refusals = self.sending.refusals.entry(id).or_default();
                *refusals += 1;
                if *refusals >= REFUSALS {
                    return Ok(self.refused(draft, String::new()).await?);
                }
                Some(Instant::now() + AFTER_REFUSAL)
            }
            Err(SendError::Request(error)) => self.again(&error),
        };
        if let Some(at) = retry_at {
            self.sending.retry_at.insert(id, at);
        }
        Ok(())
    }

    async fn refused(&mut self, draft: Draft, reason: String) -> Result<(), StoreError> {
        self.sending.refusals.remove(&draft.id);
        if self.store.discard(draft.id).await? {
            self.untold.insert(draft.outgoing.to);
            self.say(News::NotSent { draft, reason });
        }
        Ok(())
    }

    /// What the user read is told before the end, if that can be.
    pub(super) async fn last_reads(&self) {
        /// How long that may take.
        const MOST: Duration = Duration::from_secs(2);
        if let Some(line) = &self.line {
            // What is not told now is told by the next run.
            drop(timeout(MOST, mark_read(&self.store, &line.session)).await);
        }
    }

    /// Tells the server how far the user has read.
    pub(super) fn mark_read(&mut self) {
        let Some(line) = self
            .line
            .as_ref()
            .filter(|_| self.reads_due && !self.reading)
        else {
            return;
        };
        self.reads_due = false;
        self.reading = true;
        let (store, session) = (self.store.clone(), line.session.clone());
        self.start(async move { Done::MarkedRead(mark_read(&store, &session).await) });
    }
}

/// Nothing confirms it, but what is asked behind it on the same connection sees it. What is not known to have arrived is told
/// again on the next connection.
async fn mark_read(store: &LocalStore, session: &Session) -> Result<(), StoreError> {
    let due = store.reads_due().await?;
    for (conversation, id) in &due {
        if session.mark_read(*conversation, *id).await.is_err() {
            return Ok(());
        }
    }
    if !due.is_empty() && session.ping().await.is_ok() {
        store.reads_done(&due).await?;
    }
    Ok(())
}

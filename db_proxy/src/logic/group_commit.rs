//! One transaction for all writes that are waiting.
//!
//! A commit costs a sync of the disk whatever it holds. While one runs, the next batch gathers; when nothing waits, a
//! single message is committed at once. There is no timer.
//!
//! A database that takes several transactions at the same time gets several writers. A conversation has one of them, so
//! its writes keep their order.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::pin;
use std::sync::Arc;

use im_base::answer::in_turn;
use im_base::telemetry::metrics::{COMMIT_BATCH, COMMIT_SECONDS, WRITE_QUEUE};
use metrics::{gauge, histogram};
use parking_lot::Mutex;
use proto::ids::{MessageId, UserId};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::told::Told;
use super::trace;
use crate::store::{
    AppendOutcome, Conversation, MessageStore, NewMessage, ParticipantStore, ReadMark, ShownRead,
    StoreError,
};

/// How many writers there are, and their bounds.
#[derive(Clone, Copy, Debug)]
pub struct WriterLimits {
    /// Transactions at the same time.
    pub writers: usize,
    /// Writes waiting for a transaction, of all writers together; beyond its share a writer refuses them as `Busy`.
    pub queue: usize,
    /// Messages in one transaction.
    pub batch_messages: usize,
    /// Bytes of bodies after which a batch takes no further message.
    pub batch_bytes: usize,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self {
            writers: 1,
            queue: 10_000,
            batch_messages: 512,
            batch_bytes: 4 * 1024 * 1024,
        }
    }
}

/// Why a write was not made, or is not known to have been.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The queue is full: the disk is slower than the senders.
    #[error("too many writes are waiting")]
    Busy,
    /// The writer is draining or gone.
    #[error("the writer has stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    /// Whether the same write may succeed later, here or at another process.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Stopped => true,
            Self::Store(error) => error.is_retryable(),
        }
    }
}

/// Where writes are handed in. Cheap to clone.
///
/// A write takes its place in the queue when the method is called, not when its future is polled: the order of
/// calls is the order of message ids. Dropping the future does not take the write back.
#[derive(Clone, Debug)]
pub struct Writer {
    queues: Arc<[mpsc::Sender<Job>]>,
    /// The same in all clones, so that a conversation stays with its writer.
    hasher: RandomState,
}

/// The other end of one queue: owns it and makes its transactions. Whoever spawns `run` owns its end.
#[derive(Debug)]
pub struct WriterTask<S: ?Sized> {
    number: usize,
    store: Arc<S>,
    queue: mpsc::Receiver<Job>,
    limits: WriterLimits,
    /// Locked for a line of the log, by this task alone.
    told: Mutex<Told>,
}

/// Writers on `store`. Any number on one store is correct; ids stay ordered within each.
pub fn writers<S>(store: &Arc<S>, limits: WriterLimits) -> (Writer, Vec<WriterTask<S>>)
where
    S: MessageStore + ParticipantStore + ?Sized,
{
    let count = limits.writers.max(1);
    let room = limits.queue.div_ceil(count).max(1);
    let (queues, tasks): (Vec<_>, Vec<_>) = (0..count)
        .map(|number| {
            let (sender, queue) = mpsc::channel(room);
            let task = WriterTask {
                number,
                store: Arc::clone(store),
                queue,
                limits,
                told: Mutex::default(),
            };
            (sender, task)
        })
        .unzip();
    let writer = Writer {
        queues: queues.into(),
        hasher: RandomState::new(),
    };
    (writer, tasks)
}

#[derive(Debug)]
enum Job {
    Append(NewMessage, Reply<AppendOutcome>),
    MarkRead(ReadMark, Reply<Option<MessageId>>),
    Hide(UserId, Conversation, Reply<bool>),
}

type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

impl Writer {
    /// Stores a message; on `Ok` it is committed.
    pub fn append(
        &self,
        message: NewMessage,
    ) -> impl Future<Output = Result<AppendOutcome, WriteError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let conversation = message.conversation;
        let submitted = self.submit(conversation, Job::Append(message, reply));
        wait(submitted, answer)
    }

    /// Moves a read position. Where it is now, if others see it and it moved for them.
    pub fn mark_read(
        &self,
        mark: ReadMark,
    ) -> impl Future<Output = Result<Option<MessageId>, WriteError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(mark.conversation, Job::MarkRead(mark, reply));
        wait(submitted, answer)
    }

    /// Hides a conversation: after every message handed in before, before every one handed in later.
    pub fn hide(
        &self,
        user: UserId,
        conversation: Conversation,
    ) -> impl Future<Output = Result<bool, WriteError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(conversation, Job::Hide(user, conversation, reply));
        wait(submitted, answer)
    }

    fn submit(&self, conversation: Conversation, job: Job) -> Result<(), WriteError> {
        let writer = match self.queues.len() {
            1 => 0,
            // the remainder is below a number that fits
            writers => (self.hasher.hash_one(conversation) % writers as u64) as usize,
        };
        self.queues[writer]
            .try_send(job)
            .map_err(|error| match error {
                TrySendError::Full(_) => WriteError::Busy,
                TrySendError::Closed(_) => WriteError::Stopped,
            })
    }
}

async fn wait<T>(
    submitted: Result<(), WriteError>,
    answer: oneshot::Receiver<Result<T, WriteError>>,
) -> Result<T, WriteError> {
    submitted?;
    let answer = in_turn(answer).await;
    answer.unwrap_or(Err(WriteError::Stopped))
}

/// The writes of one round. Read marks commute with messages, so each kind gets one transaction; hiding does not,
/// so it ends the round.
#[derive(Default)]
struct Batch {
    messages: Vec<NewMessage>,
    bytes: usize,
    message_replies: Vec<Reply<AppendOutcome>>,
    marks: Vec<ReadMark>,
    mark_replies: Vec<Reply<Option<MessageId>>>,
    hide: Option<(UserId, Conversation, Reply<bool>)>,
}

impl Batch {
    fn add(&mut self, job: Job) {
        match job {
            Job::Append(message, reply) => {
                self.bytes += message.body.len();
                self.messages.push(message);
                self.message_replies.push(reply);
            }
            Job::MarkRead(mark, reply) => {
                self.marks.push(mark);
                self.mark_replies.push(reply);
            }
            Job::Hide(user, conversation, reply) => self.hide = Some((user, conversation, reply)),
        }
    }

    fn is_full(&self, limits: &WriterLimits) -> bool {
        self.hide.is_some()
            || self.messages.len() >= limits.batch_messages
            || self.marks.len() >= limits.batch_messages
            || self.bytes >= limits.batch_bytes
    }
}

impl<S: MessageStore + ParticipantStore + ?Sized> WriterTask<S> {
    /// Makes transactions until every `Writer` is gone, or `stop` completes. Either way what was handed in before is
    /// written first; `stop` makes later writes fail as `Stopped`. Not cancel-safe: dropping it drops the queue, and
    /// everybody who waits is told `Stopped`.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut draining = false;
        loop {
            let first = tokio::select! {
                biased;
                () = &mut stop, if !draining => {
                    draining = true;
                    self.queue.close();
                    continue;
                }
                job = self.queue.recv() => job,
            };
            let Some(first) = first else { break };
            let mut batch = Batch::default();
            batch.add(first);
            while !batch.is_full(&self.limits) {
                let Ok(job) = self.queue.try_recv() else {
                    break;
                };
                batch.add(job);
            }
            self.write(batch).await;
        }
        debug!("writer stopped");
    }

    async fn write(&self, batch: Batch) {
        gauge!(WRITE_QUEUE, "writer" => self.number.to_string()).set(self.queue.len() as f64);
        if !batch.messages.is_empty() {
            self.append(&batch.messages, batch.message_replies).await;
        }
        if !batch.marks.is_empty() {
            let marked = self.store.mark_read(&batch.marks).await;
            self.told.lock().of("read positions not stored", &marked);
            for (mark, reply) in batch.marks.iter().zip(batch.mark_replies) {
                let shown = marked.as_ref().map(|shown| shown_of(mark, shown));
                answer(reply, shown.map_err(Clone::clone));
            }
        }
        if let Some((user, conversation, reply)) = batch.hide {
            let hidden = self.store.hide(user, conversation).await;
            self.told.lock().of("conversation not hidden", &hidden);
            answer(reply, hidden);
        }
    }

    async fn append(&self, messages: &[NewMessage], replies: Vec<Reply<AppendOutcome>>) {
        let started = Instant::now();
        let appended = self.store.append(messages).await;
        histogram!(COMMIT_SECONDS).record(started.elapsed());
        histogram!(COMMIT_BATCH).record(messages.len() as f64);
        self.told.lock().of("messages not stored", &appended);
        match appended {
            Ok(outcomes) => {
                trace::committed(messages, &outcomes);
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    answer(reply, Ok(outcome));
                }
            }
            // what the database can't take, or a conversation that somebody holds, must not fail its neighbours
            Err(error @ (StoreError::Refused(_) | StoreError::Corrupt(_)))
                if messages.len() > 1 =>
            {
                warn!(messages = messages.len(), %error, "batch refused, storing its messages one by one");
                for (message, reply) in messages.iter().zip(replies) {
                    self.append_apart(std::slice::from_ref(message), vec![reply])
                        .await;
                }
            }
            Err(error @ StoreError::Conflict(_)) if several_conversations(messages) => {
                warn!(messages = messages.len(), %error, "batch in the way of others, storing its conversations one by one");
                for (messages, replies) in by_conversation(messages, replies) {
                    self.append_apart(&messages, replies).await;
                }
            }
            Err(error) => {
                for reply in replies {
                    answer(reply, Err(error.clone()));
                }
            }
        }
    }

    /// A part of a batch that could not be stored as a whole.
    async fn append_apart(&self, messages: &[NewMessage], replies: Vec<Reply<AppendOutcome>>) {
        match self.store.append(messages).await {
            Ok(outcomes) => {
                trace::committed(messages, &outcomes);
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    answer(reply, Ok(outcome));
                }
            }
            Err(error) => {
                for reply in replies {
                    answer(reply, Err(error.clone()));
                }
            }
        }
    }
}

/// Where others see the position that a mark moved. One of the same batch that is not shown moved nothing.
fn shown_of(mark: &ReadMark, moved: &[ShownRead]) -> Option<MessageId> {
    let of = |shown: &&ShownRead| {
        mark.shown && shown.user == mark.user && shown.conversation == mark.conversation
    };
    let moved = moved.iter().filter(of).map(|shown| shown.up_to);
    moved.max()
}

fn several_conversations(messages: &[NewMessage]) -> bool {
    messages
        .windows(2)
        .any(|pair| pair[0].conversation != pair[1].conversation)
}

/// The messages of each conversation in their order, with those who wait for them.
fn by_conversation(
    messages: &[NewMessage],
    replies: Vec<Reply<AppendOutcome>>,
) -> Vec<(Vec<NewMessage>, Vec<Reply<AppendOutcome>>)> {
    let mut places: HashMap<Conversation, usize> = HashMap::new();
    let mut parts: Vec<(Vec<NewMessage>, Vec<Reply<AppendOutcome>>)> = Vec::new();
    for (message, reply) in messages.iter().zip(replies) {
        let place = *places.entry(message.conversation).or_insert(parts.len());
        if place == parts.len() {
            parts.push(Default::default());
        }
        parts[place].0.push(message.clone());
        parts[place].1.push(reply);
    }
    parts
}

/// Nobody listening is no fault: the write is made all the same.
fn answer<T>(reply: Reply<T>, result: Result<T, StoreError>) {
    if reply.send(result.map_err(WriteError::Store)).is_err() {
        debug!("nobody waits for a write any more");
    }
}

#[cfg(test)]
mod tests;

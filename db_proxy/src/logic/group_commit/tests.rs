use std::collections::VecDeque;
use std::future::{pending, ready};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::poll;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use proto::ids::MessageId;
use tokio::sync::{Semaphore, oneshot};

use super::*;
use crate::store::{
    Appended, MessageKind, MessagePolicy, PageLimit, RecentConversation, ShownRead, StoredMessage,
    UnixMillis, UnreadList,
};

fn writer(store: Arc<Fake>, limits: WriterLimits) -> (Writer, WriterTask<Fake>) {
    let (writer, mut tasks) = writers(&store, limits);
    (writer, tasks.remove(0))
}

/// Numbers messages through, lets a transaction begin only when told so, and keeps what was asked of it.
struct Fake {
    calls: Mutex<Vec<String>>,
    last: Mutex<u32>,
    failures: Mutex<VecDeque<StoreError>>,
    /// A body that no transaction may contain.
    poison: &'static [u8],
    turns: Semaphore,
}

impl Fake {
    /// Every transaction may run.
    fn new() -> Arc<Self> {
        Self::with_turns(Semaphore::MAX_PERMITS)
    }

    fn with_turns(turns: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            last: Mutex::default(),
            failures: Mutex::default(),
            poison: b"poison",
            turns: Semaphore::new(turns),
        })
    }

    async fn call(&self, call: String) -> Result<(), StoreError> {
        self.turns.acquire().await.unwrap().forget();
        self.calls.lock().push(call);
        self.failures.lock().pop_front().map_or(Ok(()), Err)
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().clone()
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable(Arc::new(std::io::Error::other("gone")))
}

#[async_trait]
impl MessageStore for Fake {
    async fn append(&self, batch: &[NewMessage]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.call(format!("append {}", batch.len())).await?;
        if batch.iter().any(|message| message.body == self.poison) {
            return Err(StoreError::Refused(Arc::new(std::io::Error::other(
                "poison",
            ))));
        }
        let mut last = self.last.lock();
        let mut place = |message: &NewMessage| {
            *last += 1;
            Ok(Appended {
                withheld: false,
                message_id: MessageId::new(*last).unwrap(),
                created_at: message.created_at,
                duplicate: false,
                altered: false,
                group_version: None,
            })
        };
        Ok(batch.iter().map(&mut place).collect())
    }

    async fn history(
        &self,
        _: UserId,
        _: Conversation,
        _: Option<MessageId>,
        _: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Ok(Vec::new())
    }

    async fn messages(
        &self,
        _: UserId,
        _: Conversation,
        _: &[MessageId],
        _: PageLimit,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Ok(Vec::new())
    }

    async fn latest_id(&self, _: UserId, _: Conversation) -> Result<Option<MessageId>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl ParticipantStore for Fake {
    async fn mark_read(&self, marks: &[ReadMark]) -> Result<Vec<ShownRead>, StoreError> {
        self.call(format!("read {}", marks.len())).await?;
        let shown = |mark: &ReadMark| ShownRead {
            user: mark.user,
            conversation: mark.conversation,
            up_to: mark.up_to,
        };
        Ok(marks.iter().filter(|mark| mark.shown).map(shown).collect())
    }

    async fn hide(&self, _: UserId, _: Conversation) -> Result<bool, StoreError> {
        self.call("hide".to_owned()).await.map(|()| true)
    }

    async fn recent(
        &self,
        _: UserId,
        _: u32,
        _: PageLimit,
    ) -> Result<Vec<RecentConversation>, StoreError> {
        Ok(Vec::new())
    }

    async fn unread(&self, _: UserId, _: PageLimit) -> Result<UnreadList, StoreError> {
        Ok(UnreadList::default())
    }

    async fn peers(&self, _: &[UserId], _: usize) -> Result<Vec<Vec<UserId>>, StoreError> {
        Ok(Vec::new())
    }
}

fn conversation() -> Conversation {
    Conversation::between(user(1), user(2)).unwrap()
}

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn message(body: &'static str) -> NewMessage {
    NewMessage {
        conversation: conversation(),
        sender: user(1),
        kind: MessageKind(1),
        body: Bytes::from_static(body.as_bytes()),
        created_at: UnixMillis(0),
        client_key: None,
        policy: MessagePolicy::Everyone,
        references: None,
    }
}

fn mark() -> ReadMark {
    ReadMark {
        user: user(2),
        conversation: conversation(),
        up_to: MessageId::new(1).unwrap(),
        shown: false,
    }
}

fn id(stored: &Result<AppendOutcome, WriteError>) -> u32 {
    let appended = stored.as_ref().unwrap().as_ref().unwrap();
    appended.message_id.get()
}

#[tokio::test]
async fn what_waits_is_one_batch_in_the_order_of_the_calls() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let mut sends: Vec<_> = (0..100).map(|_| writer.append(message("x"))).collect();
    sends.reverse();
    drop(writer);
    let (mut stored, ()) = join(join_all(sends), task.run(pending())).await;
    stored.reverse();
    let ids: Vec<_> = stored.iter().map(id).collect();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
    assert_eq!(store.calls(), ["append 100"]);
}

#[tokio::test]
async fn of_marks_in_one_batch_only_those_that_are_shown_are_told_to_others() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let hidden = mark();
    let shown = ReadMark {
        shown: true,
        ..mark()
    };
    let (hidden, shown) = (writer.mark_read(hidden), writer.mark_read(shown));
    drop(writer);
    let ((hidden, shown), ()) = join(join(hidden, shown), task.run(pending())).await;
    assert_eq!(hidden.unwrap(), None);
    assert_eq!(shown.unwrap(), MessageId::new(1));
}

#[tokio::test]
async fn a_batch_ends_at_its_limits() {
    let store = Fake::new();
    let limits = WriterLimits {
        batch_messages: 3,
        batch_bytes: 8,
        ..WriterLimits::default()
    };
    let (writer, task) = writer(Arc::clone(&store), limits);
    let bodies = ["1", "2", "3", "4", "5 is long", "6", "7"];
    let sends: Vec<_> = bodies.map(|body| writer.append(message(body))).into();
    drop(writer);
    join(join_all(sends), task.run(pending())).await;
    assert_eq!(store.calls(), ["append 3", "append 2", "append 2"]);
}

#[tokio::test]
async fn a_batch_gathers_while_another_is_committed() {
    let store = Fake::with_turns(0);
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let mut running = Box::pin(task.run(pending()));
    let first = writer.append(message("at once"));
    assert!(poll!(running.as_mut()).is_pending());
    let rest: Vec<_> = (0..5).map(|_| writer.append(message("x"))).collect();
    drop(writer);
    store.turns.add_permits(2);
    let (stored, ()) = join(join_all(rest), running).await;
    assert_eq!(id(&first.await), 1);
    assert_eq!(stored.iter().map(id).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert_eq!(store.calls(), ["append 1", "append 5"]);
}

#[tokio::test]
async fn nobody_is_told_ok_when_the_store_is_gone() {
    let store = Fake::new();
    store.failures.lock().push_back(unavailable());
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let sends: Vec<_> = (0..3).map(|_| writer.append(message("x"))).collect();
    let work = async {
        for stored in join_all(sends).await {
            assert!(stored.unwrap_err().is_retryable());
        }
        assert_eq!(id(&writer.append(message("later")).await), 1);
        drop(writer);
    };
    join(work, task.run(pending())).await;
    assert_eq!(store.calls(), ["append 3", "append 1"]);
}

#[tokio::test]
async fn a_poisoned_message_fails_alone() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let sends: Vec<_> = ["a", "poison", "b"]
        .map(|body| writer.append(message(body)))
        .into();
    drop(writer);
    let (stored, ()) = join(join_all(sends), task.run(pending())).await;
    assert_eq!((id(&stored[0]), id(&stored[2])), (1, 2));
    assert!(!stored[1].as_ref().unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once() {
    let store = Fake::new();
    let limits = WriterLimits {
        queue: 2,
        ..WriterLimits::default()
    };
    let (writer, task) = writer(Arc::clone(&store), limits);
    let waiting = [writer.append(message("1")), writer.append(message("2"))];
    let refused = writer.append(message("3")).await;
    assert!(matches!(refused, Err(WriteError::Busy)));
    assert!(refused.unwrap_err().is_retryable());
    drop(writer);
    let (stored, ()) = join(join_all(waiting), task.run(pending())).await;
    assert_eq!(stored.iter().map(id).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn stopping_writes_what_was_handed_in_and_refuses_the_rest() {
    let store = Fake::with_turns(0);
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = Box::pin(task.run(async { drop(stopped.await) }));
    let first = writer.append(message("1"));
    assert!(poll!(running.as_mut()).is_pending());
    let second = writer.append(message("2"));
    stop.send(()).unwrap();
    store.turns.add_permits(2);
    running.await;
    assert_eq!((id(&first.await), id(&second.await)), (1, 2));
    let late = writer.append(message("3")).await;
    assert!(matches!(late, Err(WriteError::Stopped)));
}

#[tokio::test]
async fn a_lost_writer_is_no_answer_but_an_error() {
    let (writer, task) = writer(Fake::new(), WriterLimits::default());
    let send = writer.append(message("x"));
    drop(task);
    assert!(matches!(send.await, Err(WriteError::Stopped)));
    let (writer, task) = self::writer(Fake::new(), WriterLimits::default());
    task.run(ready(())).await;
    assert!(matches!(
        writer.mark_read(mark()).await,
        Err(WriteError::Stopped)
    ));
}

#[tokio::test]
async fn hiding_keeps_its_place_among_messages() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let before = [writer.append(message("1")), writer.append(message("2"))];
    let read = [writer.mark_read(mark()), writer.mark_read(mark())];
    let hidden = writer.hide(user(2), conversation());
    let after = writer.append(message("3"));
    drop(writer);
    task.run(pending()).await;
    assert_eq!(store.calls(), ["append 2", "read 2", "hide", "append 1"]);
    assert!(join_all(before).await.iter().all(Result::is_ok));
    assert!(join_all(read).await.iter().all(Result::is_ok));
    assert!(hidden.await.unwrap());
    assert_eq!(id(&after.await), 3);
}

#[tokio::test]
async fn who_gives_up_waiting_harms_nobody() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    drop(writer.append(message("1")));
    let second = writer.append(message("2"));
    drop(writer);
    task.run(pending()).await;
    assert_eq!(id(&second.await), 2);
}

/// D-3: several writers work at the same time, and a conversation keeps to one of them.
#[tokio::test]
async fn a_conversation_has_one_of_several_writers() {
    let store = Fake::with_turns(0);
    let limits = WriterLimits {
        writers: 4,
        ..WriterLimits::default()
    };
    let (writer, tasks) = writers(&store, limits);
    let peers: Vec<_> = (2..40).flat_map(|peer| [peer, peer]).collect();
    let replies: Vec<_> = peers
        .iter()
        .map(|peer| {
            let mut message = message("x");
            message.conversation =
                Conversation::between(UserId::new(1).unwrap(), UserId::new(*peer).unwrap())
                    .unwrap();
            writer.append(message)
        })
        .collect();
    drop(writer);
    store.turns.add_permits(Semaphore::MAX_PERMITS / 2);
    let stored = join(
        join_all(tasks.into_iter().map(|task| task.run(pending()))),
        join_all(replies),
    );
    let ids: Vec<u32> = stored
        .await
        .1
        .into_iter()
        .map(|outcome| outcome.unwrap().unwrap().message_id.get())
        .collect();
    assert!(
        ids.as_chunks::<2>()
            .0
            .iter()
            .all(|[first, second]| first < second)
    );
    assert_eq!(store.calls().len(), 4, "each writer made one transaction");
}

/// Who asks at the very moment when others are answered does not overtake them.
#[tokio::test]
async fn who_asks_while_others_are_answered_comes_behind_them() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let mut waiting = FuturesUnordered::new();
    waiting.push(writer.append(message("first")));
    assert!(poll!(waiting.next()).is_pending(), "it is waited for");
    waiting.push(writer.append(message("second")));
    drop(writer);
    task.run(pending()).await;
    let ids: Vec<u32> = waiting.map(|stored| id(&stored)).collect().await;
    assert_eq!(ids, [1, 2]);
}

/// Answers are taken up in the order in which the store gave them, even by a task that waits for very many: whoever writes
/// twice is not to be told of the second first.
#[tokio::test]
async fn very_many_answers_come_in_order() {
    let store = Fake::new();
    let (writer, task) = writer(Arc::clone(&store), WriterLimits::default());
    let mut waiting: FuturesUnordered<_> = (0..500).map(|_| writer.append(message("x"))).collect();
    for _ in 0..3 {
        assert!(poll!(waiting.next()).is_pending(), "each is waited for");
    }
    drop(writer);
    task.run(pending()).await;
    let ids: Vec<u32> = waiting.map(|stored| id(&stored)).collect().await;
    assert!(ids.is_sorted(), "{ids:?}");
}

//! Questions of one kind that come at about the same time, asked of the store as one. After an outage everybody comes back
//! and asks the same few, and a statement costs far more than each row that it finds.

use std::collections::VecDeque;
use std::future::Future;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use crate::store::StoreError;

/// Questions of one statement.
const MOST: usize = 128;

/// Statements at once: those that come while one is asked are asked together.
const AT_ONCE: usize = 1;

/// Where questions wait for their turn. It has no task of its own: whoever asks and gets a turn asks for everybody who
/// waits, himself among them.
pub(super) struct Gather<K, V> {
    /// Locked to put a question in, or to take some out.
    waiting: Mutex<VecDeque<Question<K, V>>>,
    turns: Semaphore,
}

struct Question<K, V> {
    key: K,
    answer: oneshot::Sender<Result<V, StoreError>>,
}

impl<K, V> Default for Gather<K, V> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl<K: Clone, V> Gather<K, V> {
    /// The answer to one question. `all` asks the store several and answers each, in their order; all callers have to mean the
    /// same by it. When nothing waits, the question is asked at once and alone.
    ///
    /// Cancel-safe: a question whose asker is gone in the middle of asking for others is asked again by one of them.
    pub(super) async fn ask<A, F>(&self, key: K, all: A) -> Result<V, StoreError>
    where
        A: Fn(Vec<K>) -> F,
        F: Future<Output = Result<Vec<V>, StoreError>>,
    {
        loop {
            let mut answered = self.wait_with(key.clone());
            loop {
                let turn = tokio::select! {
                    biased;
                    answer = &mut answered => match answer {
                        Ok(answer) => return answer,
                        Err(_) => break,
                    },
                    turn = self.turns.acquire() => turn,
                };
                let somebody_waited = self.ask_for_all(&all).await;
                drop(turn);
                if !somebody_waited {
                    // Somebody else is asking for this one.
                    match answered.await {
                        Ok(answer) => return answer,
                        Err(_) => break,
                    }
                }
            }
        }
    }

    fn wait_with(&self, key: K) -> oneshot::Receiver<Result<V, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().push_back(Question { key, answer });
        answered
    }

    /// Asks for those who wait longest; `false` if nobody does.
    async fn ask_for_all<F>(&self, all: &impl Fn(Vec<K>) -> F) -> bool
    where
        F: Future<Output = Result<Vec<V>, StoreError>>,
    {
        let (keys, answers) = self.take();
        if keys.is_empty() {
            return false;
        }
        match all(keys.clone()).await {
            Ok(values) => {
                for (answer, value) in answers.into_iter().zip(values) {
                    // Whoever went away needs none.
                    drop(answer.send(Ok(value)));
                }
            }
            // Nobody is to suffer from what the store can't read of somebody else.
            Err(error) if keys.len() > 1 && !error.is_retryable() => {
                for (key, answer) in keys.into_iter().zip(answers) {
                    let value = all(vec![key]).await;
                    drop(answer.send(value.map(|mut values| values.remove(0))));
                }
            }
            Err(error) => {
                for answer in answers {
                    drop(answer.send(Err(error.clone())));
                }
            }
        }
        true
    }

    /// Questions that somebody waits for.
    fn take(&self) -> (Vec<K>, Vec<oneshot::Sender<Result<V, StoreError>>>) {
        let mut waiting = self.waiting.lock();
        let (mut keys, mut answers) = (Vec::new(), Vec::new());
        while keys.len() < MOST
            && let Some(question) = waiting.pop_front()
        {
            if !question.answer.is_closed() {
                keys.push(question.key);
                answers.push(question.answer);
            }
        }
        (keys, answers)
    }
}

#[cfg(test)]
mod tests;

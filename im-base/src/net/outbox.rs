//! What waits to be written to one connection.

use std::sync::Arc;
use std::task::Waker;

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;
use proto::{Body, Pdu, pdu};

use super::connection::CloseReason;

/// One out-buffer, shared by everybody who has something for a connection and emptied by the connection's own task:
/// however many frames gather between two wake-ups leave with one write.
///
/// A buffer behind a short lock, rather than a channel of frames: no allocation per frame and one wake-up for many.
/// The lock is held for a copy of some hundred bytes and never across an await.
///
/// Bounded: a frame that would take the buffer above its limit closes the connection as a slow reader, since a
/// dropped frame in the middle would be worse than a reconnect.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    waker: AtomicWaker,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    closing: Option<CloseReason>,
    /// Pushes that wait for something that has to go before them.
    #[expect(
        clippy::box_collection,
        reason = "hardly ever there, and each connection has room for it"
    )]
    held: Option<Box<Vec<u8>>>,
}

/// Room that a buffer begins with: for a few frames of the usual size, so that it does not grow frame by frame.
const FIRST_BYTES: usize = 1024;

/// The connection is closing or closed; nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection is closed")]
pub struct Closed;

impl Outbox {
    /// An outbox that holds at most `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            waker: AtomicWaker::new(),
            limit,
        })
    }

    /// Queues a message.
    pub fn send<M: Body>(&self, message: &M, seq_num: u16) -> Result<(), Closed> {
        self.append(|buffer| pdu::write_message(message, seq_num, buffer))
    }

    /// Queues a frame.
    pub fn send_pdu(&self, pdu: &Pdu) -> Result<(), Closed> {
        self.append(|buffer| pdu.write(buffer))
    }

    /// Queues frames that are encoded already.
    pub fn send_frame(&self, frame: &[u8]) -> Result<(), Closed> {
        self.append(|buffer| buffer.extend_from_slice(frame))
    }

    /// From now on what is pushed waits for [`send_and_release`](Self::send_and_release).
    pub fn hold_pushes(&self) {
        self.state.lock().held.get_or_insert_default();
    }

    /// Queues frames that the other side did not ask for.
    pub fn push(&self, frames: &[u8]) -> Result<(), Closed> {
        self.change(|state| match &mut state.held {
            Some(held) => held.extend_from_slice(frames),
            None => state.buffer.extend_from_slice(frames),
        })
    }

    /// Queues a message, and behind it what was held.
    pub fn send_and_release<M: Body>(&self, message: &M, seq_num: u16) -> Result<(), Closed> {
        self.change(|state| {
            pdu::write_message(message, seq_num, &mut state.buffer);
            let held = state.held.take().unwrap_or_default();
            state.buffer.extend_from_slice(&held);
        })
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Closed> {
        self.change(|state| write(&mut state.buffer))
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), Closed> {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return Err(Closed);
        }
        let was_empty = state.buffer.is_empty();
        if state.buffer.capacity() == 0 {
            state.buffer.reserve(FIRST_BYTES);
        }
        change(&mut state);
        let held = state.held.as_ref().map_or(0, |held| held.len());
        let overflow = state.buffer.len() + held > self.limit;
        if overflow {
            state.buffer = Vec::new();
            state.held = None;
            state.closing = Some(CloseReason::SLOW_READER);
        }
        let wake = overflow || was_empty && !state.buffer.is_empty();
        drop(state);
        if wake {
            self.waker.wake();
        }
        if overflow { Err(Closed) } else { Ok(()) }
    }

    /// Asks the connection to close once everything queued so far is written. The first reason stays.
    pub fn close(&self, reason: CloseReason) {
        self.state.lock().closing.get_or_insert(reason);
        self.waker.wake();
    }

    /// Whether nothing more is taken.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closing.is_some()
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.state.lock().buffer.len()
    }

    /// Swaps what waits for an empty buffer, and tells whether to close after writing it. For the connection's task.
    pub(super) fn take(&self, empty: &mut Vec<u8>, waker: &Waker) -> Option<CloseReason> {
        // Registered first: whatever is queued after the swap wakes the task again.
        self.waker.register(waker);
        let mut state = self.state.lock();
        std::mem::swap(&mut state.buffer, empty);
        state.closing
    }

    /// Whether the buffer ran over its limit; otherwise the task is woken when it does. For the connection's task
    /// while its socket takes nothing.
    pub(super) fn is_closed_by_overflow(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.state.lock().closing == Some(CloseReason::SLOW_READER)
    }
}

//! What waits to be written to one connection.

use std::sync::Arc;
use std::task::Waker;

use atomic_waker::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
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
    takes_pushes: bool,
    /// What goes out behind the message that opens it.
    held: Vec<u8>,
}

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

    /// Queues a message, and from then on what [`push`](Self::push) brings: nothing pushed overtakes it, and nothing that comes
    /// behind it is turned away.
    pub fn send_and_open<M: Body>(&self, message: &M, seq_num: u16) -> Result<(), Closed> {
        let mut opened = self.state.lock();
        opened.takes_pushes = true;
        let held = std::mem::take(&mut opened.held);
        self.append_to(opened, |buffer| {
            pdu::write_message(message, seq_num, buffer);
            buffer.extend_from_slice(&held);
        })
    }

    /// Queues a message that the other side did not ask for and that it has to get: before
    /// [`send_and_open`](Self::send_and_open) it is held until then. For single notices; what is held counts against the limit
    /// only when it is queued.
    pub fn push_or_hold<M: Body>(&self, message: &M) -> Result<(), Closed> {
        let mut state = self.state.lock();
        if state.takes_pushes || state.closing.is_some() {
            return self.append_to(state, |buffer| pdu::write_message(message, 0, buffer));
        }
        pdu::write_message(message, 0, &mut state.held);
        Ok(())
    }

    /// Queues frames that the other side did not ask for; turned away before [`send_and_open`](Self::send_and_open).
    pub fn push(&self, frames: &[u8]) -> Result<(), Closed> {
        let state = self.state.lock();
        if !state.takes_pushes {
            return Err(Closed);
        }
        self.append_to(state, |buffer| buffer.extend_from_slice(frames))
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Closed> {
        self.append_to(self.state.lock(), write)
    }

    fn append_to(
        &self,
        mut state: MutexGuard<'_, State>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Closed> {
        if state.closing.is_some() {
            return Err(Closed);
        }
        let was_empty = state.buffer.is_empty();
        write(&mut state.buffer);
        let overflow = state.buffer.len() > self.limit;
        if overflow {
            state.buffer = Vec::new();
            state.closing = Some(CloseReason::SLOW_READER);
        }
        drop(state);
        if was_empty || overflow {
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

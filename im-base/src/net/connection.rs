//! One connection: frames in, the outbox out, and the limits of its silence.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use proto::im::ext::other::ImPace;
use proto::im::other::ImHeartBeat;
use proto::{Body, Decoder, FrameError, Pdu, capability};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::outbox::Outbox;
use super::tls::TlsError;

/// Bytes read at once. One buffer per thread serves all connections, so that an idle one keeps none.
const READ_BYTES: usize = 64 * 1024;

/// How long the last bytes of a connection that is being closed may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a closed connection waits for the other side to have read it out.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Why a connection ended: a short constant word, which is also its metric label.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseReason(pub &'static str);

impl CloseReason {
    /// The other side hung up.
    pub const PEER_CLOSED: Self = Self("peer_closed");
    /// The connection broke.
    pub const BROKEN: Self = Self("broken");
    /// Nothing came for too long.
    pub const IDLE: Self = Self("idle");
    /// What it should do in time (log in, say) was not done.
    pub const TOO_SLOW: Self = Self("too_slow");
    /// It does not read what is sent to it.
    pub const SLOW_READER: Self = Self("slow_reader");
    /// This process is ending.
    pub const SHUTDOWN: Self = Self("shutdown");
    /// The other side speaks TLS on a connection without it.
    pub const TLS_NOT_EXPECTED: Self = Self("tls_not_expected");

    /// Whether the other side has gone, or has not listened for long.
    fn leaves_nobody_to_listen(self) -> bool {
        [
            Self::PEER_CLOSED,
            Self::BROKEN,
            Self::IDLE,
            Self::SLOW_READER,
        ]
        .contains(&self)
    }
}

impl fmt::Debug for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// So that a transport can say in an [`io::Error`] why it has to end.
impl std::error::Error for CloseReason {}

impl From<&io::Error> for CloseReason {
    fn from(error: &io::Error) -> Self {
        let Some(inner) = error.get_ref() else {
            return Self::BROKEN;
        };
        let of_tls = || inner.downcast_ref().map(TlsError::reason);
        let reason = inner.downcast_ref().copied().or_else(of_tls);
        reason.unwrap_or(Self::BROKEN)
    }
}

impl From<FrameError> for CloseReason {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLong { length, .. } if begins_tls(&length.to_be_bytes()) => {
                Self::TLS_NOT_EXPECTED
            }
            error => Self(error.reason()),
        }
    }
}

/// Whether bytes begin with a record of TLS: its type, from 20 to 23, and a version of 3.0 to 3.4. Read as the length of a
/// frame that is more than 320 MiB.
pub(super) fn begins_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..])
}

/// The rhythm of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Closed when nothing was received for this long. Any byte counts.
    pub silence: Duration,
    /// A heartbeat is sent when nothing else was sent for this long. Clients get none.
    pub heartbeat: Option<Duration>,
}

impl Pace {
    /// Between servers: a heartbeat every second. A peer that says how often its own come is dead after three and a half
    /// of them, any other after 30 s (PROTOCOL.md, "Heartbeats").
    pub const SERVERS: Self = Self {
        silence: Duration::from_secs(30),
        heartbeat: Some(Duration::from_secs(1)),
    };

    /// The silence after which a peer that sends a heartbeat this often is dead: three may be late.
    fn silence_for(heartbeat: Duration) -> Duration {
        heartbeat * 7 / 2
    }

    /// A client that may stay silent for that long.
    pub const fn client(silence: Duration) -> Self {
        Self {
            silence,
            heartbeat: None,
        }
    }
}

/// One connection and the task's half of its outbox.
///
/// All progress lives in the struct, none in a future: [`next`](Self::next) and [`flush`](Self::flush) are
/// cancel-safe and may be polled in turns. Between frames it holds no buffer of its own.
#[derive(Debug)]
pub struct Connection<IO> {
    io: IO,
    decoder: Decoder,
    outbox: Arc<Outbox>,
    writing: Vec<u8>,
    written: usize,
    pace: Pace,
    /// The silence after which the other side is dead, once it has said how often its heartbeats come. Counts only while
    /// we listen: what it sends while we don't is no silence.
    promised: Option<Duration>,
    said_pace: bool,
    wants_reasons: bool,
    /// Set while something has to happen until then, silence or not.
    deadline: Option<Instant>,
    received_at: Instant,
    sent_at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// Takes over a stream. `max_frame` is the largest frame it may send us, in bytes.
    pub fn new(io: IO, outbox: Arc<Outbox>, pace: Pace, max_frame: u32) -> Self {
        let now = Instant::now();
        Self {
            io,
            decoder: Decoder::new(max_frame),
            outbox,
            writing: Vec::new(),
            written: 0,
            pace,
            promised: None,
            said_pace: false,
            wants_reasons: false,
            deadline: None,
            received_at: now,
            sent_at: now,
            timer: Box::pin(sleep_until(now)),
        }
    }

    /// Where frames for this connection go.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The stream below, for what only that kind of stream has. Reading or writing it would put frames out of step.
    pub fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Changes the rhythm, once it is known who the other side is.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.rearm();
    }

    /// Whether the other side understands reasons of refusals, once that is known.
    pub fn set_wants_reasons(&mut self, wants_reasons: bool) {
        self.wants_reasons = wants_reasons;
    }

    /// Whether the other side understands reasons of refusals: it said so, or was said to.
    pub fn wants_reasons(&self) -> bool {
        self.wants_reasons
    }

    /// Changes the largest frame that is accepted from now on.
    pub fn set_max_frame(&mut self, max_frame: u32) {
        self.decoder.set_max_frame(max_frame);
    }

    /// Closes the connection as [`CloseReason::TOO_SLOW`] at that time unless `None` is set before.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        self.rearm();
    }

    /// How long ago something was last read from the other side, or the connection began.
    pub fn silent_for(&self) -> Duration {
        self.received_at.elapsed()
    }

    /// Bytes that the other side has not taken yet.
    pub fn unsent(&self) -> usize {
        self.writing.len() - self.written + self.outbox.queued()
    }

    /// The next frame; meanwhile writes what is queued and keeps the rhythm. Cancel-safe. After an error the
    /// connection is of no use but for [`close`](Self::close).
    pub async fn next(&mut self) -> Result<Pdu, CloseReason> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Writes and keeps the rhythm without taking frames; ends only with the connection. Cancel-safe.
    pub async fn flush(&mut self) -> CloseReason {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Poll form of [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pdu, CloseReason>> {
        loop {
            // Everything that has arrived is handed out before a write, so that its answers share one.
            if let Some(pdu) = self.decoder.next_pdu()? {
                if pdu.command() == ImPace::ID && self.pace.heartbeat.is_some() {
                    self.promised(&pdu);
                    continue;
                }
                return Poll::Ready(Ok(pdu));
            }
            let ending = match self.poll_flush_within(cx, self.promised) {
                Poll::Ready(CloseReason::IDLE) => true,
                Poll::Ready(reason) => return Poll::Ready(Err(reason)),
                Poll::Pending => false,
            };
            match self.poll_read(cx) {
                // This process may have been stopped itself: what has come meanwhile is read before it counts as silence.
                Poll::Pending if ending => return Poll::Ready(Err(CloseReason::IDLE)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(CloseReason::PEER_CLOSED)),
                Poll::Ready(Ok(_)) => {
                    self.received_at = Instant::now();
                    if ending {
                        self.rearm();
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(CloseReason::from(&error))),
            }
        }
    }

    /// Says how often our heartbeats come, so that the other side need not wait long to know that we hang. Servers of other
    /// make ignore it. Does nothing on a connection without heartbeats.
    pub fn say_pace(&mut self) {
        if let Some(every) = self.pace.heartbeat
            && !self.said_pace
        {
            self.said_pace = true;
            let heartbeat_ms = u32::try_from(every.as_millis()).unwrap_or(u32::MAX);
            let pace = ImPace {
                heartbeat_ms,
                capabilities: Some(capability::NAK),
            };
            // An outbox that takes nothing more closes the connection by itself.
            let _closing = self.outbox.send(&pace, 0);
        }
    }

    /// Whether the other side has said how often its heartbeats come.
    pub fn has_pace(&self) -> bool {
        self.promised.is_some()
    }

    /// Completes when the other side has sent anything at all: a process that hangs is connected to by its system all the
    /// same. Nothing is lost of what it sent. Cancel-safe.
    pub async fn heard(&mut self) -> Result<(), CloseReason> {
        poll_fn(|cx| {
            if let Poll::Ready(reason) = self.poll_flush(cx) {
                return Poll::Ready(Err(reason));
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) => Poll::Ready(Err(CloseReason::PEER_CLOSED)),
                Ok(_) => {
                    self.received_at = Instant::now();
                    Poll::Ready(Ok(()))
                }
                Err(error) => Poll::Ready(Err(CloseReason::from(&error))),
            }
        })
        .await
    }

    /// The other side has said how often its heartbeats come; it is told the same.
    fn promised(&mut self, pdu: &Pdu) {
        let Ok(pace) = pdu.decode::<ImPace>() else {
            return;
        };
        self.wants_reasons = pace.capabilities() & capability::NAK != 0;
        // Nobody needs us to look more often than that.
        let every = Duration::from_millis(pace.heartbeat_ms.into()).max(Duration::from_millis(100));
        self.promised = Some(Pace::silence_for(every).min(self.pace.silence));
        self.say_pace();
        self.rearm();
    }

    /// Poll form of [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.poll_flush_within(cx, None)
    }

    fn poll_flush_within(
        &mut self,
        cx: &mut Context<'_>,
        silence: Option<Duration>,
    ) -> Poll<CloseReason> {
        if let Poll::Ready(reason) = self.poll_write(cx) {
            return Poll::Ready(reason);
        }
        self.poll_timer(cx, silence.unwrap_or(self.pace.silence))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            self.decoder.extend(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            if self.written == self.writing.len() {
                self.written = 0;
                // Given back rather than kept: most connections are idle for most of the time.
                self.writing = Vec::new();
                let closing = self.outbox.take(&mut self.writing, cx.waker());
                if self.writing.is_empty() {
                    return closing.map_or(Poll::Pending, Poll::Ready);
                }
                if closing == Some(CloseReason::SLOW_READER) {
                    return Poll::Ready(CloseReason::SLOW_READER);
                }
            }
            match Pin::new(&mut self.io).poll_write(cx, &self.writing[self.written..]) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.written += count;
                    self.sent_at = Instant::now();
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(CloseReason::BROKEN),
                Poll::Ready(Err(error)) => return Poll::Ready(CloseReason::from(&error)),
                Poll::Pending => {
                    // A full outbox has to be noticed although the socket takes nothing.
                    let overflow = self.outbox.is_closed_by_overflow(cx.waker());
                    return if overflow {
                        Poll::Ready(CloseReason::SLOW_READER)
                    } else {
                        Poll::Pending
                    };
                }
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, silence: Duration) -> Poll<CloseReason> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(CloseReason::TOO_SLOW);
            }
            if now >= self.received_at + silence {
                return Poll::Ready(CloseReason::IDLE);
            }
            if self
                .pace
                .heartbeat
                .is_some_and(|every| now >= self.sent_at + every)
            {
                // An outbox that takes nothing more closes the connection by itself.
                let _closing = self.outbox.send(&ImHeartBeat {}, 0);
                self.sent_at = now;
            }
            self.rearm();
        }
        Poll::Pending
    }

    /// Sets the timer to the next thing that can be due. Receiving and sending do not touch it: it looks at their
    /// times when it fires.
    fn rearm(&mut self) {
        let now = Instant::now();
        // Once that long has passed while we did not listen, it is looked at again when the next heartbeat is due.
        let promised = self.promised.map(|silence| self.received_at + silence);
        let promised = promised.filter(|at| *at > now);
        let silence = self.received_at + self.pace.silence;
        let heartbeat = self.pace.heartbeat.map(|every| self.sent_at + every);
        let next = [Some(silence), promised, heartbeat, self.deadline]
            .into_iter()
            .flatten()
            .min();
        self.timer.as_mut().reset(next.unwrap_or(silence));
    }

    /// Writes what is queued, within two seconds, and closes. Nothing can be queued afterwards.
    ///
    /// Then waits, a second at most, for the other side to hang up as well, and throws away what still comes: a socket
    /// that is closed with unread bytes resets the connection, and our last words may be lost with it. Whatever
    /// depends on the connection is to be cleared up before.
    pub async fn close(mut self, reason: CloseReason) {
        self.outbox.close(reason);
        let last_words = poll_fn(|cx| self.poll_write(cx));
        let Ok(reason) = timeout(CLOSE_TIMEOUT, last_words).await else {
            // Who takes nothing forfeits the rest.
            return;
        };
        let hung_up = timeout(CLOSE_TIMEOUT, self.io.shutdown()).await;
        if matches!(hung_up, Ok(Ok(()))) && !reason.leaves_nobody_to_listen() {
            let _in_time = timeout(LINGER, poll_fn(|cx| self.poll_discard(cx))).await;
        }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            loop {
                let mut buffer = ReadBuf::new(buffer);
                let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
                if read.is_err() || buffer.filled().is_empty() {
                    return Poll::Ready(());
                }
            }
        })
    }
}

impl<IO> Drop for Connection<IO> {
    /// Whoever still holds the outbox learns that nobody reads it.
    fn drop(&mut self) {
        self.outbox.close(CloseReason::BROKEN);
    }
}

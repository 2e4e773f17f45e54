//! WebSocket (RFC 6455) under PDUs: a byte stream to us, one PDU in each binary message to the client.

mod frame;
mod handshake;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::coding::CloseCode;

use super::connection::CloseReason;
use frame::{Control, Incoming, Violation};

pub use handshake::{Origins, accept};

/// What the other side sent is no sequence of WebSocket frames.
pub const BAD_FRAME: CloseReason = CloseReason("bad_websocket_frame");

/// About as many bytes are on their way at once; the rest waits where it is.
const OUT_BYTES: usize = 64 * 1024;

/// The server's end of a WebSocket whose handshake is done, as a stream of PDUs for a
/// [`Connection`](super::Connection).
///
/// **Reading** gives the payload of binary and text messages as one stream of bytes: a message may hold several PDUs, and
/// a PDU may span messages and their fragments. Pings are answered and a close frame is the end of the stream. Breaking
/// the rules is an error that carries [`BAD_FRAME`]. Bytes go from the socket into the reader's buffer and are unwrapped
/// there: nothing is buffered here, however long a message is.
///
/// **Writing** sends each PDU as a binary message. It wants bytes that begin where a PDU begins and hold whole ones.
/// They count as taken when the socket has taken them, about 64 KiB at a time; until then it is `Pending`, and has to be
/// called again with the same bytes.
///
/// **Shutting down** sends a close frame. The other side's answer to it is the end of reading.
///
/// All progress lives in the struct; cancel-safe under the rule for writing. One task has to do both reading and writing,
/// for a ping is answered while reading.
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: S,
    incoming: Incoming,
    /// Wrapped, on its way to the socket. No memory is kept between two writes.
    out: Vec<u8>,
    written: usize,
    /// The writer's bytes that are in `out`.
    taken: usize,
    /// The payload of the newest ping that is not answered yet; older ones need no answer.
    ping: Option<Vec<u8>>,
    /// What the close frame will say.
    code: CloseCode,
    close_sent: bool,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Frames,
    /// The rules were broken: what still comes is thrown away.
    Garbage,
    /// There is no more.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            incoming: Incoming::default(),
            out: Vec::new(),
            written: 0,
            taken: 0,
            ping: None,
            code: CloseCode::Normal,
            close_sent: false,
            reading: Reading::Frames,
        }
    }

    /// Chooses the close frame's code by why we end. An end that the other side asked for is confirmed with its own code.
    pub fn ending(&mut self, reason: CloseReason) {
        if self.code == CloseCode::Normal {
            self.code = match reason {
                CloseReason::SHUTDOWN => CloseCode::Away,
                CloseReason("frame_too_long") => CloseCode::Size,
                CloseReason("frame_too_short") => CloseCode::Protocol,
                _ => CloseCode::Normal,
            };
        }
    }

    /// Writes what is on its way, and the answer to a ping behind it.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.out.len() {
                let rest = &self.out[self.written..];
                match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => self.written += count,
                }
            }
            if !self.out.is_empty() {
                ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                self.written = 0;
                self.out = Vec::new();
            }
            match self.ping.take() {
                Some(payload) if !self.close_sent => frame::pong(&payload, &mut self.out),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Unwraps what was read behind the first `before` bytes.
    fn unwrap(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> Result<(), Violation> {
        let (mut ping, mut close) = (None, None);
        let fresh = &mut buffer.filled_mut()[before..];
        if fresh.is_empty() {
            self.reading = Reading::Ended;
        }
        let unwrapped = match self.reading {
            Reading::Frames => self.incoming.unwrap(fresh, |control| match control {
                Control::Ping(payload) => ping = Some(payload),
                Control::Close(code) => close = Some(code),
            }),
            Reading::Garbage | Reading::Ended => Ok(0),
        };
        buffer.set_filled(before + unwrapped.unwrap_or(0));
        if ping.is_some() {
            self.ping = ping;
        }
        if let Some(code) = close {
            self.reading = Reading::Ended;
            self.code = code.unwrap_or(CloseCode::Normal);
        }
        unwrapped.map(drop)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            // Pending or not, reading goes on; what is left is tried again with every read.
            if let Poll::Ready(Err(error)) = this.poll_out(cx) {
                return Poll::Ready(Err(error));
            }
            if this.reading == Reading::Ended || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
            if let Err(Violation) = this.unwrap(buffer, before) {
                this.reading = Reading::Garbage;
                this.code = CloseCode::Protocol;
                return Poll::Ready(Err(io::Error::other(BAD_FRAME)));
            }
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        if this.taken == 0 {
            this.taken = frame::wrap(bytes, OUT_BYTES, &mut this.out);
            ready!(this.poll_out(cx))?;
        }
        Poll::Ready(Ok(std::mem::take(&mut this.taken)))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        if !this.close_sent {
            this.close_sent = true;
            frame::close(this.code, &mut this.out);
            ready!(this.poll_out(cx))?;
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

//! A stream inside TLS.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::engine::{Engine, Received};
use crate::net::connection::CloseReason;

/// Bytes taken from the socket at once. One buffer per thread serves all connections, so that an idle one keeps none.
const READ_BYTES: usize = 64 * 1024;

/// The least that is taken from the socket at once, however little the reader has room for.
const LEAST_READ: usize = 4 * 1024;

/// About as many bytes are encrypted at once; the rest waits where it is.
const OUT_BYTES: usize = 64 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// One end of a TLS connection over a stream of bytes.
///
/// **The handshake** happens by itself when the first bytes are read or written, or in [`handshake`](Self::handshake). An
/// error that ends TLS is an [`io::Error`] around a [`TlsError`](super::TlsError), which knows its [`CloseReason`]; the
/// other side is sent an alert if the socket takes it.
///
/// **Writing** encrypts what it is given, about 64 KiB at a time, and hands it to the socket in one piece. Bytes count as
/// taken when the socket has taken them; until then it is `Pending`, and has to be called again with the same bytes, to
/// which more may have been added.
///
/// **Shutting down** says that nothing more will come. The end of the stream below without such words is the end here too.
///
/// All progress lives in the struct; cancel-safe under the rule for writing. One task has to do both reading and writing,
/// for either may have to wait for the other during the handshake. No memory is kept between two reads or writes.
#[derive(Debug)]
pub struct TlsStream<S> {
    stream: S,
    engine: Engine,
    /// Encrypted, on its way to the socket.
    out: Vec<u8>,
    written: usize,
    /// The writer's bytes that are in `out`.
    taken: usize,
    /// What came and found no room in the reader's buffer.
    unread: Vec<u8>,
    ended: bool,
    close_sent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// One end over `stream`; `out` is what it has to send first.
    pub(super) fn new(stream: S, engine: Engine, out: Vec<u8>) -> Self {
        Self {
            stream,
            engine,
            out,
            written: 0,
            taken: 0,
            unread: Vec::new(),
            ended: false,
            close_sent: false,
        }
    }

    /// Completes when the handshake is done, as far as this end can tell. Has no deadline of its own. Cancel-safe.
    pub async fn handshake(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_handshake(cx)).await?;
        poll_fn(|cx| self.poll_out(cx)).await
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.engine.is_established() {
            // What cannot leave now is tried again with the next turn; what comes is read all the same.
            if let Poll::Ready(Err(error)) = self.poll_out(cx) {
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_receive(cx, None))?;
            if self.ended && !self.engine.is_established() {
                return Poll::Ready(Err(io::Error::other(CloseReason::PEER_CLOSED)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once from the stream below and deals with what came.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Option<&mut ReadBuf<'_>>,
    ) -> Poll<io::Result<()>> {
        let room = reader.as_ref().map_or(0, |reader| reader.remaining());
        let room = room.clamp(LEAST_READ, READ_BYTES);
        READ_BUFFER.with_borrow_mut(|bytes| {
            let mut bytes = ReadBuf::new(&mut bytes[..room]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            if bytes.filled().is_empty() {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            let unread = &mut self.unread;
            let plain = |plain: &[u8]| match &mut reader {
                Some(reader) => {
                    let (now, later) = plain.split_at(plain.len().min(reader.remaining()));
                    reader.put_slice(now);
                    unread.extend_from_slice(later);
                }
                None => unread.extend_from_slice(plain),
            };
            match self
                .engine
                .receive(bytes.filled_mut(), plain, &mut self.out)
            {
                Ok(Received::More) => {}
                Ok(Received::End) => self.ended = true,
                Err(error) => {
                    // The alert leaves if it can; nobody waits for it.
                    let _alerted = self.poll_out(cx);
                    return Poll::Ready(Err(error.into()));
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Writes what is on its way.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        if !self.out.is_empty() {
            self.written = 0;
            self.out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    fn take_unread(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..count]);
        self.unread.drain(..count);
        if self.unread.is_empty() {
            self.unread = Vec::new();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_handshake(cx))?;
        let before = buffer.filled().len();
        loop {
            // Pending or not, reading goes on; what is left is tried again with every read.
            if let Poll::Ready(Err(error)) = this.poll_out(cx) {
                return Poll::Ready(Err(error));
            }
            if !this.unread.is_empty() {
                this.take_unread(buffer);
            }
            if buffer.filled().len() > before || this.ended || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_receive(cx, Some(buffer)))?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_handshake(cx))?;
        ready!(this.poll_out(cx))?;
        if this.taken == 0 {
            let now = &bytes[..bytes.len().min(OUT_BYTES)];
            this.engine.encrypt(now, &mut this.out)?;
            this.taken = now.len();
            ready!(this.poll_out(cx))?;
        }
        Poll::Ready(Ok(std::mem::take(&mut this.taken)))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        if !this.close_sent {
            this.close_sent = true;
            this.engine.close(&mut this.out)?;
            ready!(this.poll_out(cx))?;
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

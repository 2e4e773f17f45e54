//! What frames travel over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::CloseReason;
use super::stream::Stream;
use super::ws::WebSocket;

/// A client's stream, so that one type of connection serves whatever a client speaks.
#[derive(Debug)]
pub enum Transport {
    /// Frames directly behind each other.
    Direct(Stream),
    /// One frame per message. Boxed, so that it costs the others nothing.
    WebSocket(Box<WebSocket<Stream>>),
}

impl Transport {
    /// Says why the stream will be shut down, where it can tell the other side.
    pub fn ending(&mut self, reason: CloseReason) {
        match self {
            Self::Direct(_) => {}
            Self::WebSocket(stream) => stream.ending(reason),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::WebSocket(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::WebSocket(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Self::WebSocket(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::WebSocket(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

//! What a client's frames travel over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::address::Address;
use super::http::Target;
use super::socket::Socket;

/// The smallest length that a frame can announce.
const HEADER_LEN: usize = 16;

/// Bytes read at once.
const READ_BUFFER: usize = 16 * 1024;

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Direct(Socket),
    WebSocket(Box<WebSocket>),
}

impl Stream {
    /// Connects to one host of an address, without a deadline of its own.
    pub(crate) async fn open(host: &str, address: &Address) -> io::Result<Self> {
        let socket = Socket::open(host, address.port, address.trust.as_ref()).await?;
        let Some(path) = &address.websocket else {
            return Ok(Self::Direct(socket));
        };
        let target = Target {
            host: host.to_owned(),
            port: address.port,
            path: path.clone(),
            trust: address.trust.clone(),
        };
        let stream = WebSocket::open(socket, &target).await?;
        Ok(Self::WebSocket(Box::new(stream)))
    }
}

/// A WebSocket as a stream of bytes. Each whole frame that is written leaves as a message of its own, as stock servers
/// want it; bytes that are no whole frame leave as they are given.
#[derive(Debug)]
pub(crate) struct WebSocket {
    inner: WebSocketStream<Socket>,
    /// Of the last message, what was not read yet.
    unread: Bytes,
    unflushed: bool,
}

impl WebSocket {
    /// Shakes hands, without a deadline of its own.
    pub(super) async fn open(stream: Socket, target: &Target) -> io::Result<Self> {
        let scheme = if target.trust.is_some() { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}{}", target.authority(), target.path);
        let uri = uri.parse().map_err(io::Error::other)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0);
        let request = ClientRequestBuilder::new(uri);
        let (inner, _response) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(into_io)?;
        Ok(Self {
            inner,
            unread: Bytes::new(),
            unflushed: false,
        })
    }

    fn poll_unflushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(&mut self.inner).poll_flush(cx)).map_err(into_io)?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What the socket did not take at once has nobody else to move it.
        if let Poll::Ready(Err(error)) = self.poll_unflushed(cx) {
            return Poll::Ready(Err(error));
        }
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => {
                    self.unread = message.into_data();
                }
                Some(Ok(_)) => {}
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(end_of(error)),
            }
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(into_io)?;
        let whole = bytes
            .first_chunk::<4>()
            .map(|length| u32::from_be_bytes(*length) as usize)
            .filter(|length| (HEADER_LEN..=bytes.len()).contains(length));
        let message = &bytes[..whole.unwrap_or(bytes.len())];
        let message = Message::Binary(Bytes::copy_from_slice(message));
        let length = message.len();
        Pin::new(&mut self.inner)
            .start_send(message)
            .map_err(into_io)?;
        self.unflushed = true;
        match self.poll_unflushed(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(length)),
        }
    }
}

/// A server that is gone without a close frame has closed all the same.
fn end_of(error: tungstenite::Error) -> io::Result<()> {
    use tungstenite::error::ProtocolError;
    match error {
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ok(()),
        error => Err(into_io(error)),
    }
}

fn into_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::WebSocket(stream) => stream.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::WebSocket(stream) => stream.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Self::WebSocket(stream) => stream.poll_unflushed(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::WebSocket(stream) => Pin::new(&mut stream.inner).poll_close(cx).map_err(into_io),
        }
    }
}

//! Sockets that are the system's or a simulated network's, whichever belongs to where they are made.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Accepts connections, as tokio's type of the same name does.
pub enum TcpListener {
    /// The system's.
    System(tokio::net::TcpListener),
    /// A simulated network's.
    Simulated(turmoil::net::TcpListener),
}

/// A connection, as tokio's type of the same name is.
#[derive(Debug)]
pub enum TcpStream {
    /// The system's.
    System(tokio::net::TcpStream),
    /// A simulated network's.
    Simulated(turmoil::net::TcpStream),
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpListener({:?})", self.local_addr())
    }
}

impl TcpListener {
    pub(super) async fn simulated(address: SocketAddr) -> io::Result<Self> {
        turmoil::net::TcpListener::bind(address)
            .await
            .map(Self::Simulated)
    }

    /// The next connection and where it comes from. Cancel-safe.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::System(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((TcpStream::System(stream), peer))
            }
            Self::Simulated(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((TcpStream::Simulated(stream), peer))
            }
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::System(listener) => listener.local_addr(),
            Self::Simulated(listener) => listener.local_addr(),
        }
    }
}

impl TcpStream {
    /// Connects to `host:port`.
    pub async fn connect(address: &str) -> io::Result<Self> {
        if turmoil::in_simulation() {
            let stream = turmoil::net::TcpStream::connect(address).await?;
            return Ok(Self::Simulated(stream));
        }
        tokio::net::TcpStream::connect(address)
            .await
            .map(Self::System)
    }

    /// Whether small writes leave at once. A simulated network never holds them back.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match self {
            Self::System(stream) => stream.set_nodelay(nodelay),
            Self::Simulated(_) => Ok(()),
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::System(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Simulated(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::System(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Simulated(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::System(stream) => Pin::new(stream).poll_flush(cx),
            Self::Simulated(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::System(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Simulated(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

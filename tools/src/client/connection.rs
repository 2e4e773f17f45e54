//! A connection without a session: frames in, bytes out. [`Client`](super::Client) logs in on one; tests use it raw.

use std::io;
use std::time::Duration;

use proto::decoder::MAX_CLIENT_FRAME;
use proto::{Body, Decoder, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use super::address::Address;
use super::error::{CloseReason, ConnectError, ReceiveError};
use super::socket::{Socket, dial};
use super::stream::Stream;

/// How long one address may take to accept.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes that one read takes at most.
pub(super) const READ_SIZE: usize = 16 * 1024;

/// A connection to a msg_server, over TCP or WebSocket, cut into frames. Refuses frames above 400 KiB, as stock clients do.
#[derive(Debug)]
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) decoder: Decoder,
}

impl Connection {
    /// Connects to the first address that accepts; each has 5 s. Cancel-safe.
    pub async fn connect(address: &Address) -> Result<Self, ConnectError> {
        let mut tried = Vec::new();
        let mut refused = None;
        for host in address.hosts() {
            tried.push(format!("{host}:{}", address.port));
            let opening = Stream::open(host, address);
            match tokio::time::timeout(CONNECT_DEADLINE, opening).await {
                Ok(Ok(stream)) => return Ok(Self::over(stream)),
                Ok(Err(error)) => refused = Some(error),
                Err(_) => {}
            }
        }
        let tried = tried.join(" or ");
        Err(match refused {
            Some(source) => ConnectError::Refused { tried, source },
            None => ConnectError::Deadline {
                tried,
                after: CONNECT_DEADLINE,
            },
        })
    }

    /// Connects to a socket address over TCP, without a deadline of its own.
    pub async fn open(to: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::on(dial(to).await?))
    }

    /// Takes a connected stream over: one from an address or with buffers of one's own choice.
    pub fn on(stream: TcpStream) -> Self {
        Self::over(Stream::Direct(Socket::Plain(stream)))
    }

    fn over(stream: Stream) -> Self {
        Self {
            stream,
            decoder: Decoder::new(MAX_CLIENT_FRAME),
        }
    }

    /// Sends bytes as they are, frame or not. Not cancel-safe: part of them may have left.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a frame. Not cancel-safe.
    pub async fn send_pdu(&mut self, pdu: &Pdu) -> io::Result<()> {
        self.send(&pdu.to_frame()).await
    }

    /// Sends a message in a frame with that number. Not cancel-safe.
    pub async fn send_message<M: Body>(&mut self, message: &M, seq_num: u16) -> io::Result<()> {
        self.send_pdu(&Pdu::new(message, seq_num)).await
    }

    /// The next frame. Cancel-safe: bytes of an incomplete frame stay in the decoder.
    pub async fn next(&mut self) -> Result<Pdu, CloseReason> {
        loop {
            if let Some(pdu) = self.decoder.next_pdu()? {
                return Ok(pdu);
            }
            let mut buffer = [0; READ_SIZE];
            match self.stream.read(&mut buffer).await {
                Ok(0) => return Err(CloseReason::Server),
                Ok(length) => self.decoder.extend(&buffer[..length]),
                Err(error) => return Err(CloseReason::Io(error.to_string())),
            }
        }
    }

    /// The next frame, if it comes within `deadline`. Cancel-safe.
    pub async fn receive(&mut self, deadline: Duration) -> Result<Pdu, ReceiveError> {
        match tokio::time::timeout(deadline, self.next()).await {
            Ok(Ok(pdu)) => Ok(pdu),
            Ok(Err(reason)) => Err(ReceiveError::Closed(reason)),
            Err(_) => Err(ReceiveError::Deadline(deadline)),
        }
    }

    /// Reads until the server closes, which is due within `deadline`; gives the frames that came before.
    ///
    /// A reset counts as closing: it is what a server does that closes with unread bytes.
    pub async fn expect_close(&mut self, deadline: Duration) -> Result<Vec<Pdu>, ReceiveError> {
        let mut frames = Vec::new();
        let reading = async {
            loop {
                match self.next().await {
                    Ok(pdu) => frames.push(pdu),
                    Err(reason) => return reason,
                }
            }
        };
        match tokio::time::timeout(deadline, reading).await {
            Ok(CloseReason::Server | CloseReason::Io(_)) => Ok(frames),
            Ok(reason) => Err(ReceiveError::Closed(reason)),
            Err(_) => Err(ReceiveError::Deadline(deadline)),
        }
    }
}

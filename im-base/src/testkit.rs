//! For tests of this crate and of those above it: a peer that says exactly what it is told to.

use std::time::Duration;

use proto::decoder::MAX_SERVER_FRAME;
use proto::{Body, Decoder, Pdu};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Generous: it is only reached when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The other end of a connection, frame by frame. Its methods panic when what they wait for does not come: it is for
/// tests.
pub struct TestPeer<IO> {
    io: IO,
    decoder: Decoder,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> TestPeer<IO> {
    /// Takes over a stream.
    pub fn new(io: IO) -> Self {
        Self {
            io,
            decoder: Decoder::new(MAX_SERVER_FRAME),
        }
    }

    /// Sends any bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.io
            .write_all(bytes)
            .await
            .expect("the connection takes bytes");
    }

    /// Sends a message.
    pub async fn send<M: Body>(&mut self, message: &M, seq_num: u16) {
        self.send_bytes(&Pdu::new(message, seq_num).to_frame())
            .await;
    }

    /// The next frame; `None` when the connection was closed.
    pub async fn receive(&mut self) -> Option<Pdu> {
        let mut buffer = vec![0; 4096];
        loop {
            if let Some(pdu) = self.decoder.next_pdu().expect("well-formed frames") {
                return Some(pdu);
            }
            let read = timeout(PATIENCE, self.io.read(&mut buffer))
                .await
                .expect("something arrives in time");
            match read {
                Ok(count) if count > 0 => self.decoder.extend(&buffer[..count]),
                _ => return None,
            }
        }
    }

    /// The next frame that is an `M`; others are passed over.
    pub async fn expect<M: Body>(&mut self) -> (M, u16) {
        loop {
            let pdu = self.receive().await.expect("a frame before the end");
            if pdu.command() == M::ID {
                return (pdu.decode().expect("a readable body"), pdu.seq_num());
            }
        }
    }

    /// Waits for the end, passing over what still comes.
    pub async fn expect_close(&mut self) {
        while self.receive().await.is_some() {}
    }
}

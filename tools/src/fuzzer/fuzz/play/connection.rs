//! One connection of a script: bytes out, marks in.

use std::io;
use std::time::Duration;

use socket2::{Domain, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::ids::Ids;
use super::seen::{Ending, Mark, Seen};
use super::unwrap::Unwrap;
use crate::client::Socket;
use crate::fuzzer::fuzz::dialect::Dialect;
use crate::fuzzer::fuzz::target::Target;

/// How long a write may be blocked.
const WRITE: Duration = Duration::from_millis(500);

/// So long nothing comes behind the last answer: the answers are through.
const LULL: Duration = Duration::from_millis(4);

/// Bytes read at once.
const READ_SIZE: usize = 16 * 1024;

/// What one reading takes at most, in bytes: a target that talks without end does not stop the run.
const MOST_READ: usize = 16 * 1024 * 1024;

pub(super) struct Connection {
    stream: Socket,
    unwrap: Unwrap,
}

/// Connects, with the smallest receive buffer if it is to be `narrow`, and shakes hands if the port is one for TLS.
pub(super) async fn dial(target: &Target, narrow: bool) -> io::Result<Socket> {
    let to = target.address;
    let socket = socket2::Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if narrow {
        socket.set_recv_buffer_size(1)?;
    }
    socket.set_nonblocking(true)?;
    let socket = TcpSocket::from_std_stream(socket.into());
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    match &target.seal {
        Some(seal) => Socket::seal(stream, &seal.host, &seal.trust).await,
        None => Ok(Socket::Plain(stream)),
    }
}

impl Connection {
    pub(super) fn new(stream: Socket, dialect: Dialect) -> Self {
        Self {
            stream,
            unwrap: Unwrap::new(dialect),
        }
    }

    /// Writes; an error without an ending leaves the connection to be read.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Option<Ending>> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(WRITE, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(Ending::NotTaken)),
        }
    }

    /// Reads for `most`, or until `enough` is among what came, or until a lull behind something that came. The
    /// ending, if it ended.
    pub(super) async fn read(
        &mut self,
        seen: &mut Seen,
        ids: &Ids,
        most: Duration,
        enough: impl Fn(&Mark) -> bool,
    ) -> Option<Ending> {
        let end = Instant::now() + most;
        let mut wait = end;
        let mut total = 0;
        let mut buffer = vec![0; READ_SIZE];
        while total < MOST_READ {
            let length = match timeout_at(wait, self.stream.read(&mut buffer)).await {
                Err(_) => return None,
                Ok(Ok(0)) => return Some(Ending::Closed),
                Ok(Err(_)) => return Some(Ending::Reset),
                Ok(Ok(length)) => length,
            };
            total += length;
            seen.bytes_received += length as u64;
            let mut satisfied = false;
            let taken = self.unwrap.take(&buffer[..length], ids, &mut |mark| {
                satisfied |= enough(&mark);
                seen.mark(mark);
            });
            if let Err(garbled) = taken {
                seen.garbled.get_or_insert(garbled);
                return Some(Ending::Garbled);
            }
            if satisfied {
                return None;
            }
            wait = end.min(Instant::now() + LULL);
        }
        None
    }

    /// Says that nothing more is written.
    pub(super) async fn half_close(&mut self) {
        // It may be gone already.
        drop(timeout(WRITE, self.stream.shutdown()).await);
    }

    /// Closes with a reset, or without a trace where the target has closed: no port is kept waiting.
    pub(super) fn reset(self) {
        // Inside TLS the connection is closed as it is.
        if let Socket::Plain(stream) = &self.stream {
            drop(stream.set_zero_linger());
        }
    }
}

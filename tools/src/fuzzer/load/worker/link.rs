//! One connection's socket and the bytes that wait on both sides of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use proto::Header;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::header::HEADER_LEN;
use socket2::{Domain, Protocol, Socket, Type};

/// A non-blocking TCP connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    /// The beginning of a frame whose rest has not come.
    pub(super) input: Vec<u8>,
    /// What the socket has not taken.
    pub(super) output: Vec<u8>,
    written: usize,
    /// Being writable is watched.
    pub(super) watched: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(usize),
    Nothing,
    End,
}

impl Link {
    /// Begins to connect.
    pub(super) fn dial(to: SocketAddr, from: Option<Ipv4Addr>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            stream: socket.into(),
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            watched: true,
        })
    }

    /// Whether the connection was made.
    pub(super) fn dialled(&self) -> io::Result<()> {
        self.stream.take_error()?.map_or(Ok(()), Err)
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once. An error is the connection's end.
    pub(super) fn receive(&mut self, into: &mut [u8]) -> io::Result<Received> {
        match self.stream.read(into) {
            Ok(0) => Ok(Received::End),
            Ok(length) => Ok(Received::Bytes(length)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Received::Nothing),
                _ => Err(error),
            },
        }
    }

    /// Writes what there is; false if the socket did not take all.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }
}

/// Linux's number of "operation now in progress".
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// The frame at the beginning of `bytes`, and its length; `None` when it is not whole. An error is a length that no frame has.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(Header, &[u8])>, u32> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let header = Header::parse(header);
    if (header.length as usize) < HEADER_LEN || header.length > MAX_CLIENT_FRAME {
        return Err(header.length);
    }
    let body = bytes.get(HEADER_LEN..header.length as usize);
    Ok(body.map(|body| (header, body)))
}

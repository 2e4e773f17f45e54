//! One connection's socket and the bytes that wait on both sides of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use im_base::net::tls::Engine;
use proto::Header;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::header::HEADER_LEN;
use socket2::{Domain, Protocol, Socket, Type};

/// A non-blocking TCP connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    tls: Option<Box<Tls>>,
    /// The beginning of a frame whose rest has not come.
    pub(super) input: Vec<u8>,
    /// What the socket has not taken.
    pub(super) output: Vec<u8>,
    written: usize,
    /// Being writable is watched.
    pub(super) watched: bool,
}

/// A connection's end of TLS.
#[derive(Debug)]
struct Tls {
    engine: Engine,
    /// Encrypted, on its way to the socket.
    sealed: Vec<u8>,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(usize),
    Nothing,
    End,
}

impl Link {
    /// Begins to connect; `tls` is an end of TLS with its first words.
    pub(super) fn dial(
        to: SocketAddr,
        from: Option<Ipv4Addr>,
        tls: Option<(Engine, Vec<u8>)>,
    ) -> io::Result<Self> {
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
            tls: tls.map(|(engine, sealed)| Box::new(Tls { engine, sealed })),
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
        // Inside TLS the end of an earlier record may come out with it.
        let room = match self.tls {
            Some(_) => into.len() / 2,
            None => into.len(),
        };
        match self.stream.read(&mut into[..room]) {
            Ok(0) => Ok(Received::End),
            Ok(length) => match &mut self.tls {
                Some(tls) => tls.open(into, length),
                None => Ok(Received::Bytes(length)),
            },
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Received::Nothing),
                _ => Err(error),
            },
        }
    }

    /// Whether the handshake has something to say, or what waited for it can go.
    pub(super) fn has_to_flush(&self) -> bool {
        let waits = |tls: &Tls| tls.engine.is_established() && !self.output.is_empty();
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| !tls.sealed.is_empty() || waits(tls))
    }

    /// Writes what there is; false if the socket did not take all. What waits for a handshake is kept.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let output = match &mut self.tls {
            None => &mut self.output,
            Some(tls) => {
                if tls.engine.is_established() && !self.output.is_empty() {
                    tls.engine.encrypt(&self.output, &mut tls.sealed)?;
                    self.output.clear();
                }
                &mut tls.sealed
            }
        };
        while self.written < output.len() {
            match self.stream.write(&output[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        output.clear();
        self.written = 0;
        Ok(true)
    }
}

impl Tls {
    /// Takes what was read to the front of `bytes`, and puts what was in it in its place.
    fn open(&mut self, bytes: &mut [u8], length: usize) -> io::Result<Received> {
        let mut plain = Vec::new();
        let put = |piece: &[u8]| plain.extend_from_slice(piece);
        self.engine
            .receive(&mut bytes[..length], put, &mut self.sealed)?;
        // What the other side says is its last word is followed by the connection's end.
        let room = bytes.get_mut(..plain.len());
        let room = room.ok_or(ErrorKind::OutOfMemory)?;
        room.copy_from_slice(&plain);
        Ok(match plain.len() {
            0 => Received::Nothing,
            length => Received::Bytes(length),
        })
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

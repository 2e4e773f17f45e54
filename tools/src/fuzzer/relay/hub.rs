//! Connections of one process, polled by one thread: what is read is handed to the process frame by frame, what the
//! process queues leaves in one write for each connection once everything that was ready has been read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use proto::header::Header;

use super::frames;

/// Which connection; a number is used again after its connection ended.
pub(super) type Id = usize;

/// What a process does with frames.
pub(super) trait Relaying {
    /// Somebody has connected.
    fn accepted(&mut self, connections: &mut Connections, id: Id);

    /// A frame has come.
    fn frame(&mut self, connections: &mut Connections, id: Id, header: Header, frame: &[u8]);

    /// A connection has ended.
    fn ended(&mut self, id: Id);
}

/// Bytes of one read.
const READ_SIZE: usize = 256 * 1024;

/// Bytes that wait for a connection's reader; beyond it the connection is closed.
const MAX_UNSENT: usize = 64 * 1024 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// The connections, to write to.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: Vec<Option<Connection>>,
    free: Vec<Id>,
    /// Those with something to write.
    dirty: Vec<Id>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The beginning of a frame whose rest has not come.
    rest: Vec<u8>,
    unsent: Vec<u8>,
    is_dirty: bool,
}

impl Connections {
    fn add(&mut self, stream: TcpStream) -> Id {
        let connection = Some(Connection {
            stream,
            rest: Vec::new(),
            unsent: Vec::new(),
            is_dirty: false,
        });
        match self.free.pop() {
            Some(id) => {
                self.slots[id] = connection;
                id
            }
            None => {
                self.slots.push(connection);
                self.slots.len() - 1
            }
        }
    }

    /// Queues bytes for a connection, if it is still there.
    pub(super) fn send(&mut self, id: Id, bytes: &[u8]) {
        if let Some(Some(connection)) = self.slots.get_mut(id) {
            connection.unsent.extend_from_slice(bytes);
            if !connection.is_dirty {
                connection.is_dirty = true;
                self.dirty.push(id);
            }
        }
    }
}

/// The poll loop.
#[derive(Debug)]
pub(super) struct Hub {
    poll: Poll,
    listener: TcpListener,
    connections: Connections,
}

impl Hub {
    pub(super) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: Connections::default(),
        })
    }

    /// Connects to another process; waits until it is.
    pub(super) fn connect(&mut self, address: SocketAddr) -> io::Result<Id> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        self.add(TcpStream::from_std(stream))
    }

    fn add(&mut self, mut stream: TcpStream) -> io::Result<Id> {
        stream.set_nodelay(true)?;
        let id = self.connections.slots.len();
        let id = self.connections.free.last().copied().unwrap_or(id);
        self.poll.registry().register(
            &mut stream,
            Token(id),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(self.connections.add(stream))
    }

    /// Runs for ever; an error is the poll's own.
    pub(super) fn run(mut self, relaying: &mut impl Relaying) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut input = vec![0; READ_SIZE];
        let mut ended = Vec::new();
        loop {
            self.flush(&mut ended);
            self.end(&mut ended, relaying);
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept(relaying)?;
                    continue;
                }
                let Token(id) = event.token();
                if event.is_writable() {
                    self.write(id, &mut ended);
                }
                if event.is_readable() && self.read(id, &mut input, relaying).is_err() {
                    ended.push(id);
                }
            }
        }
    }

    fn accept(&mut self, relaying: &mut impl Relaying) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, address)) => match self.add(stream) {
                    Ok(id) => relaying.accepted(&mut self.connections, id),
                    Err(error) => eprintln!("relay: {address} is turned away: {error}"),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads until nothing is left. An error when the connection is over.
    fn read(&mut self, id: Id, input: &mut [u8], relaying: &mut impl Relaying) -> Result<(), Over> {
        loop {
            let Some(Some(connection)) = self.connections.slots.get_mut(id) else {
                return Ok(());
            };
            let kept = connection.rest.len();
            let read = if kept == 0 {
                connection.stream.read(input)
            } else {
                let have = &mut input[..kept];
                have.copy_from_slice(&connection.rest);
                connection.stream.read(&mut input[kept..])
            };
            let length = match read {
                Ok(0) => return Err(Over),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Err(Over),
            };
            connection.rest.clear();
            let mut bytes = &input[..kept + length];
            while let Some((header, frame)) = frames::first(bytes).map_err(|_| Over)? {
                bytes = &bytes[frame.len()..];
                relaying.frame(&mut self.connections, id, header, frame);
            }
            if let Some(Some(connection)) = self.connections.slots.get_mut(id) {
                connection.rest.extend_from_slice(bytes);
            }
            if bytes.len() > input.len() / 2 {
                return Err(Over);
            }
            // less than there was room for: nothing more is there
            if kept + length < input.len() {
                return Ok(());
            }
        }
    }

    fn flush(&mut self, ended: &mut Vec<Id>) {
        let mut dirty = std::mem::take(&mut self.connections.dirty);
        for id in dirty.drain(..) {
            if let Some(Some(connection)) = self.connections.slots.get_mut(id) {
                connection.is_dirty = false;
            }
            self.write(id, ended);
        }
        self.connections.dirty = dirty;
    }

    fn write(&mut self, id: Id, ended: &mut Vec<Id>) {
        let Some(Some(connection)) = self.connections.slots.get_mut(id) else {
            return;
        };
        let mut written = 0;
        while written < connection.unsent.len() {
            match connection.stream.write(&connection.unsent[written..]) {
                Ok(0) => break,
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // the poll says when there is room
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    ended.push(id);
                    return;
                }
            }
        }
        connection.unsent.drain(..written);
        if connection.unsent.len() > MAX_UNSENT {
            ended.push(id);
        }
    }

    fn end(&mut self, ended: &mut Vec<Id>, relaying: &mut impl Relaying) {
        for id in ended.drain(..) {
            if let Some(slot) = self.connections.slots.get_mut(id)
                && slot.take().is_some()
            {
                self.connections.free.push(id);
                relaying.ended(id);
            }
        }
    }
}

/// The other side is gone, or sends what is no frame.
struct Over;

//! One end of TLS without any I/O: bytes of the wire in, bytes for the wire out.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, Error, ServerConfig};

use super::error::TlsError;

/// What a record adds to its content: header, type and tag.
const RECORD_OVERHEAD: usize = 5 + 1 + 16;

/// The largest content of a record.
const RECORD_BYTES: usize = 16 * 1024;

/// Room for a change of keys, which may precede what is encrypted.
const KEY_UPDATE_BYTES: usize = 64;

/// One end of a TLS connection.
///
/// It keeps the keys, and of what came the beginning of a record whose rest has not come: nothing, between records. What
/// it wants sent is appended to the caller's buffer and has to be sent in that order. After an error what was appended
/// (an alert) may still be sent; nothing else is of use.
pub struct Engine {
    side: Side,
    /// The beginning of a record.
    partial: Vec<u8>,
    established: bool,
}

/// Boxed, for they are large and of different sizes.
enum Side {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What [`Engine::receive`] came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The stream goes on.
    More,
    /// The other side sends nothing more, and has said so.
    End,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("established", &self.established)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// The end that dials; `name` is whom it expects. Its first words are in `out`.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<Self, TlsError> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(TlsError)?;
        let mut engine = Self::new(Side::Client(Box::new(connection)));
        engine.receive(&mut [], |_| {}, out)?;
        Ok(engine)
    }

    /// The end that is dialled.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(config).map_err(TlsError)?;
        Ok(Self::new(Side::Server(Box::new(connection))))
    }

    fn new(side: Side) -> Self {
        Self {
            side,
            partial: Vec::new(),
            established: false,
        }
    }

    /// Whether the handshake is done, as far as this end can tell. The one that dials is done before the other one has
    /// looked at its certificate.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Takes bytes as they came, which are overwritten; hands what was in them to `plain`, in pieces.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        mut plain: impl FnMut(&[u8]),
        out: &mut Vec<u8>,
    ) -> Result<Received, TlsError> {
        if self.partial.is_empty() {
            let (used, outcome) = self.process(bytes, &mut plain, out);
            self.partial.extend_from_slice(&bytes[used..]);
            return outcome;
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        let (used, outcome) = self.process(&mut joined, &mut plain, out);
        // Its memory is given back between records: most connections are idle for most of the time.
        self.partial = joined.split_off(used);
        outcome
    }

    /// Goes on until nothing can be done without further bytes; tells how many of these are done with.
    fn process(
        &mut self,
        bytes: &mut [u8],
        plain: &mut impl FnMut(&[u8]),
        out: &mut Vec<u8>,
    ) -> (usize, Result<Received, TlsError>) {
        let mut used = 0;
        let mut received = Received::More;
        loop {
            let (discard, step) = self.turn(&mut bytes[used..], plain, out);
            used += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Ended) => received = Received::End,
                Ok(Step::Waits { established }) => {
                    self.established |= established;
                    return (used, Ok(received));
                }
                Err(error) => {
                    if !matches!(error.0, Error::AlertReceived(_)) {
                        // One turn more, for the alert that tells the other side. There is no more to be had than that.
                        let _alerted = self.turn(&mut bytes[used..], plain, out);
                    }
                    return (used, Err(error));
                }
            }
        }
    }

    fn turn(
        &mut self,
        bytes: &mut [u8],
        plain: &mut impl FnMut(&[u8]),
        out: &mut Vec<u8>,
    ) -> (usize, Result<Step, TlsError>) {
        match &mut self.side {
            Side::Client(connection) => step(connection.process_tls_records(bytes), plain, out),
            Side::Server(connection) => step(connection.process_tls_records(bytes), plain, out),
        }
    }

    /// Appends `bytes` to `out` in records. The handshake has to be done.
    pub fn encrypt(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.write(Order::Content(bytes), out)
    }

    /// Appends to `out` that nothing more will come. Says nothing before the handshake is done.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        if !self.established {
            return Ok(());
        }
        self.write(Order::Close, out)
    }

    fn write(&mut self, order: Order<'_>, out: &mut Vec<u8>) -> Result<(), TlsError> {
        let partial = &mut self.partial;
        loop {
            let written = match &mut self.side {
                Side::Client(connection) => {
                    write(connection.process_tls_records(partial).state, order, out)
                }
                Side::Server(connection) => {
                    write(connection.process_tls_records(partial).state, order, out)
                }
            };
            if written? {
                return Ok(());
            }
        }
    }
}

/// What is to be written.
#[derive(Clone, Copy)]
enum Order<'a> {
    Content(&'a [u8]),
    Close,
}

impl Order<'_> {
    /// No fewer bytes than it becomes.
    fn room(self) -> usize {
        let content = match self {
            Self::Content(bytes) => bytes.len(),
            Self::Close => 0,
        };
        let records = content.div_ceil(RECORD_BYTES) + 1;
        content + records * RECORD_OVERHEAD + KEY_UPDATE_BYTES
    }
}

/// What one turn came to.
enum Step {
    Again,
    Ended,
    Waits { established: bool },
}

fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut impl FnMut(&[u8]),
    out: &mut Vec<u8>,
) -> (usize, Result<Step, TlsError>) {
    let mut discard = status.discard;
    let step = match status.state {
        Err(error) => Err(TlsError(error)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                None => break Ok(Step::Again),
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain(record.payload);
                }
                Some(Err(error)) => break Err(TlsError(error)),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            encode(out, |room| data.encode(room)).map(|()| Step::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is in `out`, in its place.
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::Ended),
        Ok(ConnectionState::WriteTraffic(_) | ConnectionState::Closed) => {
            Ok(Step::Waits { established: true })
        }
        Ok(ConnectionState::BlockedHandshake) => Ok(Step::Waits { established: false }),
        // Early data is not asked for, and further states are not known of.
        Ok(_) => Err(TlsError(Error::General("unknown state".to_owned()))),
    };
    (discard, step)
}

/// Whether it is written; otherwise something had to go before it, and it is to be tried again.
fn write<Data>(
    state: Result<ConnectionState<'_, '_, Data>, Error>,
    order: Order<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, TlsError> {
    match state.map_err(TlsError)? {
        ConnectionState::WriteTraffic(mut traffic) => {
            let before = out.len();
            out.resize(before + order.room(), 0);
            let room = &mut out[before..];
            let written = match order {
                Order::Content(bytes) => traffic.encrypt(bytes, room),
                Order::Close => traffic.queue_close_notify(room),
            };
            out.truncate(before + *written.as_ref().unwrap_or(&0));
            match written {
                Ok(_) => Ok(true),
                Err(EncryptError::InsufficientSize(wanted)) => {
                    let problem = format!("a record needs {} bytes", wanted.required_size);
                    Err(TlsError(Error::General(problem)))
                }
                Err(EncryptError::EncryptExhausted) => Err(TlsError(Error::EncryptError)),
            }
        }
        ConnectionState::EncodeTlsData(mut data) => {
            encode(out, |room| data.encode(room)).map(|()| false)
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(false)
        }
        // Everything else was dealt with when it came.
        _ => Err(TlsError(Error::HandshakeNotComplete)),
    }
}

fn encode(
    out: &mut Vec<u8>,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), TlsError> {
    let before = out.len();
    match encode(&mut []) {
        Ok(_) => Ok(()),
        Err(EncodeError::InsufficientSize(wanted)) => {
            out.resize(before + wanted.required_size, 0);
            let encoded = encode(&mut out[before..]);
            out.truncate(before + *encoded.as_ref().unwrap_or(&0));
            encoded
                .map(drop)
                .map_err(|error| TlsError(Error::General(error.to_string())))
        }
        Err(error) => Err(TlsError(Error::General(error.to_string()))),
    }
}

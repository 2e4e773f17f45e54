//! Accepting connections, within limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use metrics::{Gauge, counter, gauge};
use parking_lot::Mutex;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::connection::CloseReason;
use super::socket::{TcpListener, TcpStream, listen};
use super::stream::Stream;
use super::tls::Acceptor;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::{
    CONNECTIONS, CONNECTIONS_ACCEPTED, CONNECTIONS_CLOSED, CONNECTIONS_REFUSED, TLS_HANDSHAKES,
};

/// Wait after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a handshake may take. A stranger who needs longer gives his place back.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections a listener has at once.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
}

impl ConnectionLimits {
    /// As many as the system allows.
    pub const NONE: Self = Self {
        total: usize::MAX,
        per_address: usize::MAX,
    };
}

/// Binds a TCP listener. The error names the address and, where it is known, the mend.
pub async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    let resolved = tokio::net::lookup_host(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot resolve the listen address {address:?}: {error}"))?
        .next()
        .ok_or_else(|| anyhow::anyhow!("the listen address {address:?} resolves to nothing"))?;
    listen(resolved).await.map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another process has it: stop that one or choose another port"
            }
            io::ErrorKind::PermissionDenied => {
                "; ports below 1024 need a privilege: choose a higher one"
            }
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        anyhow::anyhow!("cannot listen on {address}: {error}{mend}")
    })
}

/// Accepts until the drain stage; each connection is one session task that runs `serve`, behind the handshake if the
/// listener is one for TLS. `name` labels the metrics. Listeners that are given the same [`Places`] share its limits.
pub fn accept<F>(
    listener: TcpListener,
    name: &'static str,
    places: impl Into<Places>,
    tls: Option<Acceptor>,
    shutdown: &Shutdown,
    serve: impl Fn(Stream, SocketAddr) -> F + Send + Sync + 'static,
) where
    F: Future<Output = CloseReason> + Send + 'static,
{
    let shutdown = shutdown.clone();
    let serve = Arc::new(serve);
    let (places, open) = (places.into(), gauge!(CONNECTIONS, "listener" => name));
    shutdown.clone().background().spawn(name, async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.draining() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(listener = name, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let place = match places.take(peer.ip(), &open) {
                Ok(place) => place,
                Err(reason) => {
                    counter!(CONNECTIONS_REFUSED, "listener" => name, "reason" => reason)
                        .increment(1);
                    debug!(listener = name, %peer, reason, "connection refused");
                    continue;
                }
            };
            counter!(CONNECTIONS_ACCEPTED, "listener" => name).increment(1);
            if let Err(error) = stream.set_nodelay(true) {
                debug!(listener = name, %peer, %error, "connection broke at once");
                continue;
            }
            let serve = serve.clone();
            let handshake = tls.clone().map(|tls| (tls, shutdown.clone()));
            shutdown.sessions().spawn(name, async move {
                let secured = match handshake {
                    None => Ok(Stream::Plain(stream)),
                    // Boxed, so that what only a handshake needs is given back with it.
                    Some((tls, ending)) => Box::pin(secure(stream, tls, name, peer, ending)).await,
                };
                let reason = match secured {
                    // Boxed: awaited by value it would be held twice, for as long as the connection lives.
                    Ok(stream) => Box::pin(serve(stream, peer)).await,
                    Err(reason) => reason,
                };
                counter!(CONNECTIONS_CLOSED, "listener" => name, "reason" => reason.0).increment(1);
                debug!(listener = name, %peer, ?reason, "connection closed");
                drop(place);
            });
        }
    });
}

/// Shakes hands, within a time limit and until the drain stage.
async fn secure(
    stream: TcpStream,
    tls: Acceptor,
    name: &'static str,
    peer: SocketAddr,
    ending: Shutdown,
) -> Result<Stream, CloseReason> {
    let outcome = async {
        let mut stream = tls.accept(stream)?;
        stream.handshake().await?;
        Ok(stream)
    };
    let outcome: io::Result<_> = tokio::select! {
        outcome = timeout(HANDSHAKE_TIMEOUT, outcome) => {
            outcome.unwrap_or_else(|_| Err(io::Error::other(CloseReason::TOO_SLOW)))
        }
        () = ending.draining() => return Err(CloseReason::SHUTDOWN),
    };
    let reason = outcome.as_ref().err().map(CloseReason::from);
    let word = reason.map_or("ok", |reason| reason.0);
    counter!(TLS_HANDSHAKES, "port" => name, "outcome" => word).increment(1);
    outcome
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| {
            debug!(listener = name, %peer, %error, "handshake failed");
            CloseReason::from(&error)
        })
}

/// Counts connections, in all and by address. Clones count together.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

/// The lock is held for a look into a map, when a connection comes or goes.
struct Shared {
    limits: ConnectionLimits,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place; gone with the connection.
struct Place {
    places: Places,
    address: IpAddr,
    open: Gauge,
}

impl From<ConnectionLimits> for Places {
    fn from(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            taken: Mutex::default(),
        }))
    }
}

impl Places {
    /// A place, or the reason why there is none.
    fn take(&self, address: IpAddr, open: &Gauge) -> Result<Place, &'static str> {
        let limits = self.0.limits;
        let mut taken = self.0.taken.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.total >= limits.total {
            return Err("too_many");
        }
        if here >= limits.per_address {
            return Err("too_many_from_address");
        }
        taken.total += 1;
        *taken.by_address.entry(address).or_default() += 1;
        open.increment(1);
        Ok(Place {
            places: self.clone(),
            address,
            open: open.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.taken.lock();
        taken.total -= 1;
        if let Entry::Occupied(mut here) = taken.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
        self.open.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_back() {
        let places = Places::from(ConnectionLimits {
            total: 3,
            per_address: 2,
        });
        let open = gauge!("of_this_test");
        let take = |address| places.take(address, &open);
        let [one, two, three]: [IpAddr; 3] = [
            [127, 0, 0, 1].into(),
            [127, 0, 0, 2].into(),
            [127, 0, 0, 3].into(),
        ];
        let first = take(one).ok().unwrap();
        let _second = take(one).ok().unwrap();
        assert_eq!(take(one).err(), Some("too_many_from_address"));
        let _third = take(two).ok().unwrap();
        assert_eq!(take(three).err(), Some("too_many"));
        drop(first);
        assert!(take(three).is_ok());
        assert_eq!(places.0.taken.lock().by_address.len(), 2);
    }
}

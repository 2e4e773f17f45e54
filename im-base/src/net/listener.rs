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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tracing::{debug, warn};

use super::connection::CloseReason;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::{
    CONNECTIONS, CONNECTIONS_ACCEPTED, CONNECTIONS_CLOSED, CONNECTIONS_REFUSED,
};

const BACKLOG: u32 = 4096;

/// Wait after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    listen(resolved).map_err(|error| {
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted process takes its port again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the drain stage; each connection is one session task that runs `serve`. `name` labels the metrics.
pub fn accept<F>(
    listener: TcpListener,
    name: &'static str,
    limits: ConnectionLimits,
    shutdown: &Shutdown,
    serve: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static,
) where
    F: Future<Output = CloseReason> + Send + 'static,
{
    let shutdown = shutdown.clone();
    let places = Places::new(name, limits);
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
            let Some(place) = places.take(peer.ip()) else {
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                debug!(listener = name, %peer, %error, "connection broke at once");
                continue;
            }
            // Boxed: awaited by value it would be held twice, for as long as the connection lives.
            let served = Box::pin(serve(stream, peer));
            shutdown.sessions().spawn(name, async move {
                let reason = served.await;
                counter!(CONNECTIONS_CLOSED, "listener" => name, "reason" => reason.0).increment(1);
                debug!(listener = name, %peer, ?reason, "connection closed");
                drop(place);
            });
        }
    });
}

/// Counts connections, in all and by address.
struct Places {
    name: &'static str,
    limits: ConnectionLimits,
    taken: Mutex<Taken>,
    open: Gauge,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place; gone with the connection.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn new(name: &'static str, limits: ConnectionLimits) -> Arc<Self> {
        let open = gauge!(CONNECTIONS, "listener" => name);
        Arc::new(Self {
            name,
            limits,
            taken: Mutex::default(),
            open,
        })
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        let refusal = if taken.total >= self.limits.total {
            Some("too_many")
        } else if here >= self.limits.per_address {
            Some("too_many_from_address")
        } else {
            None
        };
        if let Some(reason) = refusal {
            drop(taken);
            counter!(CONNECTIONS_REFUSED, "listener" => self.name, "reason" => reason).increment(1);
            debug!(listener = self.name, %address, reason, "connection refused");
            return None;
        }
        taken.total += 1;
        *taken.by_address.entry(address).or_default() += 1;
        counter!(CONNECTIONS_ACCEPTED, "listener" => self.name).increment(1);
        self.open.increment(1);
        Some(Place {
            places: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.total -= 1;
        if let Entry::Occupied(mut here) = taken.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
        self.places.open.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_back() {
        let places = Places::new(
            "test",
            ConnectionLimits {
                total: 3,
                per_address: 2,
            },
        );
        let [one, two, three]: [IpAddr; 3] = [
            [127, 0, 0, 1].into(),
            [127, 0, 0, 2].into(),
            [127, 0, 0, 3].into(),
        ];
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_none(), "two from one address");
        let _third = places.take(two).unwrap();
        assert!(places.take(three).is_none(), "three in all");
        drop(first);
        assert!(places.take(three).is_some());
        assert_eq!(places.taken.lock().by_address.len(), 2);
    }
}

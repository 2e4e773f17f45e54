//! The sockets that everything else is built on: the system's, or those of a simulated network.
//!
//! Without the feature `simulation` the names here are tokio's own types and cost nothing. With it a socket is made of the
//! kind that belongs to where it is made: inside a simulated network a simulated one, anywhere else the system's, so that
//! other tests of the same build notice nothing.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

#[cfg(feature = "simulation")]
mod simulated;

#[cfg(feature = "simulation")]
pub use simulated::{TcpListener, TcpStream};
#[cfg(not(feature = "simulation"))]
pub use tokio::net::{TcpListener, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Connects to `host:port`. Frames leave at once; nothing is held back to fill a packet. Dropping the future gives up the
/// attempt.
pub async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Listens on an address; port 0 lets the system choose.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    #[cfg(feature = "simulation")]
    if turmoil::in_simulation() {
        return TcpListener::simulated(address).await;
    }
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted process takes its port again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    #[cfg(feature = "simulation")]
    let listener = TcpListener::System(listener);
    Ok(listener)
}

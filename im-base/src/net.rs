//! Connections: accepting them, framing, writing, limits in time and space.

pub mod connection;
pub mod http;
pub mod listener;
pub mod outbox;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod transport;
pub mod ws;

pub use connection::{CloseReason, Connection, Pace};
pub use outbox::Outbox;
pub use stream::Stream;
pub use transport::Transport;

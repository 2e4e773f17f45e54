//! TLS 1.3 around a connection: of clients, and of our own processes among each other.
//!
//! rustls does the cryptography and keeps no buffers of its own here ([`Engine`]); [`TlsStream`] is a stream around one.
//! [`Acceptor`] and [`Dialer`] are the two ends' configuration, read from files and again when those change.
//!
//! Absent on purpose: TLS 1.2, session tickets and early data. A connection always proves anew who it is, so that a
//! certificate that was revoked is of no use from then on.

mod acceptor;
mod engine;
mod error;
mod expiry;
mod files;
mod stream;
mod watch;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};

pub use acceptor::{Acceptor, Dialer, Links};
pub use engine::{Engine, Received};
pub use error::TlsError;
pub use stream::TlsStream;

/// The cipher suites of TLS 1.3, the one that costs least first.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..ring::default_provider()
    })
}

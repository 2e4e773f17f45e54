//! A small HTTP listener for the admin port and for clients' first question.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tracing::debug;

use super::connection::CloseReason;
use super::listener::{ConnectionLimits, accept};
use crate::shutdown::Shutdown;

/// A request that is not complete by then is not waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of request line and headers; the smallest buffer hyper takes.
const MAX_HEAD: usize = 8 * 1024;

/// A connection that is still open then is closed: one request and its answer take no longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves `router` until the drain stage: one request per connection, HTTP/1.1, slow and large requests cut off.
pub fn serve(
    listener: TcpListener,
    name: &'static str,
    limits: ConnectionLimits,
    shutdown: &Shutdown,
    router: Router,
) {
    accept(listener, name, limits, shutdown, move |stream, peer| {
        let service = TowerToHyperService::new(router.clone());
        async move {
            let connection = http1::Builder::new()
                .keep_alive(false)
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
                Ok(Ok(())) => CloseReason::PEER_CLOSED,
                Ok(Err(error)) => {
                    debug!(listener = name, %peer, %error, "request failed");
                    CloseReason::BROKEN
                }
                Err(_) => CloseReason::TOO_SLOW,
            }
        }
    });
}

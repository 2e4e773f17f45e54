//! A small HTTP listener for the admin port and for clients' first question.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tracing::debug;

use super::connection::CloseReason;
use super::listener::{Places, accept};
use super::socket::TcpListener;
use super::tls::Acceptor;
use crate::shutdown::Shutdown;

/// A request that is not complete by then is not waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of request line and headers; the smallest buffer hyper takes.
const MAX_HEAD: usize = 8 * 1024;

/// A connection that is still open then is closed: one request and its answer take no longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that is no HTTP: of something else that came to this port.
const BAD_REQUEST: CloseReason = CloseReason("bad_request");

/// Serves `router` until the drain stage, over TLS if there is an acceptor: one request per connection, HTTP/1.1, slow and large requests cut off. A
/// request that has arrived by then is still answered; a connection that has not asked yet is closed.
pub fn serve(
    listener: TcpListener,
    name: &'static str,
    limits: impl Into<Places>,
    tls: Option<Acceptor>,
    shutdown: &Shutdown,
    router: Router,
) {
    let ending = shutdown.clone();
    accept(
        listener,
        name,
        limits,
        tls,
        shutdown,
        move |stream, peer| {
            let router = TowerToHyperService::new(router.clone());
            let asked = Arc::new(AtomicBool::new(false));
            let service = service_fn({
                let asked = asked.clone();
                move |request| {
                    asked.store(true, Ordering::Relaxed);
                    router.call(request)
                }
            });
            let ending = ending.clone();
            let unasked_at_drain = async move {
                ending.draining().await;
                if asked.load(Ordering::Relaxed) {
                    pending::<()>().await;
                }
            };
            async move {
                let connection = http1::Builder::new()
                    .keep_alive(false)
                    .timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .max_buf_size(MAX_HEAD)
                    .serve_connection(TokioIo::new(stream), service);
                let connection = tokio::time::timeout(CONNECTION_TIMEOUT, connection);
                let outcome = tokio::select! {
                    biased;
                    outcome = connection => outcome,
                    () = unasked_at_drain => return CloseReason::SHUTDOWN,
                };
                match outcome {
                    Ok(Ok(())) => CloseReason::PEER_CLOSED,
                    Ok(Err(error)) => {
                        debug!(listener = name, %peer, %error, "request failed");
                        if error.is_parse() {
                            BAD_REQUEST
                        } else {
                            CloseReason::BROKEN
                        }
                    }
                    Err(_) => CloseReason::TOO_SLOW,
                }
            }
        },
    );
}

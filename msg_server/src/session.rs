//! A client's connection: accepted, logged in, served, ended.

mod authed;
mod unauthed;

use std::sync::Arc;

use im_base::net::listener::{self, ConnectionLimits};
use tokio::net::TcpListener;

pub(crate) use authed::{Authed, Session, kick};

use crate::handlers;
use crate::server::MsgServer;

/// Accepts clients.
pub(crate) fn accept(listener: TcpListener, limits: ConnectionLimits, server: Arc<MsgServer>) {
    let router = Arc::new(handlers::client_router());
    let shutdown = server.shutdown.clone();
    listener::accept(
        listener,
        "clients",
        limits,
        &shutdown,
        move |stream, address| {
            let (server, router) = (server.clone(), router.clone());
            async move {
                // Boxed, so that what only a login needs is given back with it.
                let (mut connection, outcome) =
                    Box::pin(unauthed::run(stream, address, &server)).await;
                let reason = match outcome {
                    Ok(login) => authed::run(&mut connection, login, server, &router).await,
                    Err(reason) => reason,
                };
                connection.close(reason).await;
                reason
            }
        },
    );
}

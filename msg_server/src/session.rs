//! A client's connection: accepted, logged in, served, ended.

mod authed;
mod unauthed;

use std::sync::Arc;

use im_base::net::listener::{self, Places};
use im_base::net::socket::TcpListener;
use im_base::net::tls::Acceptor;
use im_base::net::ws::Origins;

pub(crate) use authed::{Authed, Session, kick};

use crate::handlers;
use crate::server::MsgServer;

/// What clients speak that come to a listener.
#[derive(Clone)]
pub(crate) enum Door {
    /// PDUs directly behind each other.
    Direct,
    /// PDUs in messages, from these web pages and from whatever is none.
    WebSocket(Arc<Origins>),
}

impl Door {
    /// The listener's name in metrics.
    fn name(&self, has_tls: bool) -> &'static str {
        match (self, has_tls) {
            (Self::Direct, false) => "clients",
            (Self::Direct, true) => "clients_tls",
            (Self::WebSocket(_), false) => "websocket",
            (Self::WebSocket(_), true) => "websocket_tls",
        }
    }
}

/// Accepts clients.
pub(crate) fn accept(
    listener: TcpListener,
    door: Door,
    tls: Option<Acceptor>,
    places: Places,
    server: Arc<MsgServer>,
) {
    let router = Arc::new(handlers::client_router());
    let shutdown = server.shutdown.clone();
    listener::accept(
        listener,
        door.name(tls.is_some()),
        places,
        tls,
        &shutdown,
        move |stream, address| {
            let (door, server, router) = (door.clone(), server.clone(), router.clone());
            async move {
                // Boxed, so that what only a login needs is given back with it, and what only an end needs is taken then.
                let login = Box::pin(unauthed::run(stream, &door, address, &server));
                let (mut connection, outcome) = match login.await {
                    Ok(open) => open,
                    Err(reason) => return reason,
                };
                let reason = match outcome {
                    Ok(login) => {
                        let session = Box::pin(authed::enter(&mut connection, login, server));
                        let session = session.await;
                        authed::serve(&mut connection, session, &router).await
                    }
                    Err(reason) => reason,
                };
                connection.io_mut().ending(reason);
                Box::pin(connection.close(reason)).await;
                reason
            }
        },
    );
}

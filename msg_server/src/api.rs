//! The HTTP API for back offices (PROTOCOL.md, "HTTP API"): what the system does to groups, without being anybody's
//! session.
//!
//! Every request needs the key. Every request is answered, with JSON and a status that says what became of it.

mod group;
mod key;

mod answer;
mod document;
mod request;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use im_base::dispatch::HandlerError;
use im_base::net::http;
use im_base::net::listener::ConnectionLimits;
use im_base::net::socket::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

pub(crate) use key::Key;

use crate::server::MsgServer;

/// Connections at once. Each has one request, which keeps its body of at most 1 MiB in memory.
const CONNECTIONS: ConnectionLimits = ConnectionLimits {
    total: 256,
    per_address: 256,
};

/// Requests that are carried out at once; more wait, and are refused when that takes too long.
const AT_ONCE: usize = 32;

/// What the handlers work with.
struct Api {
    server: Arc<MsgServer>,
    key: Key,
    places: Arc<Semaphore>,
}

/// Serves the API until the drain stage.
pub(crate) fn serve(listener: TcpListener, key: Key, server: Arc<MsgServer>) {
    let shutdown = server.shutdown.clone();
    let api = Api {
        server,
        key,
        places: Arc::new(Semaphore::new(AT_ONCE)),
    };
    http::serve(listener, "api", CONNECTIONS, None, &shutdown, router(api));
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/query/CreateGroup", post(group::create))
        .route("/query/ChangeMembers", post(group::change_members))
        .route("/openapi.json", get(document::show))
        .fallback(request::nothing_here)
        .method_not_allowed_fallback(request::wrong_method)
        .with_state(Arc::new(api))
}

impl Api {
    /// Carries something out, to its end even if the asker hangs up: what is stored has to be told as well.
    async fn carry_out<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, HandlerError>> + Send + 'static,
    ) -> Result<T, HandlerError> {
        const LATE: HandlerError = HandlerError::Unavailable("late");
        let begun = async {
            let place = self.places.clone().acquire_owned().await;
            let (done, outcome) = oneshot::channel();
            self.server.shutdown.sessions().spawn("api", async move {
                // Who does not wait any more does not want to know.
                let _unwanted = done.send(work.await);
                drop(place);
            });
            // Without an outcome the task panicked.
            outcome.await.unwrap_or(Err(LATE))
        };
        timeout(self.deadline(), begun).await.unwrap_or(Err(LATE))
    }

    fn deadline(&self) -> Duration {
        self.server.limits.request()
    }
}

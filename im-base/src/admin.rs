//! The port for operators: is it alive, is it ready, what does it count.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::net::http;
use crate::net::listener::ConnectionLimits;
use crate::net::socket::TcpListener;
use crate::shutdown::Shutdown;

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// A name, and whether what it names holds now.
type Condition = (&'static str, Arc<dyn Fn() -> bool + Send + Sync>);

/// What has to hold for a process to do its work.
#[derive(Clone, Default)]
pub struct Readiness {
    conditions: Vec<Condition>,
}

impl Readiness {
    /// Nothing is needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition. The name is what an operator reads when it does not hold.
    pub fn require(
        mut self,
        name: &'static str,
        holds: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push((name, Arc::new(holds)));
        self
    }

    /// The conditions that do not hold.
    pub fn missing(&self) -> Vec<&'static str> {
        self.conditions
            .iter()
            .filter(|(_, holds)| !holds())
            .map(|(name, _)| *name)
            .collect()
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: PrometheusHandle,
    shutdown: Shutdown,
}

/// Serves `/healthz`, `/readyz` and `/metrics`.
pub fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: PrometheusHandle,
    shutdown: &Shutdown,
) {
    let upkeep = (metrics.clone(), shutdown.clone());
    shutdown.background().spawn("metrics upkeep", async move {
        let (metrics, shutdown) = upkeep;
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        loop {
            tokio::select! {
                _ = tick.tick() => metrics.run_upkeep(),
                () = shutdown.stopping() => return,
            }
        }
    });
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .with_state(Admin {
            readiness,
            metrics,
            shutdown: shutdown.clone(),
        });
    http::serve(
        listener,
        "admin",
        ConnectionLimits {
            total: 64,
            per_address: 64,
        },
        shutdown,
        router,
    );
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let mut missing = admin.readiness.missing();
    if admin.shutdown.is_draining() {
        missing.push("process is draining");
    }
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("not ready: {}\n", missing.join(", ")),
    )
        .into_response()
}

async fn show_metrics(State(admin): State<Admin>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        admin.metrics.render(),
    )
        .into_response()
}

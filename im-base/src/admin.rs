//! The port for operators: is it alive, is it ready, what does it count, what became of a message.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::net::http;
use crate::net::listener::ConnectionLimits;
use crate::net::socket::TcpListener;
use crate::shutdown::Shutdown;
use crate::telemetry::trace::{self, Conversation, Record};

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

/// Serves `/healthz`, `/readyz`, `/metrics` and `/trace`.
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
        .route("/trace", get(show_trace))
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
        None,
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

/// What became of a message, as a JSON array of steps: `?conversation=single:1:2&id=5`, or `?key=` with the client's key of
/// it in hexadecimal digits.
async fn show_trace(uri: Uri) -> Response {
    match find_trace(uri.query().unwrap_or_default()) {
        Ok(records) => (
            [(header::CONTENT_TYPE, "application/json")],
            serde_json::to_string(&records).expect("numbers and constant words are JSON"),
        )
            .into_response(),
        Err(problem) => (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    }
}

fn find_trace(query: &str) -> Result<Vec<Record>, String> {
    let value = |wanted: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
    };
    if let Some(key) = value("key") {
        let key = from_hex(key).ok_or("key is to be an even number of hexadecimal digits")?;
        return Ok(trace::ring().of_key(&key));
    }
    let usage = "ask with ?conversation=single:1:2&id=5, or with ?key= and hexadecimal digits";
    let (conversation, id) = value("conversation").zip(value("id")).ok_or(usage)?;
    let conversation: Conversation = conversation
        .replace("%3A", ":")
        .parse()
        .map_err(|error: trace::BadConversation| error.to_string())?;
    let id = id.parse().map_err(|_| "id is to be a number".to_owned())?;
    Ok(trace::ring().of_message(conversation, id))
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let even = is_hex && digits.len().is_multiple_of(2) && !digits.is_empty();
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    even.then(|| pairs.map(byte).collect()).flatten()
}

//! The HTTP listener and the admin port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use im_base::admin::{self, Readiness};
use im_base::net::http;
use im_base::net::listener::{self, ConnectionLimits};
use im_base::shutdown::{Ending, Shutdown};
use im_base::telemetry::metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::PATIENCE;

/// Far less than a request may take to arrive.
const DEADLINE: Duration = Duration::from_secs(5);

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .expect("the connection ends by itself")
        .unwrap();
    answer
}

#[tokio::test]
async fn the_admin_port_tells_alive_ready_and_counted() {
    let shutdown = Shutdown::new();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let linked = Arc::new(AtomicBool::new(false));
    let seen = linked.clone();
    let readiness = Readiness::new()
        .require("sky above", || true)
        .require("link to db_proxy", move || seen.load(Ordering::Relaxed));
    admin::serve(listener, readiness, metrics::init(), &shutdown);

    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let not_ready = ask(address, "/readyz").await;
    assert!(not_ready.starts_with("HTTP/1.1 503"), "{not_ready}");
    assert!(
        not_ready.ends_with("not ready: link to db_proxy\n"),
        "{not_ready}"
    );
    linked.store(true, Ordering::Relaxed);
    assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    let counted = ask(address, "/metrics").await;
    assert!(
        counted.contains(r#"im_connections{listener="admin"} 1"#),
        "{counted}"
    );
    assert!(ask(address, "/").await.starts_with("HTTP/1.1 404"));
}

/// D-38: an answer is written to its end.
#[tokio::test]
async fn a_request_in_progress_is_answered_and_an_unasked_connection_does_not_hold_up_the_end() {
    let shutdown = Shutdown::new();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, wait) = (arrived.clone(), go_on.clone());
    let slow = async move || {
        here.notify_one();
        wait.notified().await;
        "done"
    };
    let router = Router::new().route("/slow", get(slow));
    http::serve(listener, "slow", ConnectionLimits::NONE, &shutdown, router);

    let mut unasked = TcpStream::connect(address).await.unwrap();
    let mut asked = TcpStream::connect(address).await.unwrap();
    asked
        .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    arrived.notified().await;
    let clients = async {
        assert_eq!(read_all(&mut unasked).await, "");
        go_on.notify_one();
        assert!(read_all(&mut asked).await.ends_with("done"));
    };
    let (ending, ()) = tokio::join!(shutdown.run(DEADLINE), clients);
    assert_eq!(ending, Ending::Clean);
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let shutdown = Shutdown::new();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    http::serve(
        listener,
        "heads",
        ConnectionLimits::NONE,
        &shutdown,
        Router::new(),
    );
    let answer = ask(address, &"x".repeat(100_000)).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

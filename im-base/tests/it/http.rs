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
use im_base::telemetry::trace::{self, Conversation, Step};
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
    // Those of other tests are counted with it.
    let open = counted
        .lines()
        .find_map(|line| line.strip_prefix(r#"im_connections{listener="admin"} "#));
    let open = open.and_then(|count| count.parse::<u32>().ok());
    assert!(open.is_some_and(|count| count >= 1), "{counted}");
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
    http::serve(
        listener,
        "slow",
        ConnectionLimits::NONE,
        None,
        &shutdown,
        router,
    );

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
        None,
        &shutdown,
        Router::new(),
    );
    let answer = ask(address, &"x".repeat(100_000)).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn the_admin_port_tells_what_became_of_a_message() {
    let shutdown = Shutdown::new();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    admin::serve(listener, Readiness::new(), metrics::init(), &shutdown);
    // The ring is the process's: nobody else's test writes of this conversation.
    let chat = Conversation::between(902, 901);
    let request = trace::next_request();
    let received = Step::Received {
        request,
        user: 902,
        session: 4,
        seq_num: 11,
        key: trace::key_hash(b"\x0a\xff"),
    };
    trace::note(chat, 0, received);
    trace::note(chat, 5, Step::Stored { request });
    trace::note(chat, 6, Step::Relayed { link: None });

    for query in ["conversation=single:901:902&id=5", "key=0aFF"] {
        let answer = ask(address, &format!("/trace?{query}")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        let mut steps: serde_json::Value = serde_json::from_str(body).unwrap();
        for step in steps.as_array_mut().unwrap() {
            assert!(
                step.as_object_mut()
                    .unwrap()
                    .remove("at_us")
                    .unwrap()
                    .is_u64()
            );
        }
        let wanted = serde_json::json!([
            {"conversation": "single:901:902", "id": 0, "step": "received", "request": request, "user": 902,
             "session": 4, "seq_num": 11},
            {"conversation": "single:901:902", "id": 5, "step": "stored", "request": request},
        ]);
        assert_eq!(steps, wanted, "{query}");
    }
    let unknown = ask(address, "/trace?conversation=group:901&id=1").await;
    assert!(unknown.ends_with("\r\n\r\n[]"), "{unknown}");
    for bad in [
        "",
        "?id=1",
        "?conversation=team:1&id=1",
        "?conversation=group:1&id=x",
        "?key=abc",
        "?key=",
    ] {
        let refused = ask(address, &format!("/trace{bad}")).await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{bad}: {refused}");
    }
    assert_eq!(shutdown.run(DEADLINE).await, Ending::Clean);
}

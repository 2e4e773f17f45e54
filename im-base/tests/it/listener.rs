//! Accepting within limits.

use std::net::SocketAddr;

use im_base::net::CloseReason;
use im_base::net::listener::{self, ConnectionLimits, Places};
use im_base::shutdown::{Ending, Shutdown};
use im_base::telemetry::metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, metric};

/// A listener whose connections greet with one byte and last until the client or the process ends them.
async fn start(name: &'static str, places: impl Into<Places>, shutdown: &Shutdown) -> SocketAddr {
    metrics::init();
    let listener = listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ending = shutdown.clone();
    listener::accept(
        listener,
        name,
        places,
        None,
        shutdown,
        move |mut stream, _| {
            let ending = ending.clone();
            async move {
                let mut byte = [0];
                stream.write_all(b"!").await.unwrap();
                tokio::select! {
                    _ = stream.read(&mut byte) => CloseReason::PEER_CLOSED,
                    () = ending.draining() => CloseReason::SHUTDOWN,
                }
            }
        },
    );
    address
}

/// A connection that was greeted, or `None` if it was closed at once.
async fn connect(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut byte = [0];
    let read = timeout(PATIENCE, stream.read(&mut byte)).await.unwrap();
    matches!(read, Ok(1)).then_some(stream)
}

/// D-22: connections have a limit.
#[tokio::test]
async fn above_a_limit_a_connection_is_closed_at_once_and_counted() {
    for (name, total, per_address, reason) in [
        ("by_total", 2, 100, r#"reason="too_many""#),
        ("by_address", 100, 2, r#"reason="too_many_from_address""#),
    ] {
        let shutdown = Shutdown::new();
        let limits = ConnectionLimits { total, per_address };
        let address = start(name, limits, &shutdown).await;
        let first = connect(address).await.unwrap();
        let _second = connect(address).await.unwrap();
        assert!(connect(address).await.is_none());
        let labels = [&*format!("listener={name:?}"), reason];
        assert_eq!(metric(metrics::CONNECTIONS_REFUSED, &labels), 1.0);
        assert_eq!(metric(metrics::CONNECTIONS, &labels[..1]), 2.0);
        drop(first);
        let freed = async { while connect(address).await.is_none() {} };
        timeout(PATIENCE, freed)
            .await
            .expect("its place is free again");
    }
}

#[tokio::test]
async fn listeners_can_share_their_places() {
    let shutdown = Shutdown::new();
    let places = Places::from(ConnectionLimits {
        total: 100,
        per_address: 2,
    });
    let one = start("shared_one", places.clone(), &shutdown).await;
    let other = start("shared_other", places, &shutdown).await;
    let _first = connect(one).await.unwrap();
    let _second = connect(other).await.unwrap();
    assert!(connect(one).await.is_none());
    assert!(connect(other).await.is_none());
    let open = [r#"listener="shared_other""#];
    assert_eq!(metric(metrics::CONNECTIONS, &open), 1.0);
}

#[tokio::test]
async fn the_drain_stage_closes_the_listener_and_waits_for_its_connections() {
    let shutdown = Shutdown::new();
    let address = start("draining", ConnectionLimits::NONE, &shutdown).await;
    let mut open = connect(address).await.unwrap();
    assert_eq!(shutdown.run(PATIENCE).await, Ending::Clean);
    assert_eq!(open.read(&mut [0]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
    let labels = [r#"listener="draining""#, r#"reason="shutdown""#];
    assert_eq!(metric(metrics::CONNECTIONS_CLOSED, &labels), 1.0);
    listener::bind(&address.to_string())
        .await
        .expect("the port can be taken again");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_mend() {
    let taken = listener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = listener::bind(&address).await.unwrap_err().to_string();
    assert!(
        error.contains(&address) && error.contains("another port"),
        "{error}"
    );
    let error = listener::bind("no port").await.unwrap_err().to_string();
    assert!(error.contains("no port"), "{error}");
}

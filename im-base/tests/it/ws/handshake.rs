//! The request that becomes a WebSocket, and those that don't.

use im_base::net::CloseReason;
use im_base::net::ws::{self, Origins};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;

use super::{KEY, UPGRADE, everywhere};
use crate::support::apart;

/// What the server makes of a request with these headers, and what it answers.
async fn asked(head: &str, origins: &[&str]) -> (Option<CloseReason>, String) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
    let serving = apart(async move { ws::accept(ours, &Origins::new(&origins)).await.err() });
    theirs.write_all(head.as_bytes()).await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut answer = Vec::new();
    theirs.read_to_end(&mut answer).await.unwrap();
    (serving.await.unwrap(), String::from_utf8(answer).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_no_handshake_is_answered_with_its_status() {
    let get = |headers: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let old = UPGRADE.replace("13", "8");
    for (head, status) in [
        (get(""), "426 "),
        (get(&format!("{old}{KEY}")), "426 "),
        (get(UPGRADE), "400 "),
        (
            get(&format!("{UPGRADE}Sec-WebSocket-Key: short\r\n")),
            "400 ",
        ),
        (get(&format!("{UPGRADE}{KEY}")) + "early", "400 "),
        (
            get(&format!("{UPGRADE}{KEY}")).replace("GET", "POST"),
            "400 ",
        ),
        (
            get(&format!("{UPGRADE}{KEY}")).replace("1.1", "1.0"),
            "400 ",
        ),
        ("\u{0}\u{0}\u{0}\u{10}\r\n\r\n".to_owned(), "400 "),
        (get(&format!("X: {}\r\n", "x".repeat(9000))), "431 "),
    ] {
        let (reason, answer) = asked(&head, &["*"]).await;
        assert_eq!(reason, Some(CloseReason("bad_handshake")), "{head}");
        let wanted = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&wanted), "{head}: {answer}");
    }
    let (reason, answer) = asked("GET / HTTP/1.1\r\n", &["*"]).await;
    assert_eq!((reason, &*answer), (Some(CloseReason::PEER_CLOSED), ""));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_is_refused() {
    let ask = async |origin: Option<&str>, listed: &[&str]| {
        let origin = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}{origin}\r\n");
        asked(&head, listed).await
    };
    let chat = "https://chat.example.org";
    let listed = ["https://other.example.org", chat];
    for (origin, listed) in [
        (None, &listed[..]),
        (None, &[]),
        (Some(chat), &listed),
        (Some("HTTPS://Chat.example.org"), &listed),
        (Some("https://evil.example.org"), &["*"]),
    ] {
        let (reason, answer) = ask(origin, listed).await;
        assert_eq!(reason, None, "{origin:?}");
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    }
    for origin in [
        "https://chat.example.org.evil.org",
        "http://chat.example.org",
        "null",
        "",
    ] {
        let (reason, answer) = ask(Some(origin), &listed).await;
        assert_eq!(reason, Some(CloseReason("origin_refused")), "{origin}");
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_requested_sub_protocol_is_agreed_to() {
    for (requested, agreed) in [
        (None, None),
        (Some("im"), Some("im")),
        (Some("a, b"), Some("a")),
    ] {
        let (ours, theirs) = duplex(64 * 1024);
        let serving = apart(async move { ws::accept(ours, &everywhere()).await });
        let mut request = "ws://x/".into_client_request().unwrap();
        if let Some(requested) = requested {
            let headers = request.headers_mut();
            headers.insert("Sec-WebSocket-Protocol", requested.parse().unwrap());
        }
        let (_client, response): (_, Response) = tokio_tungstenite::client_async(request, theirs)
            .await
            .unwrap();
        let got = response.headers().get("Sec-WebSocket-Protocol");
        assert_eq!(got.map(|value| value.to_str().unwrap()), agreed);
        serving.await.unwrap().unwrap();
    }
}

//! The question over HTTP, as stock clients put it.

use im_base::telemetry::metrics::HANDOUTS;
use proto::im::server::ImMsgServInfo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, Server, announcement, config, metric, request};

const QUESTION: &[u8] = b"GET /msg_server HTTP/1.1\r\nHost: x\r\n\r\n";

/// Head and body of an answer.
fn parts(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").expect("a head and a body")
}

/// The values of a header.
fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn the_answer_has_the_shape_that_clients_know() {
    let mut config = config();
    config.announce.msfs = "http://10.0.0.9:8700/".to_owned();
    config.announce.discovery = "http://10.0.0.9/api/\"discovery\"".to_owned();
    let server = Server::start_with(config).await;
    let _msg_server = server.msg_server(8000, 0, 10).await;
    let answer = request(server.http(), QUESTION).await;
    let (head, body) = parts(&answer);
    assert_eq!(head.lines().next(), Some("HTTP/1.1 200 OK"));
    assert_eq!(header(head, "content-type"), ["text/html;charset=utf-8"]);
    assert_eq!(header(head, "connection"), ["close"]);
    assert_eq!(header(head, "content-length"), [body.len().to_string()]);
    let wanted = r#"{
  "backupIP": "203.0.113.1",
  "code": 0,
  "discovery": "http://10.0.0.9/api/\"discovery\"",
  "msfsBackup": "http://10.0.0.9:8700/",
  "msfsPrior": "http://10.0.0.9:8700/",
  "msg": "",
  "port": "8000",
  "priorIP": "10.0.0.1"
}
"#;
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn a_port_for_tls_is_named_beside_the_other_one_or_alone() {
    for (port, named) in [(8000, r#""port": "8000","#), (0, r#""port": "0","#)] {
        let server = Server::start().await;
        let mut msg_server = server.server().await;
        let info = ImMsgServInfo {
            tls_port: Some(8443),
            ..announcement(port, 0, 10)
        };
        msg_server.send(&info, 0).await;
        server
            .until(|directory| directory.registered().len() == 1)
            .await;
        let answer = request(server.http(), QUESTION).await;
        let body = parts(&answer).1;
        assert!(body.contains(named), "{body}");
        assert!(body.contains(r#""tlsPort": "8443""#), "{body}");
    }
}

#[tokio::test]
async fn without_a_free_msg_server_it_says_why() {
    let server = Server::start().await;
    let answer = request(server.http(), QUESTION).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(
        parts(&answer).1,
        "{\n  \"code\": 1,\n  \"msg\": \"没有msg_server\"\n}\n"
    );

    let _full = server.msg_server(8000, 10, 10).await;
    let answer = request(server.http(), QUESTION).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(
        parts(&answer).1,
        "{\n  \"code\": 2,\n  \"msg\": \"负载过高\"\n}\n"
    );

    for outcome in [r#"outcome="none_registered""#, r#"outcome="all_full""#] {
        assert!(metric(HANDOUTS, &[r#"transport="http""#, outcome]) >= 1.0);
    }
}

#[tokio::test]
async fn any_method_and_any_path_that_begins_right_will_do() {
    let server = Server::start().await;
    let _msg_server = server.msg_server(8000, 0, 100).await;
    for question in [
        "GET /msg_server?user=1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /msg_serverxyz/more?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /msg_server HTTP/1.0\r\n\r\n",
        "GET http://x/msg_server HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /msg_server HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "DELETE /msg_server HTTP/1.1\r\nHost: x\r\n\r\n",
        "BREW /msg_server HTTP/1.1\r\nHost: x\r\nX-Filler: 0123456789\r\n\r\n",
    ] {
        let answer = request(server.http(), question.as_bytes()).await;
        assert!(
            parts(&answer).1.contains("\"code\": 0"),
            "{question:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn other_paths_are_told_where_to_ask() {
    let server = Server::start().await;
    for path in ["/", "/msg", "/x/msg_server", "/MSG_SERVER"] {
        let question = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = request(server.http(), question.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert_eq!(parts(&answer).1, "nothing is here; ask for /msg_server\n");
    }
}

#[tokio::test]
async fn what_is_no_request_is_closed_and_others_are_served_on() {
    let server = Server::start().await;
    let _msg_server = server.msg_server(8000, 0, 100).await;
    let garbage = request(server.http(), &[0xff; 200]).await;
    assert!(
        garbage.is_empty() || garbage.starts_with("HTTP/1.1 400 "),
        "{garbage}"
    );

    // A head that never comes to its end.
    let mut endless = TcpStream::connect(server.http()).await.unwrap();
    let mut sent = endless.write_all(b"GET /msg_server HTTP/1.1\r\n").await;
    while sent.is_ok() {
        sent = endless.write_all(&[b'x'; 1024]).await;
    }

    let mut truncated = TcpStream::connect(server.http()).await.unwrap();
    truncated.write_all(b"GET /msg_ser").await.unwrap();
    truncated.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, truncated.read_to_end(&mut rest))
        .await
        .expect("closed at once")
        .unwrap();

    assert_eq!(server.ask().await, Ok(8000));
}

#[tokio::test]
async fn one_address_has_so_many_connections_unless_that_is_switched_off() {
    for (enabled, served) in [(true, false), (false, true)] {
        let mut config = config();
        config.limits.enabled = enabled;
        config.limits.connections_per_address = 1;
        let server = Server::start_with(config).await;
        let _msg_server = server.msg_server(8000, 0, 100).await;
        let mut first = TcpStream::connect(server.http()).await.unwrap();
        first.write_all(b"GET ").await.unwrap();

        let mut second = TcpStream::connect(server.http()).await.unwrap();
        // A refused connection may break while we write to it.
        let _refused = second.write_all(QUESTION).await;
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, second.read_to_end(&mut answer))
            .await
            .unwrap();
        assert_eq!(read.is_ok_and(|count| count > 0), served);
    }
}

#[tokio::test]
async fn an_empty_address_switches_a_port_off() {
    let mut config = config();
    config.clients.tcp = String::new();
    let server = Server::start_with(config).await;
    assert!(server.started.clients_tcp.is_none());
    assert_eq!(server.ask().await, Err(1));
}

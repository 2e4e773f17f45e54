//! PDUs over WebSocket: what a client may send, what it gets, how it ends.

mod cuts;
mod handshake;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use im_base::net::ws::{self, Origins, WebSocket};
use im_base::net::{CloseReason, Connection, Outbox};
use proto::decoder::MAX_SERVER_FRAME;
use proto::{CommandId, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::support::{CLIENT, PATIENCE, apart};

type Served = Connection<WebSocket<DuplexStream>>;

/// As of a stranger.
const SMALL_FRAMES: u32 = 8 * 1024;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

fn everywhere() -> Origins {
    Origins::new(&["*".to_owned()])
}

/// Our end and the client's of a pipe that holds so many bytes, the handshake done.
async fn pair_through(pipe: usize) -> (Served, DuplexStream) {
    let (ours, mut theirs) = duplex(pipe);
    let serving = apart(async move { ws::accept(ours, &everywhere()).await });
    let request = format!("GET /chat?v=1 HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}\r\n");
    theirs.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(theirs.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    let stream = serving.await.unwrap().unwrap();
    let outbox = Outbox::new(1024 * 1024);
    (
        Connection::new(stream, outbox, CLIENT, MAX_SERVER_FRAME),
        theirs,
    )
}

/// Our end, and a client of somebody else's make.
async fn pair() -> (Served, WebSocketStream<DuplexStream>) {
    let (ours, theirs) = pair_through(1024 * 1024).await;
    let theirs = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    (ours, theirs)
}

fn pdu(seq_num: u16, size: usize) -> Pdu {
    Pdu::from_body(CommandId(0x0301), seq_num, vec![7; size].into())
}

fn bytes_of(pdus: &[Pdu]) -> Bytes {
    pdus.iter().flat_map(Pdu::to_frame).collect()
}

fn data(data: Data, is_final: bool, bytes: &[u8]) -> Message {
    let payload = Bytes::copy_from_slice(bytes);
    Message::Frame(Frame::message(payload, OpCode::Data(data), is_final))
}

async fn next_message(client: &mut WebSocketStream<DuplexStream>) -> Message {
    let next = timeout(PATIENCE, client.next()).await;
    next.expect("a message in time").unwrap().unwrap()
}

/// The code of the close frame that is due, and the end of the stream behind it.
async fn is_closed_with(mut client: WebSocketStream<DuplexStream>, code: CloseCode) {
    let Message::Close(Some(close)) = next_message(&mut client).await else {
        panic!("no close frame");
    };
    assert_eq!(close.code, code);
    assert!(client.next().await.is_none(), "nothing behind it");
}

#[tokio::test(start_paused = true)]
async fn one_message_may_hold_several_pdus() {
    let (mut connection, mut client) = pair().await;
    let sent: Vec<Pdu> = (1..=5).map(|n| pdu(n, usize::from(n) * 300)).collect();
    client.send(bytes_of(&sent).into()).await.unwrap();
    for sent in &sent {
        assert_eq!(connection.next().await.as_ref(), Ok(sent));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pdu_may_span_messages_and_fragments_with_pings_in_between() {
    let (mut connection, mut client) = pair().await;
    let sent = [pdu(1, 1000), pdu(2, 70_000)];
    let bytes = bytes_of(&sent);
    let received = apart(async move {
        let received = [connection.next().await, connection.next().await];
        (received, connection)
    });
    client.send(bytes.slice(..3).into()).await.unwrap();
    client.send(Message::Binary(Bytes::new())).await.unwrap();
    for (kind, is_final, piece) in [
        (Data::Binary, false, 3..900),
        (Data::Continue, false, 900..900),
        (Data::Continue, true, 900..2000),
        (Data::Binary, false, 2000..2001),
    ] {
        client
            .send(data(kind, is_final, &bytes[piece]))
            .await
            .unwrap();
        client.send(Message::Ping("here?".into())).await.unwrap();
        assert_eq!(
            next_message(&mut client).await,
            Message::Pong("here?".into())
        );
    }
    client.send(Message::Pong("unasked".into())).await.unwrap();
    client
        .send(data(Data::Continue, true, &bytes[2001..]))
        .await
        .unwrap();
    let (received, _connection) = received.await.unwrap();
    assert_eq!(received, sent.map(Ok));
}

#[tokio::test(start_paused = true)]
async fn a_text_message_is_bytes_like_any_other() {
    let (mut connection, mut client) = pair().await;
    let sent = Pdu::from_body(CommandId(0x0701), 5, "abc".into());
    let text = String::from_utf8(sent.to_frame().to_vec()).unwrap();
    client.send(Message::text(text)).await.unwrap();
    assert_eq!(connection.next().await.as_ref(), Ok(&sent));
    // It need not even be text.
    let sent = Pdu::from_body(CommandId(0x0701), 6, vec![0xff; 10].into());
    client
        .send(data(Data::Text, true, &sent.to_frame()))
        .await
        .unwrap();
    assert_eq!(connection.next().await, Ok(sent));
}

#[tokio::test(start_paused = true)]
async fn every_pdu_leaves_in_a_message_of_its_own() {
    let (mut connection, mut client) = pair().await;
    let outbox = connection.outbox().clone();
    let sizes = [0, 1, 109, 110, 65_519, 65_520, 100_000];
    for (n, size) in (0..).zip(sizes) {
        outbox.send_pdu(&pdu(n, size)).unwrap();
    }
    let _flushed = apart(async move { connection.flush().await });
    for (n, size) in (0..).zip(sizes) {
        let sent = pdu(n, size).to_frame();
        assert_eq!(next_message(&mut client).await, Message::Binary(sent));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_makes_us_keep_no_more_than_his_largest_frame() {
    let (mut connection, mut client) = pair_through(1024 * 1024).await;
    connection.set_max_frame(SMALL_FRAMES);
    // A message that is announced with 2^62 bytes, in which a PDU is announced with one too many.
    let mut bytes = vec![0x82, 0x80 | 127];
    bytes.extend((1_u64 << 62).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend((SMALL_FRAMES + 1).to_be_bytes());
    client.write_all(&bytes).await.unwrap();
    let reason = CloseReason("frame_too_long");
    assert_eq!(connection.next().await, Err(reason));
    connection.io_mut().ending(reason);
    let closing = apart(connection.close(reason));
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    is_closed_with(client, CloseCode::Size).await;
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_breaks_the_rules_is_told_so_and_closed() {
    let mask = [0_u8; 4];
    let frame = |first: u8, second: u8, rest: &[u8]| [&[first, second], rest].concat();
    let masked = |first: u8, payload: &[u8]| {
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        frame(first, length, &[&mask[..], payload].concat())
    };
    let long_ping = frame(
        0x89,
        0x80 | 126,
        &[&[0, 126], &mask[..], &[0; 126]].concat(),
    );
    let endless = frame(0x82, 0x80 | 127, &[[0xff; 8].as_slice(), &mask].concat());
    for (what, bytes) in [
        ("unmasked", frame(0x82, 0, &[])),
        ("a reserved bit", masked(0xc2, b"")),
        ("a reserved kind of data", masked(0x83, b"")),
        ("a reserved kind of control", masked(0x8b, b"")),
        ("a ping in fragments", masked(0x09, b"")),
        ("a long ping", long_ping),
        ("a length of 64 bits", endless),
        ("a continuation of nothing", masked(0x80, b"x")),
        (
            "a message within a message",
            [masked(0x02, b""), masked(0x82, b"")].concat(),
        ),
        ("half a close code", masked(0x88, &[3])),
        ("a close code that is never sent", masked(0x88, &[3, 237])),
        ("a close code below 1000", masked(0x88, &[0, 1])),
        ("a reason that is no text", masked(0x88, &[3, 232, 0xff])),
    ] {
        let (mut connection, mut client) = pair_through(1024).await;
        client.write_all(&bytes).await.unwrap();
        assert_eq!(connection.next().await, Err(ws::BAD_FRAME), "{what}");
        let closing = apart(connection.close(ws::BAD_FRAME));
        let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        is_closed_with(client, CloseCode::Protocol).await;
        closing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_behind_what_was_queued() {
    for code in [None, Some(CloseCode::Away), Some(CloseCode::Library(4001))] {
        let (mut connection, mut client) = pair().await;
        client.send(pdu(1, 10).to_frame().into()).await.unwrap();
        let close = code.map(|code| CloseFrame {
            code,
            reason: "bye".into(),
        });
        client.close(close).await.unwrap();
        assert_eq!(connection.next().await, Ok(pdu(1, 10)));
        assert_eq!(connection.next().await, Err(CloseReason::PEER_CLOSED));
        connection.outbox().send_pdu(&pdu(2, 10)).unwrap();
        connection.close(CloseReason::PEER_CLOSED).await;
        let last = next_message(&mut client).await;
        assert_eq!(last, Message::Binary(pdu(2, 10).to_frame()));
        is_closed_with(client, code.unwrap_or(CloseCode::Normal)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_is_a_close_frame_with_its_code() {
    for (reason, code) in [
        (CloseReason("kicked"), CloseCode::Normal),
        (CloseReason::TOO_SLOW, CloseCode::Normal),
        (CloseReason::SHUTDOWN, CloseCode::Away),
    ] {
        let (mut connection, mut client) = pair().await;
        connection.outbox().send_pdu(&pdu(1, 10)).unwrap();
        connection.io_mut().ending(reason);
        let closing = apart(connection.close(reason));
        let last = next_message(&mut client).await;
        assert_eq!(last, Message::Binary(pdu(1, 10).to_frame()));
        is_closed_with(client, code).await;
        timeout(Duration::from_millis(500), closing)
            .await
            .expect("it waits no longer than for the client's answer")
            .unwrap();
    }
    let (mut connection, client) = pair().await;
    drop(client);
    assert_eq!(connection.next().await, Err(CloseReason::PEER_CLOSED));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_a_slow_reader_pings_or_not() {
    let (connection, mut client) = pair_through(256).await;
    let outbox = connection.outbox().clone();
    let closed = apart(async move {
        let mut connection = connection;
        connection.next().await
    });
    outbox.send_pdu(&pdu(1, 900_000)).unwrap();
    // A ping's answer waits its turn; each ping takes the place of the one before.
    for _ in 0..10_000 {
        client
            .write_all(&[0x89, 0x81, 0, 0, 0, 0, b'!'])
            .await
            .unwrap();
    }
    outbox.send_pdu(&pdu(2, 900_000)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(outbox.send_pdu(&pdu(3, 900_000)).is_err());
    assert_eq!(closed.await.unwrap(), Err(CloseReason::SLOW_READER));
}

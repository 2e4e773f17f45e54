//! One connection: frames, rhythm, limits, its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use im_base::net::{CloseReason, Connection, Outbox, Pace};
use im_base::testkit::TestPeer;
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::ext::other::ImPace;
use proto::im::other::ImHeartBeat;
use proto::im::server::ImRoleSet;
use proto::{Body, CommandId, Pdu};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::support::{CLIENT, PATIENCE, apart, pair};

/// A pipe that counts the writes it is given.
struct Counted {
    pipe: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// A frame whose body is `size` bytes long.
fn frame(seq_num: u16, size: usize) -> Pdu {
    Pdu::from_body(CommandId(0x0301), seq_num, vec![7; size].into())
}

#[tokio::test(start_paused = true)]
async fn frames_arrive_in_order_however_they_are_cut() {
    let (mut connection, mut peer) = pair(CLIENT);
    let sent: Vec<Pdu> = (0..50).map(|n| frame(n, usize::from(n) * 37)).collect();
    let bytes: Vec<u8> = sent.iter().flat_map(Pdu::to_frame).collect();
    let send = async {
        for piece in bytes.chunks(23) {
            peer.send_bytes(piece).await;
            tokio::task::yield_now().await;
        }
    };
    let receive = async {
        for sent in &sent {
            assert_eq!(connection.next().await.as_ref(), Ok(sent));
        }
    };
    tokio::join!(send, receive);
}

#[tokio::test(start_paused = true)]
async fn what_gathers_before_a_wake_up_leaves_with_one_write() {
    let (pipe, theirs) = duplex(1024 * 1024);
    let writes = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox::new(1024 * 1024);
    let ours = Counted {
        pipe,
        writes: writes.clone(),
    };
    let mut connection = Connection::new(ours, outbox.clone(), CLIENT, MAX_SERVER_FRAME);
    let mut peer = TestPeer::new(theirs);
    let _written = apart(async move { connection.flush().await });
    for round in 1..=3 {
        for n in 0..200 {
            outbox.send_pdu(&frame(n, 50)).unwrap();
        }
        for n in 0..200 {
            assert_eq!(peer.receive().await, Some(frame(n, 50)));
        }
        assert_eq!(writes.load(Ordering::Relaxed), round);
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_sent_after_a_second_of_sending_nothing() {
    let (mut connection, mut peer) = pair(Pace::SERVERS);
    let outbox = connection.outbox().clone();
    let start = Instant::now();
    let _written = apart(async move { connection.flush().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    outbox.send(&ImRoleSet { master: 1 }, 0).unwrap();
    let first = peer.receive().await.unwrap();
    assert_eq!(first.command(), ImRoleSet::ID);
    for millis in [1_500, 2_500, 3_500] {
        let heartbeat = peer.receive().await.unwrap();
        assert_eq!(heartbeat.command(), ImHeartBeat::ID);
        assert_eq!(start.elapsed().as_millis() / 10, millis / 10);
    }
}

/// A server whose heartbeats come every second.
const EVERY_SECOND: ImPace = ImPace {
    heartbeat_ms: 1_000,
    capabilities: None,
};

#[tokio::test(start_paused = true)]
async fn who_says_how_often_his_heartbeats_come_is_told_the_same_once() {
    let (mut connection, mut peer) = pair(Pace::SERVERS);
    let start = Instant::now();
    let closed = apart(async move { while connection.next().await.is_ok() {} });
    peer.send(&EVERY_SECOND, 0).await;
    peer.send(&EVERY_SECOND, 0).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        peer.send(&ImHeartBeat {}, 0).await;
    }
    closed.await.unwrap();
    assert_eq!(start.elapsed().as_millis() / 10, 1_850);
    let mut said = 0;
    while let Some(pdu) = peer.receive().await {
        said += u32::from(pdu.command() == ImPace::ID);
    }
    assert_eq!(said, 1);
}

#[tokio::test(start_paused = true)]
async fn who_falls_silent_after_that_is_dead_in_three_and_a_half_seconds() {
    let (mut connection, mut peer) = pair(Pace::SERVERS);
    let start = Instant::now();
    peer.send(&EVERY_SECOND, 0).await;
    assert_eq!(connection.next().await, Err(CloseReason::IDLE));
    assert_eq!(start.elapsed().as_millis() / 10, 350);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_nobody_looked_is_no_silence() {
    let (mut connection, mut peer) = pair(Pace::SERVERS);
    peer.send(&EVERY_SECOND, 0).await;
    assert_eq!(
        next_within(&mut connection, Duration::from_secs(1)).await,
        None
    );
    // This process is stopped for a while, and the other one is not.
    peer.send(&ImHeartBeat {}, 0).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(connection.next().await, Ok(Pdu::new(&ImHeartBeat {}, 0)));
    // It does not listen for a while, as a server with too much in flight.
    let flushed = tokio::time::timeout(Duration::from_secs(20), connection.flush()).await;
    assert!(flushed.is_err(), "closed although it did not listen");
    peer.send(&ImRoleSet { master: 1 }, 0).await;
    let read = connection.next().await.unwrap();
    assert_eq!(read.command(), ImRoleSet::ID);
    assert_eq!(connection.next().await, Err(CloseReason::IDLE));
}

async fn next_within<IO: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<IO>,
    within: Duration,
) -> Option<Result<Pdu, CloseReason>> {
    tokio::time::timeout(within, connection.next()).await.ok()
}

#[tokio::test(start_paused = true)]
async fn silence_closes_at_the_limit_and_any_byte_starts_it_anew() {
    let (mut connection, mut peer) = pair(Pace::SERVERS);
    let start = Instant::now();
    let closed = apart(async move { connection.next().await });
    tokio::time::sleep(Duration::from_secs(29)).await;
    // One byte of a length that is not judged before it is complete.
    peer.send_bytes(&[0]).await;
    assert_eq!(closed.await.unwrap(), Err(CloseReason::IDLE));
    assert_eq!(whole_seconds(start), 29 + 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_no_heartbeat() {
    let (mut connection, mut peer) = pair(CLIENT);
    assert_eq!(connection.next().await, Err(CloseReason::IDLE));
    connection.close(CloseReason::IDLE).await;
    assert_eq!(peer.receive().await, None);
}

/// D-35: the time for a login is the same for all.
#[tokio::test(start_paused = true)]
async fn a_deadline_closes_although_bytes_come_and_can_be_lifted() {
    let (mut connection, mut peer) = pair(CLIENT);
    let start = Instant::now();
    connection.set_deadline(Some(start + Duration::from_secs(15)));
    let chatter = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.send(&ImHeartBeat {}, 0).await;
        }
    };
    let served = async { while connection.next().await.is_ok() {} };
    tokio::select! {
        () = chatter => {}
        () = served => {}
    }
    assert_eq!(connection.next().await, Err(CloseReason::TOO_SLOW));
    assert_eq!(whole_seconds(start), 15);

    let (mut connection, _peer) = pair(CLIENT);
    connection.set_deadline(Some(Instant::now() + Duration::from_secs(15)));
    connection.set_deadline(None);
    assert_eq!(connection.next().await, Err(CloseReason::IDLE));
}

#[tokio::test(start_paused = true)]
async fn a_slower_rhythm_counts_from_when_it_is_set() {
    let (mut connection, _peer) = pair(Pace::client(Duration::from_secs(10)));
    let start = Instant::now();
    connection.set_pace(Pace::client(Duration::from_secs(300)));
    assert_eq!(connection.next().await, Err(CloseReason::IDLE));
    assert_eq!(whole_seconds(start), 300);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_closed_although_its_socket_takes_nothing() {
    let (ours, _unread) = duplex(64);
    let outbox = Outbox::new(1000);
    let mut connection = Connection::new(ours, outbox.clone(), CLIENT, MAX_SERVER_FRAME);
    let start = Instant::now();
    let closed = apart(async move { connection.next().await });
    outbox.send_pdu(&frame(1, 900)).unwrap();
    // The first frame has left the outbox for a socket that is full.
    tokio::time::sleep(Duration::from_secs(1)).await;
    outbox.send_pdu(&frame(2, 900)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(outbox.send_pdu(&frame(3, 900)).is_err());
    assert!(outbox.is_closed());
    assert_eq!(closed.await.unwrap(), Err(CloseReason::SLOW_READER));
    assert_eq!(whole_seconds(start), 2, "noticed at once");
    assert!(outbox.send_pdu(&frame(4, 0)).is_err());
    assert_eq!(outbox.queued(), 0, "nothing is kept for it");
}

#[tokio::test(start_paused = true)]
async fn closing_writes_what_was_queued() {
    let (connection, mut peer) = pair(CLIENT);
    let outbox = connection.outbox().clone();
    outbox.send_pdu(&frame(1, 10)).unwrap();
    outbox.send_pdu(&frame(2, 10)).unwrap();
    connection.close(CloseReason::SHUTDOWN).await;
    assert!(outbox.send_pdu(&frame(3, 10)).is_err());
    assert_eq!(peer.receive().await, Some(frame(1, 10)));
    assert_eq!(peer.receive().await, Some(frame(2, 10)));
    assert_eq!(peer.receive().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_close_asked_for_through_the_outbox_ends_the_connection_with_its_reason() {
    let (mut connection, mut peer) = pair(CLIENT);
    let outbox = connection.outbox().clone();
    let closed = apart(async move { connection.next().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    outbox.send_pdu(&frame(1, 10)).unwrap();
    outbox.close(CloseReason("kicked"));
    outbox.close(CloseReason::SHUTDOWN);
    assert_eq!(closed.await.unwrap(), Err(CloseReason("kicked")));
    assert_eq!(peer.receive().await, Some(frame(1, 10)));
}

#[tokio::test(start_paused = true)]
async fn closing_waits_two_seconds_for_a_peer_that_takes_nothing() {
    let (ours, _unread) = duplex(64);
    let connection = Connection::new(ours, Outbox::new(1000), CLIENT, MAX_SERVER_FRAME);
    connection.outbox().send_pdu(&frame(1, 900)).unwrap();
    let start = Instant::now();
    connection.close(CloseReason::SHUTDOWN).await;
    assert_eq!(whole_seconds(start), 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_waits_a_second_for_the_other_side() {
    for (reason, seconds) in [
        (CloseReason::SHUTDOWN, 1),
        (CloseReason::PEER_CLOSED, 0),
        (CloseReason::IDLE, 0),
    ] {
        let (connection, _holds_on) = pair(CLIENT);
        let start = Instant::now();
        connection.close(reason).await;
        assert_eq!(whole_seconds(start), seconds, "{reason:?}");
    }
    let (connection, hangs_up) = pair(CLIENT);
    drop(hangs_up);
    let start = Instant::now();
    connection.close(CloseReason::SHUTDOWN).await;
    assert_eq!(whole_seconds(start), 0);
}

#[tokio::test]
async fn last_words_are_not_lost_to_bytes_that_nobody_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut client, ours) = (client.unwrap(), accepted.unwrap().0);
    client.write_all(&vec![0xff; 300_000]).await.unwrap();

    let outbox = Outbox::new(1024 * 1024);
    let mut connection = Connection::new(ours, outbox.clone(), CLIENT, MAX_SERVER_FRAME);
    assert_eq!(connection.next().await, Err(CloseReason("frame_too_long")));
    // More than the client's side takes before it reads: the rest waits on our side after the close.
    let words = frame(1, 900_000);
    outbox.send_pdu(&words).unwrap();
    let closed = apart(connection.close(CloseReason("frame_too_long")));

    let mut received = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut received))
        .await
        .unwrap()
        .expect("an orderly end, no reset");
    drop(client);
    closed.await.unwrap();
    assert_eq!(received, words.to_frame());
}

#[tokio::test(start_paused = true)]
async fn bad_lengths_close_with_their_reason() {
    for (length, reason) in [
        (0u32, "frame_too_short"),
        (15, "frame_too_short"),
        (MAX_SERVER_FRAME + 1, "frame_too_long"),
        (u32::MAX, "frame_too_long"),
    ] {
        let (mut connection, mut peer) = pair(CLIENT);
        peer.send(&ImHeartBeat {}, 3).await;
        peer.send_bytes(&length.to_be_bytes()).await;
        assert_eq!(connection.next().await.unwrap().seq_num(), 3);
        assert_eq!(connection.next().await, Err(CloseReason(reason)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_frame_can_be_changed() {
    let (mut connection, mut peer) = pair(CLIENT);
    connection.set_max_frame(100);
    peer.send_bytes(&frame(1, 84).to_frame()).await;
    assert_eq!(connection.next().await, Ok(frame(1, 84)));
    peer.send_bytes(&frame(2, 85).to_frame()).await;
    assert_eq!(connection.next().await, Err(CloseReason("frame_too_long")));
}

#[tokio::test(start_paused = true)]
async fn dropping_next_again_and_again_loses_no_byte() {
    let (mut connection, mut peer) = pair(CLIENT);
    let outbox = connection.outbox().clone();
    let sent: Vec<Pdu> = (1..=20).map(|n| frame(n, 30)).collect();
    let talk = async {
        for pdu in &sent {
            for byte in pdu.to_frame() {
                peer.send_bytes(&[byte]).await;
                tokio::task::yield_now().await;
            }
            outbox.send_pdu(pdu).unwrap();
        }
        let mut back = Vec::new();
        while back.len() < sent.len() {
            back.push(peer.receive().await.unwrap());
        }
        back
    };
    let listen = async {
        let mut received = Vec::new();
        let mut dropped = 0;
        while received.len() < sent.len() {
            tokio::select! {
                biased;
                next = connection.next() => received.push(next.unwrap()),
                () = tokio::task::yield_now() => dropped += 1,
            }
        }
        assert!(dropped > sent.len(), "futures were dropped midway");
        tokio::select! {
            _ = connection.flush() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        received
    };
    let (back, received) = tokio::join!(talk, listen);
    assert_eq!(received, sent);
    assert_eq!(back, sent);
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_is_noticed_on_both_sides() {
    let (mut connection, peer) = pair(CLIENT);
    drop(peer);
    assert_eq!(connection.next().await, Err(CloseReason::PEER_CLOSED));
    let outbox = connection.outbox().clone();
    assert!(!outbox.is_closed());
    drop(connection);
    assert!(outbox.is_closed(), "nobody reads it any more");
}

/// The timer of the runtime is up to some milliseconds late.
fn whole_seconds(since: Instant) -> u64 {
    since.elapsed().as_secs()
}

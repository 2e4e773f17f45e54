//! Bytes cut in every way: into messages, fragments and what the network makes of them.

use bytes::Bytes;
use proptest::prelude::*;
use proto::decoder::MAX_SERVER_FRAME;
use proto::{Decoder, Pdu};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{bytes_of, next_message, pair_through, pdu};
use crate::support::apart;

/// Cuts `bytes` at these places, each a share of the whole.
fn cut(bytes: &[u8], places: &[u16]) -> Vec<Vec<u8>> {
    let place = |share: &u16| usize::from(*share) * bytes.len() / usize::from(u16::MAX);
    let mut places: Vec<usize> = places.iter().map(place).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in places.into_iter().chain([bytes.len()]) {
        pieces.push(bytes[from..to].to_vec());
        from = to;
    }
    pieces
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the client cuts its bytes into messages and frames, and the network into pieces, with pings anywhere:
    /// the PDUs arrive.
    #[test]
    fn pdus_arrive_however_they_are_cut(
        sizes in prop::collection::vec(0_usize..3000, 1..12),
        frames in prop::collection::vec((any::<u16>(), any::<bool>(), any::<bool>()), 0..20),
        segments in prop::collection::vec(any::<u16>(), 0..30),
        masks in any::<[u8; 4]>(),
    ) {
        let sent: Vec<Pdu> = (0..).zip(&sizes).map(|(n, size)| pdu(n, *size)).collect();
        let places: Vec<u16> = frames.iter().map(|(place, ..)| *place).collect();
        let pieces = cut(&bytes_of(&sent), &places);
        let flags = frames.iter().map(|(_, last, ping)| (*last, *ping));
        let mut stream = Vec::new();
        let mut open = false;
        for (piece, (last, ping)) in pieces.into_iter().zip(flags.chain([(true, false)])) {
            let kind = if open { Data::Continue } else { Data::Binary };
            let mut frame = Frame::message(Bytes::new(), OpCode::Data(kind), last);
            frame.header_mut().mask = Some(masks);
            frame.header().format(piece.len() as u64, &mut stream).unwrap();
            stream.extend(piece.iter().zip(masks.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            open = !last;
            if ping {
                stream.extend([0x89, 0x81]);
                stream.extend(masks);
                stream.push(masks[0] ^ b'!');
            }
        }
        let received = run(async {
            let (mut connection, client) = pair_through(1000).await;
            let count = sent.len();
            let received = apart(async move {
                let mut received = Vec::new();
                while received.len() < count {
                    received.push(connection.next().await.unwrap());
                }
                received
            });
            let (mut answers, mut client) = tokio::io::split(client);
            let _answers = apart(async move { tokio::io::copy(&mut answers, &mut tokio::io::sink()).await.unwrap() });
            for piece in cut(&stream, &segments) {
                client.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            received.await.unwrap()
        });
        prop_assert_eq!(received, sent);
    }

    /// Through however narrow a pipe, and with however little at once: one message for each PDU, and whole.
    #[test]
    fn pdus_leave_one_by_one_however_slowly_they_are_taken(
        sizes in prop::collection::vec(0_usize..5000, 1..60),
        pipe in 20_usize..2000,
    ) {
        run(async {
            let (mut connection, client) = pair_through(pipe).await;
            let outbox = connection.outbox().clone();
            let _flushed = apart(async move { connection.flush().await });
            let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
            let sent: Vec<Pdu> = (0..).zip(&sizes).map(|(n, size)| pdu(n, *size)).collect();
            for pdu in &sent {
                outbox.send_pdu(pdu).unwrap();
                tokio::task::yield_now().await;
            }
            for pdu in &sent {
                let message = next_message(&mut client).await.into_data();
                let mut decoder = Decoder::new(MAX_SERVER_FRAME);
                decoder.extend(&message);
                assert_eq!(decoder.next_pdu().unwrap().as_ref(), Some(pdu));
                assert_eq!(decoder.buffered(), 0);
            }
        });
    }
}

//! Cutting frames from a stream and making them: what every message costs in every process.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::message::ImMsgData;
use proto::pdu::write_message;
use proto::{Decoder, Pdu};

/// Bytes of text: a few words, and the longest that people write.
const BODIES: [usize; 2] = [60, 2_000];

/// Frames that arrive with one read, on a link between busy servers.
const FRAMES: usize = 64;

fn message(body: usize) -> ImMsgData {
    ImMsgData {
        from_user_id: 1_234,
        to_session_id: 567_890,
        msg_id: 42,
        create_time: 1_700_000_000,
        msg_type: 1,
        msg_data: Bytes::from(vec![b'x'; body]),
        ..ImMsgData::default()
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for body in BODIES {
        let mut stream = Vec::new();
        for _ in 0..FRAMES {
            write_message(&message(body), 7, &mut stream);
        }
        group.throughput(Throughput::Elements(FRAMES as u64));
        group.bench_function(BenchmarkId::new("frames", body), |bencher| {
            let mut decoder = Decoder::new(MAX_SERVER_FRAME);
            bencher.iter(|| {
                decoder.extend(black_box(&stream));
                while let Some(pdu) = decoder.next_pdu().expect("good frames") {
                    black_box(pdu);
                }
            });
        });
        group.bench_function(BenchmarkId::new("frames and bodies", body), |bencher| {
            let mut decoder = Decoder::new(MAX_SERVER_FRAME);
            bencher.iter(|| {
                decoder.extend(black_box(&stream));
                while let Some(pdu) = decoder.next_pdu().expect("good frames") {
                    black_box(pdu.decode::<ImMsgData>().expect("a good body"));
                }
            });
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for body in BODIES {
        let message = message(body);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("into a buffer", body), |bencher| {
            let mut buffer = Vec::new();
            bencher.iter(|| {
                buffer.clear();
                write_message(black_box(&message), 7, &mut buffer);
                black_box(buffer.len())
            });
        });
        group.bench_function(BenchmarkId::new("as shared bytes", body), |bencher| {
            bencher.iter(|| Pdu::new(black_box(&message), 7).to_frame());
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);

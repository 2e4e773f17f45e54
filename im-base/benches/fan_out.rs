//! One message for many connections of a process: queued for each, and written to sockets that only count.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use im_base::net::{Connection, Outbox, Pace};
use proto::Pdu;
use proto::decoder::MAX_CLIENT_FRAME;
use proto::im::message::ImMsgData;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Connections that a message is pushed to: members of a group who are online here.
const MEMBERS: [usize; 3] = [10, 100, 1_000];

/// A socket without a system below it: takes everything, brings nothing.
struct Sink {
    written: usize,
}

impl AsyncRead for Sink {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn frame() -> Bytes {
    let message = ImMsgData {
        from_user_id: 1_234,
        to_session_id: 567_890,
        msg_id: 42,
        create_time: 1_700_000_000,
        msg_type: 0x11,
        msg_data: Bytes::from(vec![b'x'; 60]),
        ..ImMsgData::default()
    };
    Pdu::new(&message, 0).to_frame()
}

fn fan_out(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    let mut group = criterion.benchmark_group("fan_out");
    for members in MEMBERS {
        let mut connections: Vec<Connection<Sink>> = (0..members)
            .map(|_| {
                let pace = Pace::client(Duration::from_secs(60));
                let sink = Sink { written: 0 };
                Connection::new(sink, Outbox::new(1 << 20), pace, MAX_CLIENT_FRAME)
            })
            .collect();
        let outboxes: Vec<Arc<Outbox>> = connections
            .iter()
            .map(|connection| connection.outbox().clone())
            .collect();
        let frame = frame();
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            let mut cx = Context::from_waker(Waker::noop());
            bencher.iter(|| {
                for outbox in &outboxes {
                    outbox.push(black_box(&frame)).expect("an open connection");
                }
                for connection in &mut connections {
                    black_box(connection.poll_flush(&mut cx).is_pending());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);

//! An ear at a connection: passes everything on, and keeps it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use im_base::task::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A port in front of another one.
pub(super) struct Recorder {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    pub(super) fn before(target: u16) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let recorder = Self {
            port,
            heard: heard.clone(),
        };
        Tasks::default().spawn("recorder", async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                // Nobody may be there yet, or any more: then the connection ends.
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
                    continue;
                };
                let (near, far) = (near.into_split(), far.into_split());
                let tasks = Tasks::default();
                tasks.spawn("there", pass(near.0, far.1, heard.clone()));
                tasks.spawn("back", pass(far.0, near.1, heard.clone()));
            }
        });
        recorder
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Everything so far, in both directions.
    pub(super) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        heard.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

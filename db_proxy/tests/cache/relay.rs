use std::sync::Arc;
use std::time::Duration;

use im_base::task::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between a link and its Redis, and makes answers slow.
pub(crate) struct Relay {
    pub(crate) port: u16,
    delay: watch::Sender<Duration>,
    broken: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            delay: watch::Sender::new(Duration::ZERO),
            broken: watch::Sender::new(false),
        };
        let delay = Arc::new(relay.delay.subscribe());
        let broken = relay.broken.subscribe();
        Tasks::default().spawn("relay", async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut broken = broken.clone();
                if *broken.borrow() {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let delay = delay.clone();
                Tasks::default().spawn("relayed", async move {
                    tokio::select! {
                        () = carry(client, server, &delay) => {}
                        _ = broken.wait_for(|broken| *broken) => {}
                    }
                });
            }
        });
        relay
    }

    /// How long each answer takes from now on.
    pub(crate) fn delays(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// Ends all connections and takes no new ones, or takes them again.
    pub(crate) fn breaks(&self, broken: bool) {
        self.broken.send_replace(broken);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

async fn carry(client: TcpStream, server: TcpStream, delay: &watch::Receiver<Duration>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let questions = async {
        // either end may go whenever it likes
        drop(tokio::io::copy(&mut from_client, &mut to_server).await);
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let delay = *delay.borrow();
            tokio::time::sleep(delay).await;
            if to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = questions => {}
        () = answers => {}
    }
}

//! A link that can be cut: a port that passes everything on to another one, until it is told not to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use im_base::task::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes that are passed on at once.
const CHUNK: usize = 64 * 1024;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Passes everything on.
    Open,
    /// Keeps everything back. Nobody is told; what waits passes when the link is open again.
    Held,
    /// Every connection is reset, and every new one.
    Broken,
}

/// A port in front of another one. Dropping it closes the port and its connections.
#[derive(Debug)]
pub struct CuttableLink {
    port: u16,
    passage: watch::Sender<Passage>,
}

impl CuttableLink {
    /// Listens on a free port of this machine, for connections to `target`.
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (passage, watched) = watch::channel(Passage::Open);
        Tasks::default().spawn("link", accept(listener, target, watched));
        Ok(Self { port, passage })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, mut passage: watch::Receiver<Passage>) {
    let connections = Tasks::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = passage.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        if let Ok((near, _)) = accepted {
            connections.spawn("link", carry(near, target, passage.clone()));
        }
    }
}

/// One connection, until it is over on either side or reset. An end of one direction is passed on as such.
async fn carry(mut near: TcpStream, target: SocketAddr, mut passage: watch::Receiver<Passage>) {
    let resets = near.set_zero_linger().is_ok();
    let connecting = connect(target, passage.clone());
    let far = tokio::select! {
        () = broken(&mut passage) => return,
        far = connecting => far,
    };
    let Ok(mut far) = far else { return };
    if !(resets && far.set_zero_linger().is_ok()) {
        return;
    }
    let nodelay = near.set_nodelay(true).and(far.set_nodelay(true));
    if nodelay.is_err() {
        return;
    }
    // Borrowed halves: owned ones would say an orderly end when they are dropped.
    let (near_reads, near_writes) = near.split();
    let (far_reads, far_writes) = far.split();
    let there = pass(near_reads, far_writes, passage.clone());
    let back = pass(far_reads, near_writes, passage.clone());
    tokio::select! {
        () = broken(&mut passage) => {}
        // When one direction fails the other is of no use.
        _ = async { tokio::try_join!(there, back) } => {}
    }
}

async fn connect(
    target: SocketAddr,
    mut passage: watch::Receiver<Passage>,
) -> io::Result<TcpStream> {
    open(&mut passage).await;
    TcpStream::connect(target).await
}

async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut passage: watch::Receiver<Passage>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        open(&mut passage).await;
        let length = from.read(&mut chunk).await?;
        // What was read while the link was cut waits as well.
        open(&mut passage).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..length]).await?;
    }
}

/// Waits until everything passes. For ever when nobody can open it any more: the connection ends by `broken` then.
async fn open(passage: &mut watch::Receiver<Passage>) {
    let opened = passage.wait_for(|now| *now == Passage::Open).await.is_ok();
    if !opened {
        std::future::pending::<()>().await;
    }
}

/// Waits until the link breaks or is dropped.
async fn broken(passage: &mut watch::Receiver<Passage>) {
    drop(passage.wait_for(|now| *now == Passage::Broken).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link to a port that says everything back.
    async fn echo() -> CuttableLink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = listener.local_addr().unwrap();
        Tasks::default().spawn("echo", async move {
            while let Ok((stream, _)) = listener.accept().await {
                Tasks::default().spawn("echo", async move {
                    let (mut reads, mut writes) = stream.into_split();
                    drop(tokio::io::copy(&mut reads, &mut writes).await);
                });
            }
        });
        CuttableLink::to(target).await.unwrap()
    }

    async fn dial(link: &CuttableLink) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, link.port()))
            .await
            .unwrap()
    }

    async fn says(stream: &mut TcpStream, word: &[u8; 4]) -> io::Result<[u8; 4]> {
        stream.write_all(word).await?;
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn what_waited_while_a_link_was_held_passes_later() {
        let link = echo().await;
        let mut stream = dial(&link).await;
        assert_eq!(&says(&mut stream, b"ping").await.unwrap(), b"ping");
        link.set(Passage::Held);
        let waiting = says(&mut stream, b"pong");
        tokio::pin!(waiting);
        // A second link is quick meanwhile: time enough for the first one to do what it must not.
        let other = echo().await;
        let mut quick = dial(&other).await;
        for _ in 0..100 {
            tokio::select! {
                biased;
                _ = &mut waiting => panic!("it passed"),
                said = says(&mut quick, b"ping") => assert_eq!(&said.unwrap(), b"ping"),
            }
        }
        link.set(Passage::Open);
        assert_eq!(&waiting.await.unwrap(), b"pong");
    }

    #[tokio::test]
    async fn a_broken_link_resets_what_there_is_and_what_comes() {
        let link = echo().await;
        let mut stream = dial(&link).await;
        assert_eq!(&says(&mut stream, b"ping").await.unwrap(), b"ping");
        link.set(Passage::Broken);
        assert!(stream.read(&mut [0; 4]).await.is_err());
        let mut next = dial(&link).await;
        assert!(says(&mut next, b"ping").await.is_err());
        link.set(Passage::Open);
        let mut stream = dial(&link).await;
        assert_eq!(&says(&mut stream, b"ping").await.unwrap(), b"ping");
    }
}

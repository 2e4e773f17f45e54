//! A server's end of a connection, driven line by line by a test.

use bytes::BytesMut;
use proto::im::base_define::UserInfo;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::{Body, Decoder, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tools::client::{Address, Client, Device, Events, Session, Status};

/// The user that [`accepted`] says one is.
pub(crate) const ME: u32 = 1;

pub(crate) struct Peer {
    stream: TcpStream,
    decoder: Decoder,
}

/// A listener on a free port, and its address.
pub(crate) async fn listen() -> (Address, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (Address::direct("127.0.0.1", port), listener)
}

pub(crate) async fn accept(listener: &TcpListener) -> Peer {
    let (stream, _) = listener.accept().await.unwrap();
    Peer {
        stream,
        decoder: Decoder::new(1024 * 1024),
    }
}

/// A successful login's answer.
pub(crate) fn accepted() -> ImLoginRes {
    let profile = UserInfo {
        user_id: ME,
        user_real_name: "alice".into(),
        ..Default::default()
    };
    ImLoginRes {
        online_status: Some(1),
        user_info: Some(profile),
        ..Default::default()
    }
}

/// A session, and the other end of it.
pub(crate) async fn login() -> (Session, Events, Peer) {
    let (address, listener) = listen().await;
    let client = async {
        let client = Client::connect(&address).await.unwrap();
        client
            .login("alice", "demo", Device::Windows, Status::Online)
            .await
            .unwrap()
    };
    let server = async {
        let mut peer = accept(&listener).await;
        let (seq_num, _) = peer.expect::<ImLoginReq>().await;
        peer.reply(seq_num, &accepted()).await;
        peer
    };
    let ((session, events), peer) = tokio::join!(client, server);
    (session, events, peer)
}

impl Peer {
    /// The next frame, which has to be an `M`, and its number.
    pub(crate) async fn expect<M: Body>(&mut self) -> (u16, M) {
        let pdu = self.next().await.expect("a frame before the end");
        assert_eq!(pdu.command(), M::ID);
        (pdu.seq_num(), pdu.decode().unwrap())
    }

    /// The client closes without sending more.
    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.next().await, None);
    }

    pub(crate) async fn reply<M: Body>(&mut self, seq_num: u16, message: &M) {
        self.raw(&Pdu::new(message, seq_num).to_frame()).await;
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Pdu> {
        loop {
            if let Some(pdu) = self.decoder.next_pdu().unwrap() {
                return Some(pdu);
            }
            let mut bytes = BytesMut::new();
            // A reset is as good an end as any.
            if self.stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return None;
            }
            self.decoder.extend(&bytes);
        }
    }
}

//! A device against servers that a test plays.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use im_base::task::Tasks;
use proto::im::base_define::{MsgInfo, SessionType, UserInfo};
use proto::im::ext::login::{ImReconnect, ServerAddress};
use proto::im::ext::message::{ImSyncHint, ImSyncReq, ImSyncRsp, SyncConversation};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::{Body, Decoder, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;
use crate::chaos::history::{Record, What};
use crate::client::{Device as ClientDevice, Status};

const ME: u32 = 1;
const TALK: Talk = Talk::Pair(1, 2);

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A login_server that always names that msg_server.
async fn login_server(msg_server: u16) -> String {
    let (listener, port) = listen().await;
    Tasks::default().spawn("login_server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = format!(
                r#"{{"code":0,"msg":"","priorIP":"127.0.0.1","backupIP":"","port":"{msg_server}"}}"#
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let mut request = BytesMut::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// The other end of a connection.
struct Peer {
    stream: TcpStream,
    decoder: Decoder,
}

impl Peer {
    /// Takes the next connection, lets it in and grants everything; the device has the cursor `cursor` afterwards.
    async fn lets_in(listener: &TcpListener, cursor: &'static str) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let decoder = Decoder::new(1024 * 1024);
        let mut peer = Self { stream, decoder };
        let (seq_num, login) = peer.hears::<ImLoginReq>().await;
        let accepted = ImLoginRes {
            user_info: Some(UserInfo {
                user_id: ME,
                ..Default::default()
            }),
            capabilities: login.capabilities,
            ..Default::default()
        };
        peer.says(seq_num, &accepted).await;
        let (seq_num, _) = peer.hears::<ImSyncReq>().await;
        peer.says(seq_num, &changed(cursor, Vec::new())).await;
        peer
    }

    /// The next frame of that kind.
    async fn hears<M: Body>(&mut self) -> (u16, M) {
        loop {
            while let Some(pdu) = self.decoder.next_pdu().unwrap() {
                if pdu.command() == M::ID {
                    return (pdu.seq_num(), pdu.decode().unwrap());
                }
            }
            let mut bytes = BytesMut::new();
            let length = self.stream.read_buf(&mut bytes).await.unwrap();
            assert_ne!(length, 0, "the device has left");
            self.decoder.extend(&bytes);
        }
    }

    async fn says<M: Body>(&mut self, seq_num: u16, message: &M) {
        let frame = Pdu::new(message, seq_num).to_frame();
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn acks(&mut self, seq_num: u16, id: u32) {
        let ack = ImMsgDataAck {
            user_id: ME,
            session_id: 2,
            msg_id: id,
            session_type: SessionType::Single as i32,
        };
        self.says(seq_num, &ack).await;
    }

    /// The number of the next message, or the end.
    async fn hears_a_message(&mut self) -> Option<u16> {
        loop {
            while let Some(pdu) = self.decoder.next_pdu().unwrap() {
                if pdu.command() == ImMsgData::ID {
                    return Some(pdu.seq_num());
                }
            }
            let mut bytes = BytesMut::new();
            if self.stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return None;
            }
            self.decoder.extend(&bytes);
        }
    }
}

fn changed(cursor: &'static str, messages: Vec<MsgInfo>) -> ImSyncRsp {
    let latest = messages.last().map(|last| last.msg_id);
    let conversation = latest.map(|latest_msg_id| SyncConversation {
        session_type: SessionType::Single as i32,
        session_id: 2,
        latest_msg_id,
        msg_list: messages,
        ..Default::default()
    });
    ImSyncRsp {
        user_id: ME,
        cursor: Some(Bytes::from(cursor)),
        conversation: conversation.into_iter().collect(),
        ..Default::default()
    }
}

/// A device that writes all the time, what it notes, and what ends it.
fn device(login: String) -> (History, watch::Sender<Phase>) {
    let history = History::default();
    let account = Account::new("alice", "demo", ClientDevice::Windows, Status::Online);
    let device = Device {
        number: 1,
        user: ME,
        account: account.announcing(proto::capability::ALL),
        logins: [login].into(),
        talks: vec![TALK],
        bases: vec![0],
        roams: false,
        pace: Duration::from_millis(1),
        run: Run(7),
        history: history.clone(),
        random: fastrand::Rng::with_seed(1),
    };
    let (phase, watched) = watch::channel(Phase::Gather);
    let (calm, _) = watch::channel(None);
    Tasks::default().spawn("device", device.live(watched, calm));
    (history, phase)
}

#[tokio::test]
async fn a_device_that_is_told_to_move_arrives_before_it_leaves_and_loses_nothing() {
    let (first, first_port) = listen().await;
    let (second, second_port) = listen().await;
    let (history, phase) = device(login_server(first_port).await);
    let mut old = Peer::lets_in(&first, "a").await;
    phase.send_replace(Phase::Write);
    let (waits, _) = old.hears::<ImMsgData>().await;
    let order = ImReconnect {
        after_ms: 0,
        within_ms: 10,
        server: vec![ServerAddress {
            ip1: "127.0.0.1".into(),
            ip2: String::new(),
            port: second_port.into(),
            tls_port: None,
        }],
    };
    old.says(0, &order).await;
    let mut new = Peer::lets_in(&second, "b").await;
    // Whoever got a message answers it.
    old.acks(waits, 1).await;
    let mut acked = 1;
    loop {
        // Until everything is answered that was on its way when the device came to the other one.
        let Some(seq_num) = old.hears_a_message().await else {
            break;
        };
        acked += 1;
        old.acks(seq_num, acked).await;
    }
    let (next, _) = new.hears::<ImMsgData>().await;
    new.acks(next, acked + 1).await;
    phase.send_replace(Phase::Leave);
    let failed = |record: &Record| matches!(record.what, What::Failed { .. });
    assert!(!history.take().iter().any(failed));
}

#[tokio::test]
async fn a_hint_makes_a_device_ask_what_changed_since_its_cursor() {
    let (listener, port) = listen().await;
    let (history, phase) = device(login_server(port).await);
    let mut server = Peer::lets_in(&listener, "here").await;
    server.says(0, &ImSyncHint { within_ms: 5 }).await;
    let (seq_num, asked) = server.hears::<ImSyncReq>().await;
    assert_eq!(asked.cursor.as_deref(), Some(&b"here"[..]));
    let message = MsgInfo {
        msg_id: 1,
        from_session_id: 2,
        ..Default::default()
    };
    server.says(seq_num, &changed("there", vec![message])).await;
    server.says(0, &ImSyncHint { within_ms: 5 }).await;
    let (_, asked) = server.hears::<ImSyncReq>().await;
    assert_eq!(asked.cursor.as_deref(), Some(&b"there"[..]));
    assert_eq!(asked.known.len(), 1);
    assert_eq!((asked.known[0].session_id, asked.known[0].msg_id), (2, 1));
    phase.send_replace(Phase::Leave);
    let fetched = |record: &Record| matches!(record.what, What::Fetched { .. });
    assert_eq!(history.take().iter().filter(|r| fetched(r)).count(), 1);
}

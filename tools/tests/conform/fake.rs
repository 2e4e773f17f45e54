//! A small server in memory: logins, messages between users, and one fault if that is wanted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use im_base::task::Tasks;
use proto::im::base_define::UserInfo;
use proto::im::login::{ImLoginReq, ImLoginRes, ImLogoutReq, ImLogoutRsp};
use proto::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImMsgData,
    ImMsgDataAck, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::im::other::ImHeartBeat;
use proto::{Body, Decoder, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tools::conform::transport::Server;

/// A rule that the server breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    AckNumber,
    NoteLeft,
    Twice,
    SendersNumber,
    ComesBack,
    ToEverybody,
    Gap,
    BelievesSender,
    TakesEmpty,
    OwnHeartbeat,
    NoTime,
    LogoutStays,
}

#[derive(Default)]
struct World {
    fault: Option<Fault>,
    /// By connection: who, and where frames for him go.
    devices: HashMap<u64, (u32, mpsc::Sender<Pdu>)>,
    /// The newest id of each pair.
    latest: HashMap<(u32, u32), u32>,
    connections: u64,
}

/// Serves on a free port until the test ends.
pub(crate) async fn serve(fault: Option<Fault>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = Arc::new(Mutex::new(World {
        fault,
        ..World::default()
    }));
    let tasks = Tasks::default();
    tasks.clone().spawn("listener", async move {
        while let Ok((stream, _)) = listener.accept().await {
            tasks.spawn("client", client(stream, world.clone()));
        }
    });
    Server {
        host: "127.0.0.1".into(),
        port,
        websocket: None,
        trust: None,
    }
}

/// One client: frames in one after the other, frames out through a queue.
async fn client(stream: TcpStream, world: Arc<Mutex<World>>) {
    let (reader, mut writer) = stream.into_split();
    let (queue, mut frames) = mpsc::channel::<Pdu>(1000);
    let connection = {
        let mut world = world.lock().unwrap();
        world.connections += 1;
        world.connections
    };
    let write = async {
        while let Some(pdu) = frames.recv().await {
            if writer.write_all(&pdu.to_frame()).await.is_err() {
                break;
            }
        }
    };
    // The queue goes with the reader, and what is in it is written still.
    tokio::join!(read(reader, queue, connection, world.clone()), write);
}

async fn read(
    mut reader: OwnedReadHalf,
    queue: mpsc::Sender<Pdu>,
    connection: u64,
    world: Arc<Mutex<World>>,
) {
    let mut decoder = Decoder::new(400 * 1024);
    let mut buffer = [0; 4096];
    'open: while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        decoder.extend(&buffer[..length]);
        loop {
            match decoder.next_pdu() {
                Ok(Some(pdu)) => {
                    if world.lock().unwrap().takes(connection, &queue, &pdu) {
                        break 'open;
                    }
                }
                Ok(None) => break,
                Err(_) => break 'open,
            }
        }
    }
    world.lock().unwrap().devices.remove(&connection);
}

impl World {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Answers a frame; says whether the connection is to be closed.
    fn takes(&mut self, connection: u64, queue: &mpsc::Sender<Pdu>, pdu: &Pdu) -> bool {
        let seq_num = pdu.seq_num();
        let me = self.devices.get(&connection).map_or(0, |(id, _)| *id);
        match pdu.command() {
            ImHeartBeat::ID if self.has(Fault::OwnHeartbeat) => {
                queue.try_send(Pdu::new(&ImHeartBeat {}, seq_num)).unwrap();
            }
            ImHeartBeat::ID => queue.try_send(pdu.clone()).unwrap(),
            ImLoginReq::ID => {
                let answer = logged_in(&pdu.decode().unwrap());
                let id = answer.user_info.as_ref().unwrap().user_id;
                queue.try_send(Pdu::new(&answer, seq_num)).unwrap();
                self.devices.insert(connection, (id, queue.clone()));
            }
            ImLogoutReq::ID => {
                let answer = ImLogoutRsp { result_code: 0 };
                queue.try_send(Pdu::new(&answer, seq_num)).unwrap();
                return !self.has(Fault::LogoutStays);
            }
            ImClientTimeReq::ID if !self.has(Fault::NoTime) => {
                let answer = ImClientTimeRsp { server_time: 5 };
                queue.try_send(Pdu::new(&answer, seq_num)).unwrap();
            }
            ImUnreadMsgCntReq::ID => {
                let answer = ImUnreadMsgCntRsp {
                    user_id: me,
                    ..Default::default()
                };
                queue.try_send(Pdu::new(&answer, seq_num)).unwrap();
            }
            ImGetLatestMsgIdReq::ID => {
                let request: ImGetLatestMsgIdReq = pdu.decode().unwrap();
                let answer = ImGetLatestMsgIdRsp {
                    user_id: me,
                    session_type: request.session_type,
                    session_id: request.session_id,
                    latest_msg_id: *self.conversation(me, request.session_id),
                    attach_data: None,
                };
                queue.try_send(Pdu::new(&answer, seq_num)).unwrap();
            }
            ImMsgData::ID => self.message(connection, queue, pdu),
            _ => {}
        }
        false
    }

    /// The newest id of two users.
    fn conversation(&mut self, one: u32, other: u32) -> &mut u32 {
        let pair = (one.min(other), one.max(other));
        self.latest.entry(pair).or_default()
    }

    fn message(&mut self, connection: u64, queue: &mpsc::Sender<Pdu>, pdu: &Pdu) {
        let mut message: ImMsgData = pdu.decode().unwrap();
        let me = self.devices[&connection].0;
        if message.msg_data.is_empty() && !self.has(Fault::TakesEmpty) {
            return;
        }
        let claimed = std::mem::replace(&mut message.from_user_id, me);
        let step = if self.has(Fault::Gap) { 2 } else { 1 };
        let newest = self.conversation(me, message.to_session_id);
        *newest += step;
        message.msg_id = *newest;
        message.create_time = 5;
        let ack = ImMsgDataAck {
            user_id: me,
            session_id: message.to_session_id,
            msg_id: message.msg_id,
            session_type: 1,
        };
        let number = |fault| if self.has(fault) { pdu.seq_num() } else { 0 };
        let acked = match self.has(Fault::AckNumber) {
            true => 0,
            false => pdu.seq_num(),
        };
        queue.try_send(Pdu::new(&ack, acked)).unwrap();
        if self.has(Fault::BelievesSender) && claimed != 0 {
            message.from_user_id = claimed;
        }
        if self.has(Fault::NoteLeft) {
            message.attach_data = Some(Bytes::from_static(b"note"));
        }
        let pushed = Pdu::new(&message, number(Fault::SendersNumber));
        for (other, (user, device)) in &self.devices {
            let concerned = [me, message.to_session_id].contains(user);
            if !(concerned || self.has(Fault::ToEverybody)) {
                continue;
            }
            if *other == connection && !self.has(Fault::ComesBack) {
                continue;
            }
            let copies = if self.has(Fault::Twice) { 2 } else { 1 };
            for _ in 0..copies {
                device.try_send(pushed.clone()).unwrap();
            }
        }
    }
}

/// Users are called u1, u2 … and any password will do.
fn logged_in(request: &ImLoginReq) -> ImLoginRes {
    let number: u32 = request.user_name[1..].parse().unwrap();
    ImLoginRes {
        server_time: 5,
        online_status: Some(request.online_status),
        user_info: Some(UserInfo {
            user_id: 100 + number,
            user_real_name: request.user_name.clone(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

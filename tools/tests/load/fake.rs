//! A small server in memory: logins, messages between two, groups, and one fault if that is wanted.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proto::im::base_define::UserInfo;
use proto::im::group::{ImGroupCreateReq, ImGroupCreateRsp};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImGetMsgListReq, ImGetMsgListRsp, ImMsgData, ImMsgDataAck};
use proto::{Body, Decoder, Pdu};

/// What the server does wrong with every tenth message, the fifth first, if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Everything is right.
    None,
    /// It is acknowledged and not pushed.
    Loses,
    /// It is pushed twice.
    Doubles,
    /// It is pushed behind the next one.
    Swaps,
    /// It is acknowledged twice.
    AcksTwice,
    /// It has the id of the one before.
    SameId,
    /// It is pushed and not acknowledged.
    NoAck,
    /// It is answered with the id 0 and not pushed.
    Denies,
    /// Every message is answered so.
    DeniesAll,
    /// It is pushed to somebody else as well.
    Strays,
    /// The fifth one is dealt with late, and so is all that follows.
    Hangs,
    /// Nothing is answered from the fifteenth on.
    Freezes,
    /// With the thirtieth, everything ends.
    Dies,
    /// Nobody is let in.
    Refuses,
    /// A user's first login is answered, a further one is not.
    LetsInOnce,
    /// From the fortieth on, no page of history is answered.
    HidesPages,
    /// A login is answered late.
    Ponders,
}

/// How long [`Fault::Hangs`] and [`Fault::Ponders`] take.
pub(crate) const HANG: Duration = Duration::from_millis(400);

/// What the server knows.
pub(crate) struct World {
    fault: Fault,
    dead: bool,
    devices: HashMap<u32, TcpStream>,
    /// By conversation: the newest id.
    latest: HashMap<(u32, u32), u32>,
    groups: Vec<Vec<u32>>,
    /// A push that waits for the next one.
    held: Option<(u32, Pdu)>,
    pages: u32,
    /// Users with a connection.
    there: HashSet<u32>,
    /// How many were there when each login was answered.
    pub(crate) met: Vec<usize>,
}

/// Serves on a free port until the test ends, or with [`Fault::Dies`] until it dies.
pub(crate) fn serve(fault: Fault) -> SocketAddr {
    serve_and_watch(fault).0
}

/// The same, with a look at what it knows.
pub(crate) fn serve_and_watch(fault: Fault) -> (SocketAddr, Arc<Mutex<World>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let world = Arc::new(Mutex::new(World {
        fault,
        dead: false,
        devices: HashMap::new(),
        latest: HashMap::new(),
        groups: Vec::new(),
        held: None,
        pages: 0,
        there: HashSet::new(),
        met: Vec::new(),
    }));
    let seen = world.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let world = world.clone();
            if world.lock().unwrap().dead {
                return;
            }
            thread::spawn(move || client(stream.unwrap(), &world));
        }
    });
    (address, seen)
}

/// Answers every request over HTTP with that address of a msg_server.
pub(crate) fn login_server(names: &str, port: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body =
        format!(r#"{{"code":0,"msg":"","priorIP":"{names}","backupIP":"","port":"{port}"}}"#);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            if stream.read(&mut request).unwrap_or(0) > 0 {
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
                // Whoever asked may have gone.
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    address
}

fn client(mut stream: TcpStream, world: &Mutex<World>) {
    let mut decoder = Decoder::new(400 * 1024);
    let mut buffer = [0; 4096];
    let mut me = 0;
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 {
            break;
        }
        decoder.extend(&buffer[..length]);
        while let Ok(Some(pdu)) = decoder.next_pdu() {
            world.lock().unwrap().takes(&stream, &mut me, &pdu);
        }
    }
    world.lock().unwrap().there.remove(&me);
}

impl World {
    fn takes(&mut self, stream: &TcpStream, me: &mut u32, pdu: &Pdu) {
        if pdu.command() == ImLoginReq::ID {
            let request: ImLoginReq = pdu.decode().unwrap();
            let id = request.user_name.trim_start_matches("demo");
            *me = id.parse().unwrap();
            if self.fault == Fault::LetsInOnce && self.devices.contains_key(me) {
                return;
            }
            if self.fault == Fault::Ponders {
                thread::sleep(HANG);
            }
            let accepted = self.fault != Fault::Refuses;
            let answer = ImLoginRes {
                result_code: if accepted { 0 } else { 6 },
                result_string: (!accepted).then(|| "wrong password".to_owned()),
                user_info: accepted.then(|| UserInfo {
                    user_id: *me,
                    ..UserInfo::default()
                }),
                ..ImLoginRes::default()
            };
            self.met.push(self.there.len());
            self.there.insert(*me);
            self.devices.insert(*me, stream.try_clone().unwrap());
            self.tell(*me, &Pdu::new(&answer, pdu.seq_num()));
        } else if pdu.command() == ImGroupCreateReq::ID {
            let request: ImGroupCreateReq = pdu.decode().unwrap();
            self.groups.push(request.member_id_list);
            let answer = ImGroupCreateRsp {
                user_id: *me,
                group_id: Some(self.groups.len() as u32),
                ..ImGroupCreateRsp::default()
            };
            self.tell(*me, &Pdu::new(&answer, pdu.seq_num()));
        } else if pdu.command() == ImGetMsgListReq::ID {
            self.pages += 1;
            if self.fault != Fault::HidesPages || self.pages < 40 {
                self.tell(*me, &Pdu::new(&ImGetMsgListRsp::default(), pdu.seq_num()));
            }
        } else if pdu.command() == ImMsgData::ID {
            self.message(*me, pdu);
        }
    }

    fn message(&mut self, me: u32, pdu: &Pdu) {
        let mut message: ImMsgData = pdu.decode().unwrap();
        let to = message.to_session_id;
        let group = message.msg_type == 0x11;
        let conversation = if group {
            (0, to)
        } else {
            (me.min(to), me.max(to))
        };
        let latest = self.latest.entry(conversation).or_default();
        *latest += 1;
        message.msg_id = *latest;
        message.from_user_id = me;
        let wrong = message.msg_id % 10 == 5;
        let denies = self.fault == Fault::DeniesAll || wrong && self.fault == Fault::Denies;
        let does = |fault: Fault| wrong && self.fault == fault;
        if does(Fault::SameId) {
            message.msg_id -= 1;
        }
        if self.fault == Fault::Hangs && message.msg_id == 5 {
            thread::sleep(HANG);
        }
        if denies {
            message.msg_id = 0;
        }
        if self.fault == Fault::Freezes && message.msg_id >= 15 {
            return;
        }
        if self.fault == Fault::Dies && message.msg_id == 30 {
            self.dead = true;
            for device in self.devices.values() {
                drop(device.shutdown(Shutdown::Both));
            }
            return;
        }
        let ack = ImMsgDataAck {
            user_id: me,
            session_id: to,
            msg_id: message.msg_id,
            session_type: if group { 2 } else { 1 },
        };
        let ack = Pdu::new(&ack, pdu.seq_num());
        let push = Pdu::new(&message, 0);
        let acks = match () {
            () if does(Fault::NoAck) => 0,
            () if does(Fault::AcksTwice) => 2,
            () => 1,
        };
        let pushes = match () {
            () if denies || does(Fault::Loses) || does(Fault::Swaps) => 0,
            () if does(Fault::Doubles) => 2,
            () => 1,
        };
        let stray = does(Fault::Strays);
        let held = does(Fault::Swaps);
        let receivers = match group {
            true => self.groups[to as usize - 1].clone(),
            false => vec![to],
        };
        for receiver in receivers {
            if receiver != me {
                for _ in 0..pushes {
                    self.tell(receiver, &push);
                }
            }
        }
        if stray {
            self.tell(3, &push);
        }
        if held {
            self.held = Some((to, push));
        } else if let Some((to, push)) = self.held.take() {
            self.tell(to, &push);
        }
        for _ in 0..acks {
            self.tell(me, &ack);
        }
    }

    fn tell(&self, user: u32, pdu: &Pdu) {
        if let Some(mut device) = self.devices.get(&user) {
            // Who has gone hears nothing.
            drop(device.write_all(&pdu.to_frame()));
        }
    }
}

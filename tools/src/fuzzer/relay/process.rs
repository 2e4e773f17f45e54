//! One process of a relay.

use std::collections::HashMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;
use proto::header::{HEADER_LEN, Header};
use proto::im::base_define::{ResultType, UserInfo, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::pdu::write_message;
use proto::{Body, Pdu};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::frames::Envelope;
use super::hub::{Connections, Hub, Id, Relaying};

/// Which part of an installation a process stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    /// A msg_server: clients connect to it.
    Edge,
    /// route_server: passes each frame to the other edges.
    Middle,
    /// db_proxy: returns each message with an id.
    Back,
}

/// Says `port N` on standard output and runs until standard input ends.
pub(super) fn run(
    part: Part,
    port: u16,
    back: Option<SocketAddr>,
    middle: Option<SocketAddr>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
    let port = listener.local_addr()?.port();
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, all).context("raising the limit of open files")?;
    let mut hub = Hub::new(listener).context("polling")?;
    std::thread::spawn(|| {
        // Whoever started us has ended when this ends, and so do we.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    println!("port {port}");
    match part {
        Part::Back => hub.run(&mut Back::default()),
        Part::Middle => hub.run(&mut Middle::default()),
        Part::Edge => {
            let back = hub.connect(back.context("--back is missing")?)?;
            let middle = hub.connect(middle.context("--middle is missing")?)?;
            let mut edge = Edge {
                back,
                middle,
                users: HashMap::default(),
                answer: Vec::new(),
            };
            hub.run(&mut edge)
        }
    }
    .context("polling")
}

/// Gives messages their ids, one after the other whatever conversation they are of: that is all a store would answer.
#[derive(Default)]
struct Back {
    last_id: u32,
    /// What is about to be sent, kept for its memory.
    answer: Vec<u8>,
}

impl Relaying for Back {
    fn accepted(&mut self, _: &mut Connections, _: Id) {}

    fn frame(&mut self, connections: &mut Connections, id: Id, _: Header, frame: &[u8]) {
        let Some(envelope) = Envelope::of(&frame[HEADER_LEN..]) else {
            return;
        };
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.answer.clear();
        envelope.renumbered(frame, self.last_id, &mut self.answer);
        connections.send(id, &self.answer);
    }

    fn ended(&mut self, _: Id) {}
}

#[derive(Default)]
struct Middle {
    edges: Vec<Id>,
}

impl Relaying for Middle {
    fn accepted(&mut self, _: &mut Connections, id: Id) {
        self.edges.push(id);
    }

    fn frame(&mut self, connections: &mut Connections, id: Id, _: Header, frame: &[u8]) {
        for edge in self.edges.iter().filter(|edge| **edge != id) {
            connections.send(*edge, frame);
        }
    }

    fn ended(&mut self, id: Id) {
        self.edges.retain(|edge| *edge != id);
    }
}

struct Edge {
    back: Id,
    middle: Id,
    /// By number, the connection of each user that has logged in here.
    users: HashMap<u32, Id, ahash::RandomState>,
    /// What is about to be sent, kept for its memory.
    answer: Vec<u8>,
}

impl Relaying for Edge {
    fn accepted(&mut self, _: &mut Connections, _: Id) {}

    fn frame(&mut self, connections: &mut Connections, id: Id, header: Header, frame: &[u8]) {
        let body = &frame[HEADER_LEN..];
        if header.command == ImLoginReq::ID {
            self.log_in(connections, id, header, frame);
        } else if header.command != ImMsgData::ID {
            // heartbeats, acknowledgements of pushes
        } else if id == self.back {
            self.returned(connections, header, frame, body);
        } else if id == self.middle {
            self.deliver(connections, frame, body);
        } else {
            connections.send(self.back, frame);
        }
    }

    fn ended(&mut self, id: Id) {
        if id == self.back || id == self.middle {
            // Nothing goes through any more.
            std::process::exit(1);
        }
        self.users.retain(|_, connection| *connection != id);
    }
}

impl Edge {
    /// Any password will do; the number of the user is the one that his name ends with.
    fn log_in(&mut self, connections: &mut Connections, id: Id, header: Header, frame: &[u8]) {
        let body = bytes::Bytes::copy_from_slice(&frame[HEADER_LEN..]);
        let request = Pdu::from_body(header.command, header.seq_num, body);
        let name = request.decode::<ImLoginReq>().unwrap_or_default().user_name;
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut answer = ImLoginRes {
            result_code: ResultType::RefuseReasonDbValidateFailed as i32,
            result_string: Some("a relay takes names that end in a number".to_owned()),
            ..ImLoginRes::default()
        };
        if let Ok(user) = digits.parse::<u32>()
            && user != 0
        {
            self.users.insert(user, id);
            answer = ImLoginRes {
                result_code: ResultType::RefuseReasonNone as i32,
                online_status: Some(UserStatType::UserStatusOnline as i32),
                user_info: Some(UserInfo {
                    user_id: user,
                    user_nick_name: name,
                    ..UserInfo::default()
                }),
                ..ImLoginRes::default()
            };
        }
        connections.send(id, &Pdu::new(&answer, header.seq_num).to_frame());
    }

    /// A message that would be stored now: acknowledged, and on its way to the receiver.
    fn returned(
        &mut self,
        connections: &mut Connections,
        header: Header,
        frame: &[u8],
        body: &[u8],
    ) {
        let Some(envelope) = Envelope::of(body) else {
            return;
        };
        if let Some(sender) = self.users.get(&envelope.from) {
            let ack = ImMsgDataAck {
                user_id: envelope.from,
                session_id: envelope.to,
                msg_id: envelope.number,
                session_type: 1,
            };
            self.answer.clear();
            write_message(&ack, header.seq_num, &mut self.answer);
            connections.send(*sender, &self.answer);
        }
        match self.users.get(&envelope.to) {
            Some(receiver) => push(connections, &mut self.answer, *receiver, frame),
            None => connections.send(self.middle, frame),
        }
    }

    fn deliver(&mut self, connections: &mut Connections, frame: &[u8], body: &[u8]) {
        let receiver = Envelope::of(body).and_then(|envelope| self.users.get(&envelope.to));
        if let Some(receiver) = receiver {
            push(connections, &mut self.answer, *receiver, frame);
        }
    }
}

/// To a client, as a push: with number 0 instead of the sender's.
fn push(connections: &mut Connections, scratch: &mut Vec<u8>, receiver: Id, frame: &[u8]) {
    scratch.clear();
    scratch.extend_from_slice(frame);
    scratch[12..14].fill(0);
    connections.send(receiver, scratch);
}

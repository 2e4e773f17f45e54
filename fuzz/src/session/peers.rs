//! A db_proxy and a route_server that answer everything at once, in a mood that the input chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use bytes::Bytes;
use im_base::task::Tasks;
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::base_define::{GroupVersionInfo, UserInfo};
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use proto::im::ext::other::ImNak;
use proto::im::message::ImMsgData;
use proto::im::server::{ImValidateReq, ImValidateRsp};
use proto::{Body, Decoder, Pdu, commands};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How the database answers: 0 well, other numbers with refusals, failures and half-empty answers here and there.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    mood: Arc<AtomicU8>,
    messages: Arc<AtomicU32>,
}

impl Answers {
    pub(super) fn set(&self, mood: u8) {
        self.mood.store(mood, Ordering::Relaxed);
    }
}

/// Plays both, for as long as the process lives.
pub(super) fn play(db: TcpListener, route: TcpListener, answers: Answers) {
    let tasks = Tasks::default();
    for (listener, name) in [(db, "database"), (route, "route")] {
        let answers = answers.clone();
        let more = tasks.clone();
        tasks.spawn(name, async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = answers.clone();
                more.spawn("peer", async move { serve(stream, &answers).await });
            }
        });
    }
}

async fn serve(mut stream: TcpStream, answers: &Answers) {
    let mut decoder = Decoder::new(MAX_SERVER_FRAME);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = stream.read(&mut buffer).await else {
            return;
        };
        decoder.extend(&buffer[..length]);
        let mut out = Vec::new();
        while let Some(pdu) = decoder.next_pdu().expect("msg_server writes frames") {
            if let Some(answer) = answer(&pdu, answers) {
                answer.write(&mut out);
            }
        }
        if stream.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn answer(pdu: &Pdu, answers: &Answers) -> Option<Pdu> {
    let mood = answers.mood.load(Ordering::Relaxed);
    let seq_num = pdu.seq_num();
    let command = pdu.command();
    // Logins work in every mood but the worst; without them there is nothing to see.
    if command == ImValidateReq::ID && mood != 0xff {
        return Some(Pdu::new(&let_in(&pdu.decode().ok()?), seq_num));
    }
    if command == ImUsersStatReq::ID {
        return Some(Pdu::new(&ImUsersStatRsp::default(), seq_num));
    }
    // One bit for each eighth of the commands.
    if mood & 1 << (command.0 % 8) != 0 {
        let nak = ImNak {
            command: command.0.into(),
            reason: "store_failed".to_owned(),
            retry_after_ms: None,
        };
        return Some(Pdu::new(&nak, seq_num));
    }
    if command == ImMsgData::ID {
        let mut message: ImMsgData = pdu.decode().ok()?;
        message.msg_id = answers.messages.fetch_add(1, Ordering::Relaxed) + 1;
        return Some(Pdu::new(&message, seq_num));
    }
    // The request's bytes as the answer's: many fields have the same place in both.
    let reply = commands::find(command)?.reply?;
    let body = if mood & 0x80 == 0 {
        pdu.body.clone()
    } else {
        Bytes::new()
    };
    Some(Pdu::from_body(reply, seq_num, body))
}

fn let_in(request: &ImValidateReq) -> ImValidateRsp {
    let user_id = request.user_name.parse().unwrap_or(1);
    let group = |group_id| GroupVersionInfo {
        group_id,
        version: 1,
    };
    ImValidateRsp {
        user_name: request.user_name.clone(),
        result_code: 0,
        user_info: Some(UserInfo {
            user_id,
            ..Default::default()
        }),
        group_version_list: vec![group(1), group(user_id + 1)],
        ..Default::default()
    }
}

//! A small server of the protocol with one fault.

use std::io::{Read, Write};
use std::mem::forget;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use proto::im::base_define::UserInfo;
use proto::im::buddy::{ImAllUserReq, ImDepartmentReq, ImUsersInfoReq};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImClientTimeReq, ImClientTimeRsp, ImMsgDataReadAck, ImUnreadMsgCntReq};
use proto::im::switch_service::Imp2pCmdMsg;
use proto::{Body, CommandId, Decoder, Pdu};

/// What makes each fault show.
pub(crate) const PANICS_AT: CommandId = Imp2pCmdMsg::ID;
pub(crate) const HANGS_AT: CommandId = ImMsgDataReadAck::ID;
pub(crate) const LEAKS_AT: CommandId = ImUsersInfoReq::ID;
const KEEPS_AT: CommandId = ImDepartmentReq::ID;
const GARBLES_AT: CommandId = ImUnreadMsgCntReq::ID;
const COMPLAINS_AT: CommandId = ImAllUserReq::ID;

/// The variables that tell the process what it is.
pub(crate) const FAULT: &str = "FUZZ_LAB_FAULT";
pub(crate) const PORT: &str = "FUZZ_LAB_PORT";

/// How long a server that hangs does so, once for each connection: longer than a script and an honest client's wait together.
const HANG: Duration = Duration::from_secs(3);

const LEAK: usize = 2 << 20;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Panic,
    Hang,
    Leak,
    Descriptors,
    Garble,
    Complain,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Panic,
        Self::Hang,
        Self::Leak,
        Self::Descriptors,
        Self::Garble,
        Self::Complain,
    ];
}

/// Serves for ever if the environment says so; else nothing.
pub(crate) fn serve_if_told() {
    let (Ok(fault), Ok(port)) = (std::env::var(FAULT), std::env::var(PORT)) else {
        return;
    };
    let fault = Fault::ALL
        .into_iter()
        .find(|known| format!("{known:?}") == fault)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            // Whoever hangs up has hung up.
            drop(talk(fault, stream));
        });
    }
}

/// Held by whoever answers; a server that hangs holds it too long.
static TURN: Mutex<()> = Mutex::new(());

fn talk(fault: Fault, mut stream: TcpStream) -> std::io::Result<()> {
    let mut decoder = Decoder::new(400 * 1024);
    let mut buffer = [0; 4096];
    let mut hung = false;
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        decoder.extend(&buffer[..length]);
        loop {
            match decoder.next_pdu() {
                Ok(Some(pdu)) => {
                    if fault == Fault::Hang && pdu.command() == HANGS_AT && !hung {
                        hung = true;
                        let _turn = TURN.lock().unwrap();
                        std::thread::sleep(HANG);
                    }
                    answer(fault, &mut stream, &pdu)?;
                }
                Ok(None) => break,
                Err(_) => return Ok(()),
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "standard error is the server's log")]
fn answer(fault: Fault, stream: &mut TcpStream, pdu: &Pdu) -> std::io::Result<()> {
    let turn = TURN.lock().unwrap();
    let command = pdu.command();
    match fault {
        Fault::Panic if command == PANICS_AT && pdu.body.len() >= 4 => {
            eprintln!("thread 'connection' panicked at a frame");
            std::process::exit(101);
        }
        Fault::Leak if command == LEAKS_AT => forget(std::hint::black_box(vec![1_u8; LEAK])),
        Fault::Descriptors if command == KEEPS_AT => forget(stream.try_clone()?),
        Fault::Garble if command == GARBLES_AT => return stream.write_all(&[0; 16]),
        Fault::Complain if command == COMPLAINS_AT => {
            eprintln!("now ERROR server: a list cannot be made")
        }
        _ => {}
    }
    drop(turn);
    let reply = match command {
        ImLoginReq::ID => login(pdu),
        ImClientTimeReq::ID => Pdu::new(&ImClientTimeRsp { server_time: 1 }, pdu.seq_num()),
        _ => return Ok(()),
    };
    stream.write_all(&reply.to_frame())
}

fn login(pdu: &Pdu) -> Pdu {
    let request: ImLoginReq = pdu.decode().unwrap_or_default();
    // md5("demo")
    let right = request.password == "fe01ce2a7fbac8fafaed7c982a04e229";
    let answer = ImLoginRes {
        result_code: i32::from(!right),
        user_info: right.then(|| UserInfo {
            user_id: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    Pdu::new(&answer, pdu.seq_num())
}

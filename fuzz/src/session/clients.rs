//! What clients do: steps out of bytes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use proto::decoder::MAX_CLIENT_FRAME;
use proto::im::base_define::{ClientType, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImClientTimeReq, ImClientTimeRsp};
use proto::{Body, CommandId, Decoder, Pdu, commands};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connections of one input.
const CLIENTS: usize = 4;

/// Steps of one input at most.
const MOST_STEPS: usize = 256;

/// Nobody that an input can be.
const HONEST_USER: u32 = 100;

/// How long answers are waited for before a connection is closed.
const ANSWERS: Duration = Duration::from_millis(3);

const DEVICES: [ClientType; 4] = [
    ClientType::Windows,
    ClientType::Mac,
    ClientType::Ios,
    ClientType::Android,
];

/// Does what the bytes say. Each step is a byte of what and who, a byte of how much, and so many bytes.
pub(super) async fn play(to: SocketAddr, mut bytes: &[u8]) {
    let mut clients: [Option<TcpStream>; CLIENTS] = [const { None }; CLIENTS];
    for _ in 0..MOST_STEPS {
        let Some((&[what, size], rest)) = bytes.split_first_chunk() else {
            break;
        };
        let (data, behind) = rest.split_at(usize::from(size).min(rest.len()));
        bytes = behind;
        let client = &mut clients[usize::from(what) % CLIENTS];
        // Whoever was hung up on has no connection any more.
        if step(to, client, what / 4, data).await.is_err() {
            *client = None;
        }
    }
    for client in clients.iter_mut().flatten() {
        read(client, ANSWERS).await;
    }
}

async fn step(
    to: SocketAddr,
    client: &mut Option<TcpStream>,
    what: u8,
    data: &[u8],
) -> io::Result<()> {
    let stream = match client {
        Some(stream) => stream,
        None => client.insert(TcpStream::connect(to).await?),
    };
    match what % 8 {
        0 => stream.write_all(data).await,
        1 => login(stream, data).await,
        2 => {
            read(stream, ANSWERS).await;
            Ok(())
        }
        3 if data.is_empty() => Err(io::ErrorKind::NotConnected.into()),
        _ => {
            let Some((which, body)) = data.split_first() else {
                return Ok(());
            };
            let count = commands::all().count();
            let row = commands::all().nth(usize::from(*which) % count);
            let id = row.map_or(CommandId(0), |row| row.id);
            let pdu = Pdu::from_body(id, u16::from(what), body.to_vec().into());
            stream.write_all(&pdu.to_frame()).await
        }
    }
}

/// Logs in as one of sixteen users, and waits for the answer.
async fn login(stream: &mut TcpStream, data: &[u8]) -> io::Result<()> {
    let user = data.first().copied().unwrap_or_default();
    let device = data.get(1).copied().unwrap_or_default();
    let capabilities = data.get(2).copied().unwrap_or_default();
    let device = DEVICES[usize::from(device) % DEVICES.len()];
    let request = login_of(u32::from(user % 16) + 1, device, capabilities);
    stream.write_all(&Pdu::new(&request, 1).to_frame()).await?;
    read(stream, 10 * ANSWERS).await;
    Ok(())
}

fn login_of(user: u32, device: ClientType, capabilities: u8) -> ImLoginReq {
    ImLoginReq {
        user_name: user.to_string(),
        password: "x".to_owned(),
        online_status: UserStatType::UserStatusOnline as i32,
        client_type: device as i32,
        capabilities: (capabilities != 0).then_some(capabilities.into()),
        ..Default::default()
    }
}

/// Reads what comes first, if anything comes in time.
async fn read(stream: &mut TcpStream, most: Duration) {
    let mut buffer = vec![0; 16 * 1024];
    // Nothing, or an end: the next write finds out.
    drop(timeout(most, stream.read(&mut buffer)).await);
}

/// Logs in, asks the time, and hangs up when it is told.
pub(super) async fn honest(to: SocketAddr) {
    loop {
        if asked(to).await.is_ok() {
            return;
        }
        tokio::time::sleep(ANSWERS).await;
    }
}

async fn asked(to: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let mut decoder = Decoder::new(MAX_CLIENT_FRAME);
    let login = login_of(HONEST_USER, ClientType::Windows, 0);
    stream.write_all(&Pdu::new(&login, 1).to_frame()).await?;
    let answer = find(&mut stream, &mut decoder, ImLoginRes::ID).await?;
    let answer: ImLoginRes = answer.decode().expect("the server's bodies are bodies");
    assert_eq!(answer.result_code, 0, "{}", answer.result_string());
    stream
        .write_all(&Pdu::new(&ImClientTimeReq {}, 9).to_frame())
        .await?;
    find(&mut stream, &mut decoder, ImClientTimeRsp::ID).await?;
    Ok(())
}

/// The next frame of that command.
async fn find(stream: &mut TcpStream, decoder: &mut Decoder, wanted: CommandId) -> io::Result<Pdu> {
    let mut buffer = [0; 4096];
    loop {
        while let Some(pdu) = decoder.next_pdu().expect("the server's frames are frames") {
            if pdu.command() == wanted {
                return Ok(pdu);
            }
        }
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decoder.extend(&buffer[..length]);
    }
}

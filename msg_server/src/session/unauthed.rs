//! Before the login: a short time, small frames, four commands.

use std::net::SocketAddr;
use std::sync::Arc;

use im_base::net::{CloseReason, Connection, Outbox, Pace, Stream, Transport, ws};
use im_base::telemetry::metrics::LOGINS;
use metrics::counter;
use proto::im::login::{ImLoginReq, ImRegistReq};
use proto::im::message::ImClientTimeReq;
use proto::im::other::ImHeartBeat;
use proto::{Body, Pdu};
use tokio::time::{Instant, timeout_at};

use super::Door;
use crate::handlers::login::{self, Login, account};
use crate::handlers::{msg, other};
use crate::server::MsgServer;

/// No login is larger; a stranger gets no more memory than this.
const MAX_FRAME: u32 = 8 * 1024;

/// Accounts that may be asked for on one connection.
const MOST_REGISTRATIONS: u32 = 3;

const NOT_LOGGED_IN: CloseReason = CloseReason("not_logged_in");
const LOGIN_REFUSED: CloseReason = CloseReason("login_refused");
const TOO_MANY_REGISTRATIONS: CloseReason = CloseReason("too_many_registrations");

pub(super) type ClientConnection = Connection<Transport>;

/// Takes a connection as far as its login. A refused one has its answer queued and is to be closed. An error if it did
/// not come to speak PDUs at all.
pub(super) async fn run(
    stream: Stream,
    door: &Door,
    address: SocketAddr,
    server: &Arc<MsgServer>,
) -> Result<(ClientConnection, Result<Box<Login>, CloseReason>), CloseReason> {
    let limit = server.limits.login();
    let deadline = Instant::now() + limit;
    let transport = tokio::select! {
        opened = timeout_at(deadline, open(stream, door)) => {
            opened.unwrap_or(Err(CloseReason::TOO_SLOW))?
        }
        () = server.shutdown.draining() => return Err(CloseReason::SHUTDOWN),
    };
    let outbox = Outbox::new(server.limits.queue_bytes);
    let mut connection = Connection::new(transport, outbox, Pace::client(limit), MAX_FRAME);
    connection.set_deadline(Some(deadline));
    let outcome = tokio::select! {
        outcome = until_login(&mut connection, address, server) => outcome,
        () = server.shutdown.draining() => Err(CloseReason::SHUTDOWN),
    };
    Ok((connection, outcome))
}

async fn open(stream: Stream, door: &Door) -> Result<Transport, CloseReason> {
    match door {
        Door::Direct => Ok(Transport::Direct(stream)),
        Door::WebSocket(origins) => {
            let stream = ws::accept(stream, origins).await?;
            Ok(Transport::WebSocket(Box::new(stream)))
        }
    }
}

async fn until_login(
    connection: &mut ClientConnection,
    address: SocketAddr,
    server: &Arc<MsgServer>,
) -> Result<Box<Login>, CloseReason> {
    let mut registrations = 0;
    loop {
        if connection.unsent() > MAX_FRAME as usize {
            return Err(CloseReason::SLOW_READER);
        }
        let pdu = connection.next().await?;
        let answer = match pdu.command() {
            ImLoginReq::ID => return check(connection, &pdu, address, server).await,
            ImRegistReq::ID if registrations >= MOST_REGISTRATIONS => {
                return Err(TOO_MANY_REGISTRATIONS);
            }
            ImRegistReq::ID => {
                registrations += 1;
                register(connection, &pdu, address, server).await?
            }
            ImHeartBeat::ID => pdu,
            ImClientTimeReq::ID => Pdu::new(&msg::server_time(), pdu.seq_num()),
            _ => return Err(NOT_LOGGED_IN),
        };
        other::send(connection.outbox(), &answer);
    }
}

/// Makes an account while the connection's limits stay in force, as with a login.
async fn register(
    connection: &mut ClientConnection,
    pdu: &Pdu,
    address: SocketAddr,
    server: &Arc<MsgServer>,
) -> Result<Pdu, CloseReason> {
    tokio::select! {
        answer = account::register(server, pdu, address) => Ok(Pdu::new(&answer, pdu.seq_num())),
        reason = connection.flush() => Err(reason),
    }
}

/// Checks a login while the connection's limits stay in force. What the client sends meanwhile waits unread.
async fn check(
    connection: &mut ClientConnection,
    pdu: &Pdu,
    address: SocketAddr,
    server: &Arc<MsgServer>,
) -> Result<Box<Login>, CloseReason> {
    let outcome = tokio::select! {
        outcome = login::check(server, pdu, address) => outcome,
        reason = connection.flush() => return Err(reason),
    };
    match outcome {
        Ok(login) => {
            counter!(LOGINS, "outcome" => "accepted").increment(1);
            Ok(Box::new(login))
        }
        Err(refusal) => {
            counter!(LOGINS, "outcome" => refusal.outcome).increment(1);
            other::send(
                connection.outbox(),
                &Pdu::new(&refusal.answer(), pdu.seq_num()),
            );
            Err(LOGIN_REFUSED)
        }
    }
}

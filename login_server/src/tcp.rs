//! The two ports that speak frames: one for clients that ask, one for msg_servers that register.

use std::sync::Arc;
use std::time::Duration;

use im_base::dispatch::{self, Answer, Router};
use im_base::net::listener::{self, ConnectionLimits};
use im_base::net::socket::TcpListener;
use im_base::net::tls::Acceptor;
use im_base::net::{CloseReason, Connection, Outbox, Pace};
use im_base::shutdown::Shutdown;
use proto::im::login::ImMsgServReq;
use proto::{Body, Pdu};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::directory::{Directory, Registration};
use crate::handlers;
use crate::handlers::login::Inquirer;
use crate::handlers::other::Announcer;

/// A new connection says what it wants by then.
const FIRST_WORD: Duration = Duration::from_secs(15);

/// Silence after which a client's connection is closed (PROTOCOL.md, "Heartbeats").
const CLIENT_SILENCE: Duration = Duration::from_secs(120);

/// Largest frame accepted, in bytes: the question is empty, an announcement two addresses and a name.
const MAX_FRAME: u32 = 4 * 1024;

/// Bytes that may wait to be written: there is never more than a heartbeat or one answer.
const OUTBOX_BYTES: usize = 16 * 1024;

/// A connection that got its answer has no further use.
const ANSWERED: CloseReason = CloseReason("answered");

/// Serves the port for clients: one question, one answer, the end.
pub fn serve_clients(
    listener: TcpListener,
    limits: ConnectionLimits,
    directory: Arc<Directory>,
    shutdown: &Shutdown,
) {
    let desk = Arc::new(Desk::new(directory, shutdown));
    listener::accept(
        listener,
        "clients_tcp",
        limits,
        None,
        shutdown,
        move |stream, _| {
            let desk = desk.clone();
            async move {
                let mut connection = accept(stream, Pace::client(CLIENT_SILENCE));
                let reason = desk.serve_client(&mut connection).await;
                connection.close(reason).await;
                reason
            }
        },
    );
}

/// Serves the port for msg_servers. A client's question is answered here too, as it always was: the first frame
/// tells who it is.
pub fn serve_msg_servers(
    listener: TcpListener,
    limits: ConnectionLimits,
    tls: Option<Acceptor>,
    directory: Arc<Directory>,
    shutdown: &Shutdown,
) {
    let desk = Arc::new(Desk::new(directory, shutdown));
    listener::accept(
        listener,
        "servers",
        limits,
        tls,
        shutdown,
        move |stream, _| {
            let desk = desk.clone();
            async move {
                let mut connection = accept(stream, Pace::SERVERS);
                let reason = desk.serve_server(&mut connection).await;
                connection.close(reason).await;
                reason
            }
        },
    );
}

fn accept<IO: AsyncRead + AsyncWrite + Unpin>(stream: IO, pace: Pace) -> Connection<IO> {
    let mut connection = Connection::new(stream, Outbox::new(OUTBOX_BYTES), pace, MAX_FRAME);
    connection.set_deadline(Some(Instant::now() + FIRST_WORD));
    connection
}

/// What every connection of a port is served from.
struct Desk {
    directory: Arc<Directory>,
    clients: Router<Inquirer>,
    msg_servers: Router<Announcer>,
    shutdown: Shutdown,
}

impl Desk {
    fn new(directory: Arc<Directory>, shutdown: &Shutdown) -> Self {
        Self {
            directory,
            clients: handlers::for_clients(),
            msg_servers: handlers::for_msg_servers(),
            shutdown: shutdown.clone(),
        }
    }

    async fn serve_client<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<IO>,
    ) -> CloseReason {
        loop {
            match self.first_frame(connection).await {
                Ok(pdu) => {
                    if let Some(reason) = self.answer(connection, &pdu).await {
                        return reason;
                    }
                }
                Err(reason) => return reason,
            }
        }
    }

    async fn serve_server<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<IO>,
    ) -> CloseReason {
        let first = match self.first_frame(connection).await {
            Ok(first) => first,
            Err(reason) => return reason,
        };
        if first.command() == ImMsgServReq::ID {
            let reason = self.answer(connection, &first).await;
            return reason.unwrap_or(ANSWERED);
        }
        connection.set_deadline(None);
        let announcer = Announcer {
            registration: Arc::new(Registration::new(self.directory.clone())),
        };
        // Nothing that a msg_server sends is answered or waited for.
        if let Answer::Close(reason) = self.msg_servers.dispatch(&announcer, &first, false) {
            return reason;
        }
        let end = async {
            self.shutdown.draining().await;
            CloseReason::SHUTDOWN
        };
        let (reason, leftover) =
            dispatch::serve(connection, &self.msg_servers, &announcer, 1, end).await;
        leftover.finish().await;
        reason
    }

    async fn first_frame<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<IO>,
    ) -> Result<Pdu, CloseReason> {
        tokio::select! {
            next = connection.next() => next,
            () = self.shutdown.draining() => Err(CloseReason::SHUTDOWN),
        }
    }

    /// Answers a client's frame; returns why the connection ends, `None` if the frame was passed over.
    async fn answer<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<IO>,
        pdu: &Pdu,
    ) -> Option<CloseReason> {
        let inquirer = Inquirer {
            directory: self.directory.clone(),
        };
        let reply = match self.clients.dispatch(&inquirer, pdu, false) {
            Answer::Done(reply) => reply?,
            Answer::Later(work) | Answer::Hold(work) => match work.await {
                Ok(reply) => reply?,
                Err(reason) => return Some(reason),
            },
            Answer::Close(reason) => return Some(reason),
        };
        // The outbox of a connection that never got anything takes one answer.
        let _full = connection.outbox().send_pdu(&reply);
        Some(ANSWERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use im_base::testkit::TestPeer;
    use proto::im::server::ImMsgServInfo;
    use tokio::io::duplex;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_say_what_it_wants_is_closed_after_fifteen_seconds() {
        let desk = Desk::new(Arc::default(), &Shutdown::new());
        for pace in [Pace::client(CLIENT_SILENCE), Pace::SERVERS] {
            let (ours, _silent) = duplex(1024);
            let mut connection = accept(ours, pace);
            let start = Instant::now();
            let reason = match pace.heartbeat {
                None => desk.serve_client(&mut connection).await,
                Some(_) => desk.serve_server(&mut connection).await,
            };
            assert_eq!(reason, CloseReason::TOO_SLOW);
            assert_eq!(start.elapsed().as_secs(), FIRST_WORD.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_msg_server_that_falls_silent_is_gone_after_thirty_seconds() {
        let desk = Desk::new(Arc::default(), &Shutdown::new());
        let (ours, theirs) = duplex(1024);
        let mut connection = accept(ours, Pace::SERVERS);
        let mut msg_server = TestPeer::new(theirs);
        let info = ImMsgServInfo {
            ip1: "10.0.0.1".to_owned(),
            port: 8000,
            ..Default::default()
        };
        msg_server.send(&info, 0).await;
        let start = Instant::now();
        let look = async {
            tokio::time::sleep(Duration::from_secs(29)).await;
            assert_eq!(desk.directory.registered().len(), 1);
        };
        let (reason, ()) = tokio::join!(desk.serve_server(&mut connection), look);
        assert_eq!(reason, CloseReason::IDLE);
        assert_eq!(start.elapsed().as_secs(), 30);
        assert!(desk.directory.registered().is_empty());
    }
}

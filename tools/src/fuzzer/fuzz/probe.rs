//! What an honest client gets, from outside.

use std::time::Duration;

use anyhow::Context;
use proto::Pdu;
use proto::im::ext::other::ImPace;
use proto::im::login::ImMsgServReq;
use proto::im::message::ImClientTimeReq;
use tokio::time::{Instant, sleep, timeout};

use super::dialect::Dialect;
use super::target::Target;
use crate::client::{Address, Client, Connection, Device, Status, Target as Url, get};
use crate::fuzzer::permit::Permit;

/// How long the first word of a server may take; those that say nothing by themselves say something every second.
const WORD: Duration = Duration::from_secs(5);

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(50);

/// Somebody who only wants to be served.
#[derive(Clone)]
pub(super) struct Probe {
    /// The port under attack.
    pub(super) target: Target,
    /// Who logs in; nobody else does as this user.
    pub(super) user: Option<(String, String)>,
    /// A login_server that is asked for a msg_server to log in at, besides.
    pub(super) login: Option<String>,
    /// Whom may be sent to.
    pub(super) permit: Permit,
    /// After this long without success there is no service.
    pub(super) deadline: Duration,
}

impl Probe {
    /// Tries until it is served or the deadline is over; the error is that of the last attempt. A server may refuse one
    /// attempt for having had too many connections just before.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        self.run_within(self.deadline).await
    }

    /// As [`run`](Self::run), with another deadline.
    pub(super) async fn run_within(&self, deadline: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + deadline;
        let mut last = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match timeout(left, self.attempt()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
            // Looked at here, too: a timer of no time at all leaves an attempt that is refused at once the time to be.
            if Instant::now() >= end {
                let seconds = deadline.as_secs_f32();
                let late = || anyhow::anyhow!("no answer within {seconds} s");
                return Err(last.unwrap_or_else(late));
            }
            sleep(AGAIN).await;
        }
    }

    async fn attempt(&self) -> anyhow::Result<()> {
        self.at_the_port()
            .await
            .with_context(|| format!("at {}", self.target.address))?;
        let Some(url) = &self.login else {
            return Ok(());
        };
        let mut address = Address::from_login(url)
            .await
            .with_context(|| format!("asking {url}"))?;
        let (host, port) = (address.prior.clone(), address.port);
        let permitted = self.permit.resolve(&host, port)?;
        address = Address::direct(&permitted.ip().to_string(), port);
        self.log_in(&address)
            .await
            .with_context(|| format!("at {permitted}, which {url} names"))
    }

    async fn at_the_port(&self) -> anyhow::Result<()> {
        let mut address = self.target.dialled();
        match self.target.dialect {
            Dialect::Client => self.log_in(&address).await,
            Dialect::Websocket => {
                address.websocket = Some("/chat".into());
                self.log_in(&address).await
            }
            Dialect::Http => {
                let url = Url {
                    host: address.prior.clone(),
                    port: address.port,
                    path: "/".into(),
                    trust: address.trust.clone(),
                };
                // Any status is an answer.
                get(&url, WORD).await.map(drop).map_err(Into::into)
            }
            Dialect::ClientToLogin => word(&address, &Pdu::new(&ImMsgServReq {}, 1))
                .await
                .map(drop),
            _ => {
                let pace = ImPace {
                    heartbeat_ms: 1_000,
                    ..Default::default()
                };
                word(&address, &Pdu::new(&pace, 0)).await.map(drop)
            }
        }
    }

    async fn log_in(&self, address: &Address) -> anyhow::Result<()> {
        let Some((name, password)) = &self.user else {
            return word(address, &Pdu::new(&ImClientTimeReq {}, 1))
                .await
                .map(drop);
        };
        let client = Client::connect(address).await?;
        let (session, _events) = client
            .login(name, password, Device::Windows, Status::Online)
            .await
            .with_context(|| format!("logging in as {name}"))?;
        session.request(ImClientTimeReq {}).await?;
        Ok(())
    }
}

/// Connects, sends a frame, and waits for the first one that comes.
pub(super) async fn word(address: &Address, pdu: &Pdu) -> anyhow::Result<Pdu> {
    let mut connection = Connection::connect(address).await?;
    connection.send_pdu(pdu).await?;
    Ok(connection.receive(WORD).await?)
}

#[cfg(test)]
mod tests {
    use super::super::target::Owner;
    use super::*;

    /// Each attempt is refused at once, and the time for it ends all the same.
    #[tokio::test]
    async fn nobody_there_is_known_when_the_time_is_over() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = port.local_addr().unwrap();
        drop(port);
        let probe = Probe {
            target: Target {
                name: target.to_string(),
                address: target,
                dialect: Dialect::Client,
                owner: Owner::Listener,
                seal: None,
            },
            user: None,
            login: None,
            permit: Permit::LOOPBACK,
            deadline: Duration::ZERO,
        };
        for _ in 0..50 {
            let error = probe.run().await.unwrap_err();
            assert!(error.to_string().contains("at 127.0.0.1"), "{error:#}");
        }
    }
}

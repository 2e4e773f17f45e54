//! What is attacked: one port, or every port that a `run.json` names.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use proto::im::buddy::{ImUsersStatReq, ImUsersStatRsp};
use proto::im::ext::group::{ImUserGroupsReq, ImUserGroupsRsp};
use proto::im::ext::other::ImPace;
use proto::im::login::{ImMsgServReq, ImMsgServRsp};
use proto::im::message::{ImClientTimeReq, ImClientTimeRsp};
use proto::{Body, CommandId, Pdu};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::dialect::Dialect;
use super::grammar::HANDSHAKE;
use super::probe::word;
use super::watch::listener;
use crate::client::{Address, Trust};

/// How long each question of a guess may take.
const QUESTION: std::time::Duration = std::time::Duration::from_secs(1);

/// One port, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// For reports: `msg_server 0 tcp`, or the address.
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) dialect: Dialect,
    pub(super) owner: Owner,
    /// The port is one for TLS.
    pub(super) seal: Option<Seal>,
}

/// Who has to be at the other end of TLS, and who vouches for that.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    pub(super) host: String,
    pub(super) trust: Trust,
}

/// How the process behind a port is found.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// Somebody said its number; when that is gone, whoever listens.
    Pid(u32),
    /// By the installation's `run.json`.
    Run {
        dir: PathBuf,
        role: String,
        index: usize,
    },
    /// Whoever listens, if it is on this machine.
    Listener,
}

impl Target {
    /// As a client dials it.
    pub(super) fn dialled(&self) -> Address {
        let host = match &self.seal {
            Some(seal) => seal.host.clone(),
            None => self.address.ip().to_string(),
        };
        Address {
            trust: self.seal.as_ref().map(|seal| seal.trust.clone()),
            ..Address::direct(&host, self.address.port())
        }
    }

    /// The process, if it is known and there.
    pub(super) fn process(&self) -> Option<u32> {
        match &self.owner {
            Owner::Pid(pid) => super::watch::sample(*pid)
                .map_or_else(|| listener(self.address), |sample| Some(sample.pid)),
            Owner::Run { dir, role, index } => {
                let entries = entries(dir).ok()?;
                let entry = entries
                    .into_iter()
                    .find(|entry| entry.role == *role && entry.index == *index)?;
                Some(entry.pid)
            }
            Owner::Listener => self
                .address
                .ip()
                .is_loopback()
                .then(|| listener(self.address))?,
        }
    }
}

/// One child of a `run.json`.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    role: String,
    index: usize,
    pid: u32,
    ports: BTreeMap<String, u16>,
}

fn entries(dir: &Path) -> anyhow::Result<Vec<Entry>> {
    let path = dir.join("run.json");
    let text = std::fs::read(&path).with_context(|| {
        format!(
            "{} cannot be read; is `ferrotalk up --dir {}` running?",
            path.display(),
            dir.display()
        )
    })?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is no run.json of `ferrotalk up`", path.display()))
}

/// Every port of an installation on this machine, and the URL of its login_server.
pub(super) fn of_run(dir: &Path) -> anyhow::Result<(Vec<Target>, Option<String>)> {
    let mut targets = Vec::new();
    let mut login = None;
    for entry in entries(dir)? {
        for (port_name, port) in &entry.ports {
            let Some(dialect) = Dialect::of_port(&entry.role, port_name) else {
                continue;
            };
            if entry.role == "login_server" && port_name == "http" && login.is_none() {
                login = Some(format!("http://127.0.0.1:{port}"));
            }
            targets.push(Target {
                name: format!("{} {} {port_name}", entry.role, entry.index),
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, *port)),
                dialect,
                owner: Owner::Run {
                    dir: dir.to_owned(),
                    role: entry.role.clone(),
                    index: entry.index,
                },
                seal: None,
            });
        }
    }
    if targets.is_empty() {
        bail!("{} names no port", dir.join("run.json").display());
    }
    Ok((targets, login))
}

/// Finds out what a port speaks, from what it answers.
pub(super) async fn guess(address: SocketAddr) -> anyhow::Result<Dialect> {
    if let Some(dialect) = guess_http(address).await? {
        return Ok(dialect);
    }
    let pace = ImPace {
        heartbeat_ms: 1_000,
        ..Default::default()
    };
    let questions: [(Pdu, Option<CommandId>, Dialect); 5] = [
        (
            Pdu::new(&ImClientTimeReq {}, 1),
            Some(ImClientTimeRsp::ID),
            Dialect::Client,
        ),
        (
            Pdu::new(&ImUserGroupsReq::default(), 1),
            Some(ImUserGroupsRsp::ID),
            Dialect::MsgServerToDb,
        ),
        (
            Pdu::new(&ImUsersStatReq::default(), 1),
            Some(ImUsersStatRsp::ID),
            Dialect::MsgServerToRoute,
        ),
        // Whatever comes: a server that is told this is talked to by a server.
        (Pdu::new(&pace, 0), None, Dialect::MsgServerToLogin),
        (
            Pdu::new(&ImMsgServReq {}, 1),
            Some(ImMsgServRsp::ID),
            Dialect::ClientToLogin,
        ),
    ];
    let to = Address::direct(&address.ip().to_string(), address.port());
    for (question, answer, dialect) in questions {
        // A connection that is closed, or nothing for a second, is an answer too: that it is something else.
        if let Ok(Ok(pdu)) = timeout(QUESTION, word(&to, &question)).await
            && answer.is_none_or(|answer| answer == pdu.command())
        {
            return Ok(dialect);
        }
    }
    bail!("what {address} speaks cannot be told from its answers; say it with --as")
}

/// HTTP or WebSocket, if it answers as such. An error if nobody listens.
async fn guess_http(address: SocketAddr) -> anyhow::Result<Option<Dialect>> {
    let connecting = timeout(
        std::time::Duration::from_secs(5),
        TcpStream::connect(address),
    );
    let mut stream = connecting
        .await
        .map_err(|_| anyhow::anyhow!("{address} did not accept within 5 s"))?
        .with_context(|| format!("{address} cannot be reached"))?;
    let asking = async {
        stream.write_all(HANDSHAKE).await.ok()?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.ok()?;
        Some(head)
    };
    Ok(match timeout(QUESTION, asking).await {
        Ok(Some(head)) if &head == b"HTTP/1.1 101" => Some(Dialect::Websocket),
        Ok(Some(head)) if head.starts_with(b"HTTP/1.") => Some(Dialect::Http),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_file_names_ports_and_what_they_speak() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            of_run(dir.path())
                .unwrap_err()
                .to_string()
                .contains("ferrotalk up")
        );
        let json = r#"[
            {"role": "login_server", "index": 0, "pid": 1, "ports": {"http": 8080, "tcp": 8008, "registration": 8100, "admin": 8070}},
            {"role": "msg_server", "index": 1, "pid": 2, "ports": {"tcp": 8001, "websocket": 9091, "other": 5}}
        ]"#;
        std::fs::write(dir.path().join("run.json"), json).unwrap();
        let (targets, login) = of_run(dir.path()).unwrap();
        assert_eq!(login.as_deref(), Some("http://127.0.0.1:8080"));
        let found: Vec<_> = targets
            .iter()
            .map(|t| (t.name.as_str(), t.dialect))
            .collect();
        assert_eq!(
            found,
            [
                ("login_server 0 admin", Dialect::Http),
                ("login_server 0 http", Dialect::Http),
                ("login_server 0 registration", Dialect::MsgServerToLogin),
                ("login_server 0 tcp", Dialect::ClientToLogin),
                ("msg_server 1 tcp", Dialect::Client),
                ("msg_server 1 websocket", Dialect::Websocket),
            ]
        );
    }
}

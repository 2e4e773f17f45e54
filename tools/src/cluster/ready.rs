//! Whether a login would succeed now.

use std::time::Duration;

use super::ports::local;
use super::topology::Topology;
use crate::client::{Address, Target, get};

/// How long one question may take. Everything is on this machine.
const DEADLINE: Duration = Duration::from_secs(1);

/// What is missing, in words; nothing when every login_server names a msg_server and every msg_server is ready.
pub(super) async fn missing(topology: &Topology) -> Option<String> {
    for (index, ports) in topology.ports.msg.iter().enumerate() {
        if let Some(reason) = not_ready(ports.admin).await {
            return Some(format!("msg_server.{index} {reason}"));
        }
    }
    for (index, ports) in topology.ports.login.iter().enumerate() {
        if let Err(error) = Address::from_login(&format!("http://{}", local(ports.http))).await {
            return Some(format!("login_server.{index}: {error}"));
        }
    }
    None
}

async fn not_ready(admin: u16) -> Option<String> {
    let target = Target {
        host: "127.0.0.1".into(),
        port: admin,
        path: "/readyz".into(),
    };
    match get(&target, DEADLINE).await {
        Ok(response) if response.status == 200 => None,
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body);
            Some(format!("is not ready: {}", body.trim().replace('\n', ", ")))
        }
        Err(error) => Some(format!("does not answer: {error}")),
    }
}

//! Whether a login would succeed now.

use std::time::Duration;

use im_base::telemetry::metrics::MSG_SERVERS;

use super::topology::Topology;
use crate::client::{Target, Trust, get};

/// How long one question may take. Everything is on this machine.
const DEADLINE: Duration = Duration::from_secs(1);

/// What is missing, in words; nothing when every msg_server is ready and registered with every login_server.
///
/// No address is asked for: that would count as a client on its way, and the first real ones would be sent elsewhere.
pub(super) async fn missing(topology: &Topology) -> Option<String> {
    for (index, ports) in topology.ports.msg.iter().enumerate() {
        if let Some(reason) = not_ready(ports.admin).await {
            return Some(format!("msg_server.{index} {reason}"));
        }
    }
    for (index, ports) in topology.ports.login.iter().enumerate() {
        let registered = registered(ports.admin).await;
        if registered != Some(topology.ports.msg.len()) {
            let count = registered.unwrap_or(0);
            return Some(format!("login_server.{index} knows of {count} msg_servers"));
        }
        let question = match topology.security.clients_only {
            false => at(ports.http, "/"),
            true => {
                let mut target = at(ports.https, "/");
                target.trust = Trust::file(&topology.certificates().ca()).ok();
                target
            }
        };
        if let Err(error) = get(&question, DEADLINE).await {
            return Some(format!("login_server.{index} does not answer: {error}"));
        }
    }
    None
}

/// How many msg_servers a login_server has in its directory.
async fn registered(admin: u16) -> Option<usize> {
    let metrics = get(&at(admin, "/metrics"), DEADLINE).await.ok()?;
    let text = String::from_utf8_lossy(&metrics.body);
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix(MSG_SERVERS)?.strip_prefix(' '))?;
    count.parse().ok()
}

async fn not_ready(admin: u16) -> Option<String> {
    match get(&at(admin, "/readyz"), DEADLINE).await {
        Ok(response) if response.status == 200 => None,
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body);
            Some(format!("is not ready: {}", body.trim().replace('\n', ", ")))
        }
        Err(error) => Some(format!("does not answer: {error}")),
    }
}

fn at(port: u16, path: &str) -> Target {
    Target {
        host: "127.0.0.1".into(),
        port,
        path: path.into(),
        trust: None,
    }
}

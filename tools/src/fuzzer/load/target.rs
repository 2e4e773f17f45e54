//! What is loaded, and how its addresses are found.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::super::permit::Permit;
use crate::client::{TlsArgs, Trust, http};

/// An installation, and who may be sent to.
#[derive(Clone)]
pub struct Target {
    /// Where users find it.
    pub place: Place,
    /// Asked before every connection.
    pub permit: Permit,
    /// Every account's.
    pub password: String,
    /// Whether msg_servers are reached with TLS.
    pub tls: TlsArgs,
    /// The `pdu-fuzzer` to start further processes with; none for this program itself.
    pub program: Option<PathBuf>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Absent on purpose: the password.
        f.debug_struct("Target")
            .field("place", &self.place)
            .field("permit", &self.permit)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Login(url) => f.write_str(url),
            Place::Servers(servers) => f.write_str(&servers.join(", ")),
        }
    }
}

/// How a connection finds its msg_server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It asks the login_server at this URL each time, as stock clients do.
    Login(String),
    /// It takes one of these, `HOST:PORT`: the first user the first, the second the second, and so on in turn.
    Servers(Vec<String>),
}

/// Somebody to dial: a name for the certificate, and where it leads.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) host: String,
    pub(super) at: SocketAddr,
}

/// A place whose names are resolved and permitted.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// Ask this login_server with these bytes.
    Ask {
        login: Spot,
        is_https: bool,
        request: Vec<u8>,
    },
    /// Dial these in turn.
    Dial(Vec<Spot>),
}

impl Route {
    /// Resolves names, which waits for the system's resolver.
    pub(super) fn find(
        place: &Place,
        permit: Permit,
        trust: Option<&Trust>,
    ) -> anyhow::Result<Self> {
        match place {
            Place::Login(url) => {
                let target = http::Target::parse(url, trust)?;
                let target = crate::client::lookup(target);
                let login = Spot {
                    at: permit.resolve(&target.host, target.port)?,
                    host: target.host.clone(),
                };
                let (path, host) = (&target.path, target.authority());
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                Ok(Self::Ask {
                    login,
                    is_https: target.trust.is_some(),
                    request: request.into_bytes(),
                })
            }
            Place::Servers(servers) => {
                ensure!(!servers.is_empty(), "no msg_server is named");
                let addresses = servers.iter().map(|server| {
                    let (host, port) = server
                        .rsplit_once(':')
                        .with_context(|| format!("{server:?} is not HOST:PORT"))?;
                    let port: u16 = port
                        .parse()
                        .with_context(|| format!("{server:?}: {port:?} is no port"))?;
                    let at = permit.resolve(host, port)?;
                    let host = host.trim_matches(['[', ']']).to_owned();
                    Ok(Spot { host, at })
                });
                Ok(Self::Dial(addresses.collect::<anyhow::Result<_>>()?))
            }
        }
    }

    /// Whether everything that is known to be dialled is this machine itself.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Ask { login, .. } => login.at.ip().is_loopback(),
            Self::Dial(servers) => servers.iter().all(|server| server.at.ip().is_loopback()),
        }
    }

    /// Fails with the reason if nobody accepts connections there. Waits up to 5 s for each address.
    pub(super) fn knock(&self) -> anyhow::Result<()> {
        let addresses = match self {
            Self::Ask { login, .. } => std::slice::from_ref(login),
            Self::Dial(servers) => servers,
        };
        for Spot { at: address, .. } in addresses {
            let knocked =
                std::net::TcpStream::connect_timeout(address, std::time::Duration::from_secs(5));
            if let Err(error) = knocked {
                bail!("nobody answers at {address}: {error}");
            }
        }
        Ok(())
    }
}

//! How a msg_server is reached.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::{self, Address, Target, Trust};

/// What a connection of the kit runs on.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A msg_server that clients reach at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Set where the port speaks WebSocket: the path to ask for.
    pub websocket: Option<String>,
    /// Set where the port speaks TLS: whom to believe.
    pub trust: Option<Trust>,
}

impl Server {
    /// Connects, without a deadline of its own.
    pub(crate) async fn open(&self) -> std::io::Result<Box<dyn Stream>> {
        let address = Address {
            websocket: self.websocket.clone(),
            trust: self.trust.clone(),
            ..Address::direct(&self.host, self.port)
        };
        Ok(Box::new(client::Stream::open(&self.host, &address).await?))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secure = if self.trust.is_some() { "s" } else { "" };
        match &self.websocket {
            Some(path) => write!(f, "ws{secure}://{}:{}{path}", self.host, self.port),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Server {
    type Err = anyhow::Error;

    /// Reads `HOST:PORT` or `ws://HOST:PORT/PATH`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::parse(text, None)
    }
}

impl Server {
    /// The same; with somebody to believe the port speaks TLS, and the WebSocket is `wss://`.
    pub fn parse(text: &str, trust: Option<&Trust>) -> anyhow::Result<Self> {
        if text.starts_with("ws://") || text.starts_with("wss://") && trust.is_some() {
            return Ok(Self::from(&Address::websocket(text, trust)?));
        }
        if text.contains('/') {
            bail!("{text:?} is neither HOST:PORT nor ws://HOST:PORT/PATH");
        }
        let (_, port) = text.rsplit_once(':').context("give it as HOST:PORT")?;
        let target: Target = text.parse()?;
        if port.ends_with(']') {
            bail!("{text:?} has no port");
        }
        Ok(Self {
            host: target.host,
            port: target.port,
            websocket: None,
            trust: trust.cloned(),
        })
    }
}

impl From<&Address> for Server {
    fn from(address: &Address) -> Self {
        Self {
            host: address.hosts().next().unwrap_or_default().to_owned(),
            port: address.port,
            websocket: address.websocket.clone(),
            trust: address.trust.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_host_and_port() {
        let server: Server = "[::1]:8000".parse().unwrap();
        assert_eq!((server.host.as_str(), server.port), ("::1", 8000));
        let server: Server = "ws://example.org:9090/chat".parse().unwrap();
        assert_eq!(server.to_string(), "ws://example.org:9090/chat");
        for bad in ["host", "host:0", "http://host:1/", "[::1]", "wss://host"] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }
}

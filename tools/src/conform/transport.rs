//! How a msg_server is reached.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::client::{Address, Target};

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
}

impl Server {
    /// Connects, without a deadline of its own.
    pub(crate) async fn open(&self, transport: Transport) -> std::io::Result<Box<dyn Stream>> {
        match transport {
            Transport::Tcp => {
                let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Server {
    type Err = anyhow::Error;

    /// Reads `HOST:PORT`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text.contains('/') {
            bail!("{text:?} is not HOST:PORT");
        }
        let (_, port) = text.rsplit_once(':').context("give it as HOST:PORT")?;
        let target: Target = text.parse()?;
        if port.ends_with(']') {
            bail!("{text:?} has no port");
        }
        Ok(Self {
            host: target.host,
            port: target.port,
        })
    }
}

impl From<&Address> for Server {
    fn from(address: &Address) -> Self {
        Self {
            host: address.hosts().next().unwrap_or_default().to_owned(),
            port: address.port,
        }
    }
}

/// What carries the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A plain TCP connection.
    #[default]
    Tcp,
}

impl FromStr for Transport {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "tcp" => Ok(Self::Tcp),
            _ => bail!("{text:?} is no transport; tcp is"),
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
        for bad in ["host", "host:0", "http://host:1/", "[::1]"] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }
}

//! Whom the tool may send to: this machine, unless somebody says that the target is his.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

/// Consulted before every connection, also those to addresses that a login_server hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Permit {
    /// Send to addresses that are not this machine's loopback: only to servers that are yours
    #[arg(long)]
    i_own_this_target: bool,
}

/// An address that nothing is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "{address} is no loopback address, and nothing is sent to it: load and malformed data hurt whoever runs that server. If that is you, \
     give --i-own-this-target"
)]
pub struct NotPermitted {
    /// What would have been connected to.
    pub address: SocketAddr,
}

impl Permit {
    /// Loopback addresses alone.
    pub const LOOPBACK: Self = Self {
        i_own_this_target: false,
    };

    /// The address, if it may be sent to.
    pub fn check(self, address: SocketAddr) -> Result<SocketAddr, NotPermitted> {
        let loopback = match address.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) => ip.is_loopback(),
                None => ip.is_loopback(),
            },
        };
        if loopback || self.i_own_this_target {
            Ok(address)
        } else {
            Err(NotPermitted { address })
        }
    }

    /// The first address of `host`, a name or an address, that may be sent to.
    ///
    /// Asks the system's resolver and waits for it. Nothing else is sent.
    pub fn resolve(self, host: &str, port: u16) -> anyhow::Result<SocketAddr> {
        use std::net::ToSocketAddrs;
        let host = host.trim_matches(['[', ']']);
        let mut found = (host, port)
            .to_socket_addrs()
            .map_err(|error| anyhow::anyhow!("{host} cannot be resolved: {error}"))?
            .peekable();
        let Some(&first) = found.peek() else {
            anyhow::bail!("{host} has no address");
        };
        let permitted = found.find_map(|address| self.check(address).ok());
        permitted.ok_or_else(|| NotPermitted { address: first }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(permit: Permit, address: &str) -> bool {
        permit.check(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_loopback_is_sent_to_by_default() {
        for address in [
            "127.0.0.1:1",
            "127.9.8.7:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(check(Permit::LOOPBACK, address), "{address}");
        }
        let owned = Permit {
            i_own_this_target: true,
        };
        for address in [
            "10.0.0.1:1",
            "0.0.0.0:1",
            "[::]:1",
            "[::ffff:8.8.8.8]:1",
            "8.8.8.8:1",
        ] {
            assert!(!check(Permit::LOOPBACK, address), "{address}");
            assert!(check(owned, address), "{address}");
        }
    }

    #[test]
    fn a_refusal_names_the_address_and_the_way_out() {
        let error = Permit::LOOPBACK
            .resolve("192.0.2.1", 8000)
            .unwrap_err()
            .to_string();
        assert!(error.contains("192.0.2.1:8000"), "{error}");
        assert!(error.contains("--i-own-this-target"), "{error}");
    }
}

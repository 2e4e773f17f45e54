//! The commonest failure of an installation: msg_server tells clients an address that only itself can reach.

use std::net::IpAddr;

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// `0.0.0.0`: no address at all.
    Nowhere,
    /// Only the machine itself.
    Machine,
    /// Only the network it is in.
    Network,
    /// From anywhere.
    World,
}

fn reach(address: IpAddr) -> Reach {
    let address = address.to_canonical();
    if address.is_unspecified() {
        return Reach::Nowhere;
    }
    if address.is_loopback() {
        return Reach::Machine;
    }
    let local = match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if local { Reach::Network } else { Reach::World }
}

/// What is wrong with advertising `host` to clients who find login_server at `login`; `None` when nothing is.
///
/// Names are taken to be right: connecting shows whether they are.
pub(super) fn complaint(host: &str, login: IpAddr) -> Option<String> {
    let advertised = reach(host.parse().ok()?);
    if advertised == Reach::Nowhere {
        return Some(format!(
            "msg_server advertises {host}, which is no address to connect to"
        ));
    }
    if advertised >= reach(login) {
        return None;
    }
    let whose = match advertised {
        Reach::Machine => "every client's own machine",
        _ => "a private network",
    };
    Some(format!(
        "msg_server advertises {host}, which is {whose}, but login_server is at {login}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_reaches_less_far_than_login_server_s_is_wrong() {
        for (host, login, wrong) in [
            ("127.0.0.1", "127.0.0.1", false),
            ("127.0.0.1", "192.168.1.5", true),
            ("0.0.0.0", "127.0.0.1", true),
            ("192.168.1.5", "192.168.1.5", false),
            ("192.168.1.5", "8.8.8.8", true),
            ("100.64.0.1", "8.8.8.8", true),
            ("8.8.8.8", "192.168.1.5", false),
            ("::1", "2001:4860::1", true),
            ("im.example.org", "8.8.8.8", false),
        ] {
            assert_eq!(
                complaint(host, login.parse().unwrap()).is_some(),
                wrong,
                "{host} {login}"
            );
        }
    }
}

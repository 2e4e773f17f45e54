//! Which process listens where; the numbers follow from the rules in [`scheme`].

mod scheme;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use thiserror::Error;

/// How many processes of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// login_servers.
    pub login: u16,
    /// route_servers.
    pub route: u16,
    /// db_proxies.
    pub db: u16,
    /// msg_servers.
    pub msg: u16,
}

/// A login_server's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginPorts {
    /// `GET /msg_server`.
    pub http: u16,
    /// The same inside TLS.
    pub https: u16,
    /// The same question over the protocol.
    pub tcp: u16,
    /// msg_servers register here.
    pub registration: u16,
    /// Health and metrics.
    pub admin: u16,
}

/// A route_server's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutePorts {
    /// msg_servers connect here.
    pub servers: u16,
    /// Health and metrics.
    pub admin: u16,
}

/// A db_proxy's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DbPorts {
    /// msg_servers connect here.
    pub servers: u16,
    /// Health and metrics.
    pub admin: u16,
}

/// A msg_server's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsgPorts {
    /// Clients connect here.
    pub tcp: u16,
    /// Clients that speak TLS connect here.
    pub tls: u16,
    /// Clients that speak WebSocket connect here.
    pub websocket: u16,
    /// Those that do so inside TLS connect here.
    pub websocket_tls: u16,
    /// Back offices connect here, to the first one.
    pub api: Option<u16>,
    /// Health and metrics.
    pub admin: u16,
}

/// Every port of a topology; as many processes as there are entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPlan {
    /// One per login_server.
    pub login: Vec<LoginPorts>,
    /// One per route_server.
    pub route: Vec<RoutePorts>,
    /// One per db_proxy.
    pub db: Vec<DbPorts>,
    /// One per msg_server.
    pub msg: Vec<MsgPorts>,
}

/// A topology has no ports to listen on.
#[derive(Debug, Error)]
pub enum PortError {
    /// More processes than the scheme numbers.
    #[error("{count} {what} asked for, but there are ports for 1 to {max}{mend}")]
    Count {
        /// Of which process.
        what: &'static str,
        /// As asked.
        count: u16,
        /// As many as there is room for.
        max: u16,
        /// How to get more, or nothing.
        mend: &'static str,
    },
    /// The base leads above 65535 or below 1.
    #[error("--port-base {0} leads to ports outside 1 to 65535; choose one from 1024 to 65000")]
    Base(u16),
    /// Somebody else listens there.
    #[error(
        "port {port} ({what}) cannot be listened on: {error}; stop what uses it (`ss -ltnp 'sport = :{port}'` \
         names it) or shift every port with --port-base"
    )]
    Taken {
        /// The port.
        port: u16,
        /// What it is for.
        what: String,
        /// The system's words; not a `source`, for they stand in the middle of the sentence.
        error: std::io::Error,
    },
    /// The system gave no free port.
    #[error("asking the system for a free port")]
    None(#[from] std::io::Error),
}

impl PortPlan {
    /// Every port with what it is for; those for TLS only `with_tls`.
    pub fn all(&self, with_tls: bool) -> Vec<(u16, String)> {
        let mut all = Vec::new();
        for (i, p) in self.login.iter().enumerate() {
            all.push((p.http, format!("HTTP of login_server {i}")));
            all.push((p.tcp, format!("TCP of login_server {i}")));
            all.push((p.registration, format!("registration of login_server {i}")));
            all.push((p.admin, format!("admin of login_server {i}")));
        }
        for (i, p) in self.route.iter().enumerate() {
            all.push((p.servers, format!("route_server {i}")));
            all.push((p.admin, format!("admin of route_server {i}")));
        }
        for (i, p) in self.db.iter().enumerate() {
            all.push((p.servers, format!("db_proxy {i}")));
            all.push((p.admin, format!("admin of db_proxy {i}")));
        }
        for (i, p) in self.msg.iter().enumerate() {
            all.push((p.tcp, format!("clients of msg_server {i}")));
            all.push((p.websocket, format!("WebSocket of msg_server {i}")));
            all.extend(
                p.api
                    .map(|port| (port, format!("HTTP API of msg_server {i}"))),
            );
            all.push((p.admin, format!("admin of msg_server {i}")));
        }
        if with_tls {
            for (i, p) in self.login.iter().enumerate() {
                all.push((p.https, format!("HTTPS of login_server {i}")));
            }
            for (i, p) in self.msg.iter().enumerate() {
                all.push((p.tls, format!("TLS of msg_server {i}")));
                all.push((
                    p.websocket_tls,
                    format!("secure WebSocket of msg_server {i}"),
                ));
            }
        }
        all
    }

    /// Fails with the first port that cannot be listened on; those for TLS are looked at only `with_tls`.
    pub fn check_free(&self, with_tls: bool) -> Result<(), PortError> {
        for (port, what) in self.all(with_tls) {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| PortError::Taken {
                port,
                what,
                error,
            })?;
        }
        Ok(())
    }
}

/// A port on the only interface a topology listens on.
pub(super) fn local(port: u16) -> String {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn counts(login: u16, route: u16, db: u16, msg: u16) -> Counts {
        Counts {
            login,
            route,
            db,
            msg,
        }
    }

    #[test]
    fn a_base_shifts_every_port() {
        let plan = PortPlan::from_base(20_000, counts(2, 2, 2, 2)).unwrap();
        assert_eq!(
            plan.login[0],
            LoginPorts {
                http: 20_000,
                https: 20_006,
                tcp: 20_001,
                registration: 20_002,
                admin: 20_070
            }
        );
        assert_eq!(
            plan.route[0],
            RoutePorts {
                servers: 20_003,
                admin: 20_071
            }
        );
        assert_eq!(
            plan.db[0],
            DbPorts {
                servers: 20_004,
                admin: 20_072
            }
        );
        assert_eq!(
            plan.msg[1],
            MsgPorts {
                tcp: 20_011,
                tls: 20_031,
                websocket: 20_051,
                websocket_tls: 20_201,
                api: None,
                admin: 20_074
            }
        );
        assert_eq!(plan.msg[0].api, Some(20_005));
        assert_eq!(plan.login[1].http, 20_110);
        assert_eq!(
            plan.db[1],
            DbPorts {
                servers: 20_114,
                admin: 20_117
            }
        );
    }

    #[test]
    fn no_port_is_used_twice() {
        for plan in [
            PortPlan::from_base(20_000, counts(9, 9, 9, 20)).unwrap(),
            PortPlan::default_ports(counts(9, 9, 9, 8)).unwrap(),
            PortPlan::free(counts(2, 2, 2, 3)).unwrap(),
        ] {
            for with_tls in [false, true] {
                let all = plan.all(with_tls).into_iter();
                let ports: HashSet<u16> = all.map(|(port, _)| port).collect();
                assert_eq!(ports.len(), plan.all(with_tls).len());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_mend() {
        let error = PortPlan::default_ports(counts(1, 1, 1, 9))
            .unwrap_err()
            .to_string();
        assert!(error.contains("--port-base"), "{error}");
        assert!(PortPlan::default_ports(counts(1, 0, 1, 1)).is_err());
        assert!(matches!(
            PortPlan::from_base(65_500, counts(1, 1, 1, 1)),
            Err(PortError::Base(65_500))
        ));
    }

    #[test]
    fn a_taken_port_is_named() {
        let plan = PortPlan::free(counts(1, 1, 1, 1)).unwrap();
        let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, plan.db[0].servers)).unwrap();
        let error = plan.check_free(false).unwrap_err().to_string();
        assert!(
            error.contains(&plan.db[0].servers.to_string()) && error.contains("db_proxy 0"),
            "{error}"
        );
    }
}

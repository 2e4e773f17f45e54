//! Which process listens where.
//!
//! From a base P (`--port-base P`): login HTTP P, login TCP P+1, registration P+2, route P+3, db P+4, msg_server i
//! P+10+i (P+30+i and P+50+i are kept for its TLS and WebSocket), admin ports from P+70 in the order login, route,
//! db, msg 0, msg 1 … A further login, route or db process i ≥ 1 has the block P+100+10·i: the same offsets 0 to 4,
//! its admin ports at 5 (login), 6 (route) and 7 (db).
//!
//! Without a base: 8080, 8008, 8100, 8200, 10600, 8000+i, admin from 8170, further blocks from 8300+10·i.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use thiserror::Error;

/// msg_servers that a base has room for: up to the ports that are kept for TLS.
const MAX_MSG_SERVERS: u16 = 20;

/// msg_servers that the default ports have room for: up to login_server's 8008.
const MAX_DEFAULT_MSG_SERVERS: u16 = 8;

/// Processes of each other kind.
const MAX_OTHERS: u16 = 9;

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
        "port {port} ({what}) cannot be listened on: {source}; stop what uses it (`ss -ltnp 'sport = :{port}'` \
         names it) or shift every port with --port-base"
    )]
    Taken {
        /// The port.
        port: u16,
        /// What it is for.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system gave no free port.
    #[error("asking the system for a free port")]
    None(#[from] std::io::Error),
}

impl PortPlan {
    /// The well-known ports.
    pub fn default_ports(counts: Counts) -> Result<Self, PortError> {
        check(
            counts,
            MAX_DEFAULT_MSG_SERVERS,
            "; --port-base gives room for 20",
        )?;
        let further = |i: u16| 8300 + 10 * i;
        Ok(Self {
            login: (0..counts.login)
                .map(|i| match i {
                    0 => LoginPorts {
                        http: 8080,
                        tcp: 8008,
                        registration: 8100,
                        admin: 8170,
                    },
                    i => login_at(further(i), further(i) + 5),
                })
                .collect(),
            route: (0..counts.route)
                .map(|i| match i {
                    0 => RoutePorts {
                        servers: 8200,
                        admin: 8171,
                    },
                    i => RoutePorts {
                        servers: further(i) + 3,
                        admin: further(i) + 6,
                    },
                })
                .collect(),
            db: (0..counts.db)
                .map(|i| match i {
                    0 => DbPorts {
                        servers: 10600,
                        admin: 8172,
                    },
                    i => DbPorts {
                        servers: further(i) + 4,
                        admin: further(i) + 7,
                    },
                })
                .collect(),
            msg: (0..counts.msg)
                .map(|i| MsgPorts {
                    tcp: 8000 + i,
                    admin: 8173 + i,
                })
                .collect(),
        })
    }

    /// The ports that follow from a base.
    pub fn from_base(base: u16, counts: Counts) -> Result<Self, PortError> {
        check(counts, MAX_MSG_SERVERS, "")?;
        if base == 0 || base > u16::MAX - 100 - 10 * MAX_OTHERS {
            return Err(PortError::Base(base));
        }
        // Where process i of a kind has its first port, and where its admin port is.
        let place = |i: u16, kind: u16| match i {
            0 => (base, base + 70 + kind),
            i => (base + 100 + 10 * i, base + 105 + 10 * i + kind),
        };
        let login = |i| {
            let (first, admin) = place(i, 0);
            login_at(first, admin)
        };
        let route = |i| {
            let (first, admin) = place(i, 1);
            RoutePorts {
                servers: first + 3,
                admin,
            }
        };
        let db = |i| {
            let (first, admin) = place(i, 2);
            DbPorts {
                servers: first + 4,
                admin,
            }
        };
        let msg = |i| MsgPorts {
            tcp: base + 10 + i,
            admin: base + 73 + i,
        };
        Ok(Self {
            login: (0..counts.login).map(login).collect(),
            route: (0..counts.route).map(route).collect(),
            db: (0..counts.db).map(db).collect(),
            msg: (0..counts.msg).map(msg).collect(),
        })
    }

    /// Ports that are free now, each another one. Somebody else may take one before it is listened on: for tests.
    pub fn free(counts: Counts) -> Result<Self, PortError> {
        check(counts, u16::MAX, "")?;
        // All are held until the last one is known, so that none is given twice.
        let mut held = Vec::new();
        let mut free = || -> Result<u16, PortError> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        let mut plan = Self {
            login: vec![],
            route: vec![],
            db: vec![],
            msg: vec![],
        };
        for _ in 0..counts.login {
            let (http, tcp, registration, admin) = (free()?, free()?, free()?, free()?);
            plan.login.push(LoginPorts {
                http,
                tcp,
                registration,
                admin,
            });
        }
        for _ in 0..counts.route {
            plan.route.push(RoutePorts {
                servers: free()?,
                admin: free()?,
            });
        }
        for _ in 0..counts.db {
            plan.db.push(DbPorts {
                servers: free()?,
                admin: free()?,
            });
        }
        for _ in 0..counts.msg {
            plan.msg.push(MsgPorts {
                tcp: free()?,
                admin: free()?,
            });
        }
        Ok(plan)
    }

    /// Every port with what it is for.
    pub fn all(&self) -> Vec<(u16, String)> {
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
            all.push((p.admin, format!("admin of msg_server {i}")));
        }
        all
    }

    /// Fails with the first port that cannot be listened on.
    pub fn check_free(&self) -> Result<(), PortError> {
        for (port, what) in self.all() {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| PortError::Taken {
                port,
                what,
                source,
            })?;
        }
        Ok(())
    }
}

/// A port on the only interface a topology listens on.
pub(super) fn local(port: u16) -> String {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string()
}

fn login_at(first: u16, admin: u16) -> LoginPorts {
    LoginPorts {
        http: first,
        tcp: first + 1,
        registration: first + 2,
        admin,
    }
}

fn check(counts: Counts, max_msg: u16, mend: &'static str) -> Result<(), PortError> {
    let wanted = [
        ("msg_servers", counts.msg, max_msg, mend),
        ("login_servers", counts.login, MAX_OTHERS, ""),
        ("route_servers", counts.route, MAX_OTHERS, ""),
        ("db_proxies", counts.db, MAX_OTHERS, ""),
    ];
    for (what, count, max, mend) in wanted {
        if count == 0 || count > max {
            return Err(PortError::Count {
                what,
                count,
                max,
                mend,
            });
        }
    }
    Ok(())
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
                admin: 20_074
            }
        );
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
    fn no_port_is_used_twice_and_tls_and_websocket_stay_free() {
        let kept: HashSet<u16> = (0..20).flat_map(|i| [20_030 + i, 20_050 + i]).collect();
        for plan in [
            PortPlan::from_base(20_000, counts(9, 9, 9, 20)).unwrap(),
            PortPlan::default_ports(counts(9, 9, 9, 8)).unwrap(),
            PortPlan::free(counts(2, 2, 2, 3)).unwrap(),
        ] {
            let ports: HashSet<u16> = plan.all().into_iter().map(|(port, _)| port).collect();
            assert_eq!(ports.len(), plan.all().len());
            assert!(ports.is_disjoint(&kept));
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
        let error = plan.check_free().unwrap_err().to_string();
        assert!(
            error.contains(&plan.db[0].servers.to_string()) && error.contains("db_proxy 0"),
            "{error}"
        );
    }
}

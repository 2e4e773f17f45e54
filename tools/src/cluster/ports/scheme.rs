//! Which numbers the ports have.
//!
//! From a base P (`--port-base P`): login HTTP P, login TCP P+1, registration P+2, route P+3, db P+4, msg_server i
//! P+10+i, its TLS P+30+i, its WebSocket P+50+i, that inside TLS P+200+i, admin ports from P+70 in the order login, route,
//! db, msg 0, msg 1 … login HTTPS is P+6. A further login, route or db process i ≥ 1 has the block P+100+10·i: the same offsets 0 to 4, its
//! admin ports at 5 (login), 6 (route) and 7 (db), its HTTPS at 8.
//!
//! Without a base: 8080, 8008, 8100, 8200, 10600, 8400, 8000+i, TLS 8443+i, WebSocket 9090+i, that inside TLS 9443+i, HTTPS
//! 8081, admin from 8170, further blocks from
//! 8300+10·i.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use super::{Counts, DbPorts, LoginPorts, MsgPorts, PortError, PortPlan, RoutePorts};

/// msg_servers that a base has room for: up to the ports for their TLS.
const MAX_MSG_SERVERS: u16 = 20;

/// msg_servers that the default ports have room for: up to login_server's 8008.
const MAX_DEFAULT_MSG_SERVERS: u16 = 8;

/// Processes of each other kind.
const MAX_OTHERS: u16 = 9;

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
                        https: 8081,
                        tcp: 8008,
                        registration: 8100,
                        admin: 8170,
                    },
                    i => login_at(further(i), further(i) + 8, further(i) + 5),
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
                    tls: 8443 + i,
                    websocket: 9090 + i,
                    websocket_tls: 9443 + i,
                    api: (i == 0).then_some(8400),
                    admin: 8173 + i,
                })
                .collect(),
        })
    }

    /// The ports that follow from a base.
    pub fn from_base(base: u16, counts: Counts) -> Result<Self, PortError> {
        check(counts, MAX_MSG_SERVERS, "")?;
        if base == 0 || base > u16::MAX - 200 - MAX_MSG_SERVERS {
            return Err(PortError::Base(base));
        }
        // Where process i of a kind has its first port, and where its admin port is.
        let place = |i: u16, kind: u16| match i {
            0 => (base, base + 70 + kind),
            i => (base + 100 + 10 * i, base + 105 + 10 * i + kind),
        };
        let login = |i| {
            let (first, admin) = place(i, 0);
            let https = first + if i == 0 { 6 } else { 8 };
            login_at(first, https, admin)
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
            tls: base + 30 + i,
            websocket: base + 50 + i,
            websocket_tls: base + 200 + i,
            api: (i == 0).then_some(base + 5),
            admin: base + 73 + i,
        };
        Ok(Self {
            login: (0..counts.login).map(login).collect(),
            route: (0..counts.route).map(route).collect(),
            db: (0..counts.db).map(db).collect(),
            msg: (0..counts.msg).map(msg).collect(),
        })
    }

    /// Ports that are free now, each another one, and none that this process was given before. Another process may take one
    /// before it is listened on, which is unlikely: for tests.
    pub fn free(counts: Counts) -> Result<Self, PortError> {
        check(counts, u16::MAX, "")?;
        let mut plan = Self {
            login: vec![],
            route: vec![],
            db: vec![],
            msg: vec![],
        };
        for _ in 0..counts.login {
            let (http, tcp, registration, admin) = (free()?, free()?, free()?, free()?);
            let https = free()?;
            plan.login.push(LoginPorts {
                http,
                https,
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
        for i in 0..counts.msg {
            plan.msg.push(MsgPorts {
                tcp: free()?,
                tls: free()?,
                websocket: free()?,
                websocket_tls: free()?,
                api: (i == 0).then(free).transpose()?,
                admin: free()?,
            });
        }
        Ok(plan)
    }
}

/// Not among those that systems give to outgoing connections, one of which could take it at any moment.
fn free() -> Result<u16, PortError> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut error = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..1_000 {
        let port = fastrand::u16(10_000..32_000);
        if given.contains(&port) {
            continue;
        }
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_free) => {
                given.insert(port);
                return Ok(port);
            }
            Err(refused) => error = refused,
        }
    }
    Err(error.into())
}

fn login_at(first: u16, https: u16, admin: u16) -> LoginPorts {
    LoginPorts {
        http: first,
        https,
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

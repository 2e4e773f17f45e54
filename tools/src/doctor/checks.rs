//! The steps of a client, from the URL to the server's clock.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::im::other::ImHeartBeat;
use proto::{Body, Pdu};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::advertised;
use super::report::{Report, Stop, chain};
use crate::client::{
    Address, AddressError, Client, Connection, Device, LoginError, Session, Status, Target, Trust,
    get, lookup,
};

/// For each step.
const DEADLINE: Duration = Duration::from_secs(5);

/// A heartbeat's number; any will do, the echo has to be the same.
const HEARTBEAT_SEQ_NUM: u16 = 777;

/// Clocks that differ by more than this make messages appear at odd times.
const CLOCK_TOLERANCE: u64 = 60;

/// Every check in turn, up to the first one that the others need and that failed.
pub(super) async fn all(
    report: &mut Report,
    url: &str,
    trust: Option<&Trust>,
    credentials: Option<(String, String)>,
) -> Result<(), Stop> {
    let target = parse(report, url, trust)?;
    let login = reach(report, &target).await?;
    let body = ask(report, &target).await?;
    let address = read(report, &body, trust)?;
    judge(report, &address, login);
    let mut connection = connect(report, &address).await?;
    echo(report, &mut connection).await?;
    let Some((user, password)) = credentials else {
        report.ok("login", "not tried: no --user was given");
        return Ok(());
    };
    let session = log_in(report, connection, &user, &password).await?;
    clock(report, &session).await?;
    // It has answered; whether it also says goodbye is no finding.
    drop(session.logout().await);
    Ok(())
}

fn parse(report: &mut Report, url: &str, trust: Option<&Trust>) -> Result<Target, Stop> {
    match Target::parse(url, trust) {
        Ok(target) => {
            let target = lookup(target);
            report.ok("url", target.to_string());
            Ok(target)
        }
        Err(error) => Err(report.fail(
            "url",
            chain(&error),
            "give it as http://HOST:PORT, where PORT is login_server's [clients] http",
        )),
    }
}

/// Resolves the name and connects; gives the address that accepted.
async fn reach(report: &mut Report, target: &Target) -> Result<IpAddr, Stop> {
    let lookup = lookup_host((target.host.as_str(), target.port));
    let found: Vec<SocketAddr> = match timeout(DEADLINE, lookup).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            return Err(report.fail(
                "name",
                format!("{} does not resolve: {error}", target.host),
                "check the spelling and the DNS record",
            ));
        }
        Err(_) => {
            return Err(report.fail(
                "name",
                format!("{} does not resolve in time", target.host),
                "check this machine's DNS server",
            ));
        }
    };
    let list: Vec<String> = found
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    report.ok("name", format!("{} is {}", target.host, list.join(", ")));
    let began = Instant::now();
    match timeout(DEADLINE, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(stream)) => {
            let ip = stream.peer_addr().map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.ip());
            report.ok("tcp", format!("{} accepts ({})", target.authority(), took(began)));
            Ok(ip)
        }
        Ok(Err(error)) => Err(report.fail(
            "tcp",
            format!("{} does not accept: {error}", target.authority()),
            "start login_server; check that [clients] http listens on an outer address (0.0.0.0:8080), not on 127.0.0.1",
        )),
        Err(_) => Err(report.fail(
            "tcp",
            format!("{} does not answer", target.authority()),
            "a firewall swallows packets on the way: open the port",
        )),
    }
}

async fn ask(report: &mut Report, target: &Target) -> Result<Vec<u8>, Stop> {
    const MEND: &str = "is another program on this port, or a proxy in front of it? It has to be login_server's [clients] http";
    let began = Instant::now();
    match get(target, DEADLINE).await {
        Ok(response) if response.status == 200 => {
            report.ok("http", format!("answers ({})", took(began)));
            Ok(response.body.to_vec())
        }
        Ok(response) => Err(report.fail(
            "http",
            format!("answers with status {}", response.status),
            MEND,
        )),
        Err(error) => Err(report.fail("http", chain(&error), MEND)),
    }
}

fn read(report: &mut Report, body: &[u8], trust: Option<&Trust>) -> Result<Address, Stop> {
    let parsed = Address::parse(body).and_then(|address| address.secured(trust));
    let error = match parsed {
        Ok(address) => {
            let hosts: Vec<&str> = address.hosts().collect();
            report.ok(
                "answer",
                format!(
                    "msg_server at {}, port {}{}",
                    hosts.join(" or "),
                    address.port,
                    if trust.is_some() { " with TLS" } else { "" }
                ),
            );
            return Ok(address);
        }
        Err(error) => error,
    };
    let mend = match error {
        AddressError::NoMsgServer => {
            "start a msg_server; if one runs, look at its [peers] login and whether it can reach login_server's [servers] listen"
        }
        AddressError::Full => "start another msg_server, or raise the limit of those that run",
        AddressError::NoTls => {
            "give msg_server [clients] tls and a certificate in [tls]; behind a proxy that speaks TLS, [announce] tls_port"
        }
        AddressError::OnlyTls => "look with --tls: this msg_server speaks nothing else",
        _ => {
            "is this login_server? Its answer is a JSON object with code, priorIP, backupIP and port"
        }
    };
    Err(report.fail("answer", chain(&error), mend))
}

fn judge(report: &mut Report, address: &Address, login: IpAddr) {
    let complaints: Vec<String> = address
        .hosts()
        .filter_map(|host| advertised::complaint(host, login))
        .collect();
    if complaints.is_empty() {
        report.ok("announce", "reaches as far as login_server");
    }
    for complaint in complaints {
        report.warn("announce", complaint, "set [announce] address1 (and address2) in msg_server's configuration to what clients can reach");
    }
}

async fn connect(report: &mut Report, address: &Address) -> Result<Connection, Stop> {
    const MEND: &str = "check that msg_server runs, that [clients] listen is an outer address, and that the firewall lets its port through";
    const MEND_TLS: &str = "check that msg_server runs, that [clients] tls is an outer address, and that its certificate is valid, has the name \
                            that is announced ([announce] address1) and is by the CA given with --ca";
    let mend = if address.trust.is_some() {
        MEND_TLS
    } else {
        MEND
    };
    let mut first = None;
    for host in address.hosts() {
        let began = Instant::now();
        let to = Address {
            trust: address.trust.clone(),
            ..Address::direct(host, address.port)
        };
        match Connection::connect(&to).await {
            Ok(connection) => {
                report.ok(
                    "connect",
                    format!("{host}:{} accepts ({})", address.port, took(began)),
                );
                first = first.or(Some(connection));
            }
            // Stock clients on Windows try the first address only.
            Err(error) => drop(report.fail("connect", chain(&error), mend)),
        }
    }
    first.ok_or(Stop)
}

async fn echo(report: &mut Report, connection: &mut Connection) -> Result<(), Stop> {
    const MEND: &str = "does another program listen on msg_server's port, or a proxy that does not pass TCP on unchanged?";
    let began = Instant::now();
    let sent = Pdu::new(&ImHeartBeat {}, HEARTBEAT_SEQ_NUM);
    if let Err(error) = connection.send_pdu(&sent).await {
        return Err(report.fail("heartbeat", chain(&error), MEND));
    }
    match connection.receive(DEADLINE).await {
        Ok(pdu) if pdu == sent => {
            report.ok("heartbeat", format!("is echoed ({})", took(began)));
            Ok(())
        }
        Ok(pdu) => Err(report.fail(
            "heartbeat",
            format!(
                "answered with {} instead of {}",
                pdu.command(),
                ImHeartBeat::ID
            ),
            MEND,
        )),
        Err(error) => Err(report.fail("heartbeat", chain(&error), MEND)),
    }
}

async fn log_in(
    report: &mut Report,
    connection: Connection,
    user: &str,
    password: &str,
) -> Result<Session, Stop> {
    let began = Instant::now();
    let client = Client::on(connection);
    let error = match client
        .login(user, password, Device::Windows, Status::Online)
        .await
    {
        Ok((session, _events)) => {
            report.ok(
                "login",
                format!("{user} is user {} ({})", session.user_id(), took(began)),
            );
            return Ok(session);
        }
        Err(error) => error,
    };
    let mend = match &error {
        LoginError::Refused { code: 3, .. } => {
            "start db_proxy; look at msg_server's [peers] db and its /readyz"
        }
        LoginError::Refused { code: 4, .. } => {
            "start login_server; look at msg_server's [peers] login and its /readyz"
        }
        LoginError::Refused { code: 5, .. } => {
            "start route_server; look at msg_server's [peers] route and its /readyz"
        }
        LoginError::Refused { code: 6, .. } => {
            "`ferrotalk user passwd NAME` sets a new password; many failures in a row lock a name for a while"
        }
        LoginError::Refused { .. } => "the code is msg_server's; look into its log",
        _ => "look into msg_server's and db_proxy's logs: the login came in and was not answered",
    };
    Err(report.fail("login", chain(&error), mend))
}

async fn clock(report: &mut Report, session: &Session) -> Result<(), Stop> {
    let began = Instant::now();
    let server = match session.time().await {
        Ok(time) => u64::from(time),
        Err(error) => {
            return Err(report.fail("clock", chain(&error), "look into msg_server's log"));
        }
    };
    let latency = took(began);
    let here = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let apart = server.abs_diff(here);
    if apart > CLOCK_TOLERANCE {
        report.warn(
            "clock",
            format!("differs from this machine's by {apart} s; answers within {latency}"),
            "set both machines' clocks by NTP",
        );
    } else {
        report.ok(
            "clock",
            format!("agrees with this machine's; answers within {latency}"),
        );
    }
    Ok(())
}

fn took(began: Instant) -> String {
    format!("{:.1} ms", began.elapsed().as_secs_f64() * 1000.0)
}

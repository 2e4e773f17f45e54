//! Where to log in: login_server's answer to `GET /msg_server` (PROTOCOL.md, "Finding a msg_server"), or a WebSocket's URL.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::error::AddressError;
use super::http::{HttpError, Target, get};
use super::trust::Trust;

/// How long login_server may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(5);

/// A msg_server as login_server advertises it: two addresses of the same process and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// To be tried first.
    pub prior: String,
    /// To be tried when the first does not accept; often the same, or empty.
    pub backup: String,
    /// Never 0 where it is the one to connect to.
    pub port: u16,
    /// The port for TLS, where there is one.
    pub tls_port: Option<u16>,
    /// Set where the port speaks WebSocket: the path to ask for.
    pub websocket: Option<String>,
    /// Set where the port speaks TLS: whom to believe.
    pub trust: Option<Trust>,
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads the URL of a WebSocket, `ws://host[:port][/path]`.
    fn from_str(url: &str) -> Result<Self, AddressError> {
        Self::websocket(url, None)
    }
}

impl Address {
    /// Reads the URL of a WebSocket, `ws://host[:port][/path]`; with somebody to believe `wss://` as well.
    pub fn websocket(url: &str, trust: Option<&Trust>) -> Result<Self, AddressError> {
        let refused = |reason: &str| {
            AddressError::Http(HttpError::Url {
                url: url.to_owned(),
                reason: reason.to_owned(),
            })
        };
        let http = match url.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) if trust.is_some() => format!("https://{rest}"),
            Some(("wss", _)) => return Err(refused("wss:// needs TLS: add --tls")),
            _ => return Err(refused("it does not begin with ws://")),
        };
        let target = Target::parse(&http, trust)?;
        Ok(Self {
            websocket: Some(target.path.clone()),
            trust: target.trust.clone(),
            ..Self::direct(&target.host, target.port)
        })
    }

    /// The same msg_server at its port for TLS, if somebody is to be believed. An error if it has none.
    pub fn secured(self, trust: Option<&Trust>) -> Result<Self, AddressError> {
        match (trust, self.tls_port) {
            (None, _) if self.port == 0 => Err(AddressError::OnlyTls),
            (None, _) => Ok(self),
            (Some(_), None) => Err(AddressError::NoTls),
            (Some(trust), Some(port)) => Ok(Self {
                port,
                trust: Some(trust.clone()),
                ..self
            }),
        }
    }

    /// An address that is known without asking.
    pub fn direct(host: &str, port: u16) -> Self {
        Self {
            prior: host.to_owned(),
            backup: String::new(),
            port,
            tls_port: None,
            websocket: None,
            trust: None,
        }
    }

    /// Asks login_server, whose URL may or may not end in `/msg_server`. Takes 5 s at most. Cancel-safe.
    pub async fn from_login(url: &str) -> Result<Self, AddressError> {
        Self::from_login_with(url, None).await
    }

    /// The same; with somebody to believe the URL may be `https://`, and the address is that for TLS. Cancel-safe.
    pub async fn from_login_with(url: &str, trust: Option<&Trust>) -> Result<Self, AddressError> {
        let target = lookup(Target::parse(url, trust)?);
        let response = get(&target, DEADLINE).await?;
        if response.status != 200 {
            return Err(AddressError::Status {
                url: target.to_string(),
                status: response.status,
            });
        }
        Self::parse(&response.body)?.secured(trust)
    }

    /// Reads login_server's JSON. The port may be a string or a number; unknown keys are ignored.
    pub fn parse(body: &[u8]) -> Result<Self, AddressError> {
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|error| AddressError::Unreadable(error.to_string()))?;
        match answer.code {
            0 => {}
            1 => return Err(AddressError::NoMsgServer),
            2 => return Err(AddressError::Full),
            code => {
                return Err(AddressError::Code {
                    code,
                    message: answer.msg,
                });
            }
        }
        let tls_port = read_port(&answer.tls_port);
        // 0 says that there is no port without TLS.
        let port = match read_port(&answer.port) {
            Some(port) => port,
            None if tls_port.is_some() => 0,
            None => return Err(AddressError::Unreadable(format!("port is {}", answer.port))),
        };
        if answer.prior.is_empty() && answer.backup.is_empty() {
            return Err(AddressError::Unreadable(
                "priorIP and backupIP are empty".into(),
            ));
        }
        Ok(Self {
            prior: answer.prior,
            backup: answer.backup,
            port,
            tls_port,
            websocket: None,
            trust: None,
        })
    }

    /// The addresses to try, in order, without an empty or a repeated one.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let backup = (self.backup != self.prior).then_some(self.backup.as_str());
        std::iter::once(self.prior.as_str())
            .chain(backup)
            .filter(|host| !host.is_empty())
    }
}

/// login_server's URL with the path that clients ask for.
pub(crate) fn lookup(target: Target) -> Target {
    let base = target.path.trim_end_matches('/');
    if base.ends_with("/msg_server") {
        return target;
    }
    let path = format!("{base}/msg_server");
    target.with_path(&path)
}

#[derive(Deserialize)]
struct Answer {
    code: i64,
    #[serde(default)]
    msg: String,
    #[serde(default, rename = "priorIP")]
    prior: String,
    #[serde(default, rename = "backupIP")]
    backup: String,
    #[serde(default)]
    port: Value,
    #[serde(default, rename = "tlsPort")]
    tls_port: Value,
}

fn read_port(port: &Value) -> Option<u16> {
    let number = match port {
        Value::String(text) => text.trim().parse().ok()?,
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        _ => return None,
    };
    (number != 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_a_string_or_a_number() {
        for port in ["\"8000\"", "8000"] {
            let body = format!(
                r#"{{"code":0,"msg":"","priorIP":"10.0.0.1","backupIP":"10.0.0.2","port":{port},"discovery":"x"}}"#
            );
            let address = Address::parse(body.as_bytes()).unwrap();
            assert_eq!(address.port, 8000);
            assert_eq!(
                address.hosts().collect::<Vec<_>>(),
                ["10.0.0.1", "10.0.0.2"]
            );
        }
    }

    #[test]
    fn a_port_for_tls_may_be_the_only_one() {
        let body = |port: &str| {
            format!(r#"{{"code":0,"priorIP":"10.0.0.1","port":"{port}","tlsPort":"8443"}}"#)
        };
        let both = Address::parse(body("8000").as_bytes()).unwrap();
        assert_eq!((both.port, both.tls_port), (8000, Some(8443)));
        assert_eq!(both.secured(None).unwrap().port, 8000);
        let only = Address::parse(body("0").as_bytes()).unwrap();
        assert!(matches!(only.secured(None), Err(AddressError::OnlyTls)));
    }

    #[test]
    fn one_address_twice_is_tried_once() {
        let body = br#"{"code":0,"priorIP":"10.0.0.1","backupIP":"10.0.0.1","port":"8000"}"#;
        assert_eq!(Address::parse(body).unwrap().hosts().count(), 1);
    }

    #[test]
    fn codes_and_nonsense_are_told_apart() {
        let parse = |body: &str| Address::parse(body.as_bytes()).unwrap_err();
        assert!(matches!(
            parse(r#"{"code":1,"msg":"none"}"#),
            AddressError::NoMsgServer
        ));
        assert!(matches!(
            parse(r#"{"code":2,"msg":"full"}"#),
            AddressError::Full
        ));
        assert!(matches!(
            parse(r#"{"code":9,"msg":"x"}"#),
            AddressError::Code { code: 9, .. }
        ));
        for body in [
            "<html>",
            "{}",
            r#"{"code":0,"priorIP":"a","port":"0"}"#,
            r#"{"code":0,"priorIP":"a","port":"99999"}"#,
            r#"{"code":0,"port":"8000"}"#,
        ] {
            assert!(matches!(parse(body), AddressError::Unreadable(_)), "{body}");
        }
    }

    #[test]
    fn a_websocket_is_named_by_its_url() {
        let address: Address = "ws://[::1]:9090/chat".parse().unwrap();
        let websocket = Some("/chat".to_owned());
        let wanted = Address {
            websocket,
            ..Address::direct("::1", 9090)
        };
        assert_eq!(address, wanted);
        for url in ["wss://h:1/", "http://h:1/", "h:1", "ws://", "ws://h:0/"] {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
    }

    #[test]
    fn the_lookup_path_is_added_once() {
        for url in ["http://h:1", "http://h:1/", "http://h:1/msg_server"] {
            assert_eq!(lookup(url.parse().unwrap()).path, "/msg_server");
        }
        assert_eq!(
            lookup("http://h:1/im/".parse().unwrap()).path,
            "/im/msg_server"
        );
    }
}

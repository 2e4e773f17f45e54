//! login_server's answer, read from bytes.

use anyhow::{Context, bail};

use super::super::super::permit::Permit;
use super::super::target::Spot;
use crate::client::{Address, Trust};

/// The largest answer that is read.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// Whether the answer is whole, as far as its own words tell; otherwise the connection's end does.
pub(super) fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else {
        return false;
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let length = lines.find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}

/// The msg_server that it names, the first address that may be sent to.
pub(super) fn address(
    answer: &[u8],
    permit: Permit,
    trust: Option<&Trust>,
) -> anyhow::Result<Spot> {
    let (head, body) = split(answer).context("login_server's answer is no HTTP")?;
    let status = head.split(|byte| *byte == b' ').nth(1);
    if status != Some(b"200") {
        let status = String::from_utf8_lossy(status.unwrap_or_default());
        bail!("login_server answers with status {status}");
    }
    let address = Address::parse(body).and_then(|address| address.secured(trust));
    let address = address.context("login_server's answer")?;
    let mut refused = None;
    for host in address.hosts() {
        match permit.resolve(host, address.port) {
            Ok(at) => {
                let host = host.to_owned();
                return Ok(Spot { host, at });
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.context("login_server names no address")?)
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    const END: &[u8] = b"\r\n\r\n";
    let at = answer.windows(END.len()).position(|window| window == END)?;
    Some((&answer[..at], &answer[at + END.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn an_answer_is_whole_at_its_length() {
        let whole = answer("200 OK", "{}");
        assert!(is_whole(&whole));
        assert!(!is_whole(&whole[..whole.len() - 1]));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n\r\n{}"));
    }

    #[test]
    fn an_address_is_permitted_or_refused() {
        let named = |ip: &str| {
            let body =
                format!(r#"{{"code":0,"msg":"","priorIP":"{ip}","backupIP":"","port":"8000"}}"#);
            address(&answer("200 OK", &body), Permit::LOOPBACK, None)
        };
        assert_eq!(named("127.0.0.1").unwrap().at.to_string(), "127.0.0.1:8000");
        let error = named("192.0.2.1").unwrap_err().to_string();
        assert!(error.contains("--i-own-this-target"), "{error}");
        let full = answer("200 OK", r#"{"code":2,"msg":"full"}"#);
        assert!(address(&full, Permit::LOOPBACK, None).is_err());
        assert!(address(&answer("404 Not Found", ""), Permit::LOOPBACK, None).is_err());
    }
}

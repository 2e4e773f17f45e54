//! One GET over HTTP/1.1, with or without TLS, with a deadline and a limit: all that login_server and admin ports need.
//!
//! Absent on purpose: redirects, connection reuse.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;

use super::error::seconds;
use super::socket::Socket;
use super::trust::Trust;

/// The largest answer that is read when nothing else is asked for, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Where a URL points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// 80 when the URL names none.
    pub port: u16,
    /// Begins with a slash.
    pub path: String,
    /// Set where it is HTTPS: whom to believe.
    pub trust: Option<Trust>,
}

impl Target {
    /// The same host and port with another path.
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.trust.is_some() {
            "https"
        } else {
            "http"
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for Target {
    type Err = HttpError;

    /// Reads `http://host[:port][/path]`; the scheme may be left out.
    fn from_str(url: &str) -> Result<Self, HttpError> {
        Self::parse(url, None)
    }
}

impl Target {
    /// The same, and `https://` if there is somebody to believe.
    pub fn parse(url: &str, trust: Option<&Trust>) -> Result<Self, HttpError> {
        let invalid = |reason: &str| HttpError::Url {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let full = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let uri: http::Uri = full
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let trust = match uri.scheme_str() {
            Some("http") => None,
            Some("https") if trust.is_some() => trust.cloned(),
            Some("https") => {
                return Err(invalid(
                    "only http is spoken here: give login_server's port for it, or add --tls where there is such an option",
                ));
            }
            _ => return Err(invalid("it does not begin with http://")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("it names no host"))?;
        let host = authority.host().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        let behind_host = authority
            .as_str()
            .rsplit_once(authority.host())
            .map_or("", |(_, rest)| rest);
        let port = match behind_host.strip_prefix(':') {
            None if trust.is_some() => 443,
            None => 80,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| invalid("its port is no number from 1 to 65535"))?,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            path: uri.path().to_owned(),
            trust,
        })
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// At most as long as was asked for, 64 KiB if nothing was said.
    pub body: Bytes,
}

/// No answer, and why.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The URL is none that can be asked.
    #[error("{url:?} cannot be used: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name does not resolve, or nobody listens.
    #[error("cannot connect to {authority}")]
    Connect {
        /// Host and port.
        authority: String,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Connected, but what came is no HTTP answer.
    #[error("{url} does not answer as HTTP")]
    Protocol {
        /// What was asked.
        url: String,
        /// hyper's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Too slow.
    #[error("{url} did not answer within {}", seconds(.after))]
    Deadline {
        /// What was asked.
        url: String,
        /// How long was waited, connecting included.
        after: Duration,
    },
}

/// Fetches `target`. Everything from resolving the name to the last byte happens within `deadline`.
///
/// Cancel-safe: dropping it closes the connection.
pub async fn get(target: &Target, deadline: Duration) -> Result<Response, HttpError> {
    get_up_to(target, deadline, MAX_BODY).await
}

/// As [`get`], with another limit in bytes of what is read.
///
/// Cancel-safe: dropping it closes the connection.
pub(crate) async fn get_up_to(
    target: &Target,
    deadline: Duration,
    limit: usize,
) -> Result<Response, HttpError> {
    tokio::time::timeout(deadline, fetch(target, limit))
        .await
        .map_err(|_| HttpError::Deadline {
            url: target.to_string(),
            after: deadline,
        })?
}

async fn fetch(target: &Target, limit: usize) -> Result<Response, HttpError> {
    let stream = Socket::open(&target.host, target.port, target.trust.as_ref())
        .await
        .map_err(|source| HttpError::Connect {
            authority: target.authority(),
            source,
        })?;
    exchange(target, stream, limit)
        .await
        .map_err(|source| HttpError::Protocol {
            url: target.to_string(),
            source,
        })
}

async fn exchange(
    target: &Target,
    stream: Socket,
    limit: usize,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let request = http::Request::get(target.path.as_str())
        .header(http::header::HOST, target.authority())
        .header(http::header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limit)
            .collect()
            .await?
            .to_bytes();
        Ok(Response { status, body })
    };
    // The connection is driven here and not by a task of its own, so that dropping this future ends both.
    let mut answer = std::pin::pin!(answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // The rest of the answer, or the reason why there is none, is with the other future now.
        _ended = &mut connection => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_host_port_and_path() {
        let target: Target = "http://[::1]:8080/msg_server".parse().unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("::1", 8080, "/msg_server")
        );
        assert_eq!(target.to_string(), "http://[::1]:8080/msg_server");
        let short: Target = "im.example.org".parse().unwrap();
        assert_eq!(short.to_string(), "http://im.example.org:80/");
    }

    #[test]
    fn a_bad_url_is_refused_with_its_reason() {
        for (url, reason) in [
            ("https://im.example.org", "only http"),
            ("ftp://im.example.org", "http://"),
            ("http://host:99999/", "port"),
            ("http://host:0/", "port"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}

//! From an HTTP request to a WebSocket.

use std::time::Duration;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, Response, create_response, write_response};
use tungstenite::http::HeaderMap;
use tungstenite::http::header::{
    CONNECTION, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
};

use super::WebSocket;
use crate::net::connection::{CloseReason, begins_tls};

/// Bytes of request line and headers.
const MAX_HEAD: usize = 8 * 1024;

/// Characters of a key: 16 bytes in base64.
const KEY_LEN: usize = 24;

/// How long somebody who was refused has to read why.
const LINGER: Duration = Duration::from_secs(1);

const BAD_HANDSHAKE: CloseReason = CloseReason("bad_handshake");
const ORIGIN_REFUSED: CloseReason = CloseReason("origin_refused");

/// Which web pages may connect.
///
/// It protects the users of a browser from other people's pages. It keeps nobody out who is no browser, for such a
/// client says what it likes or nothing.
#[derive(Clone, Debug)]
pub struct Origins {
    listed: Vec<String>,
}

impl Origins {
    /// These origins, each as a browser sends it (`https://chat.example.org`), or `*` for any.
    pub fn new(listed: &[String]) -> Self {
        Self {
            listed: listed.to_vec(),
        }
    }

    /// Whether a request may go on. One without an origin does not come from a web page.
    fn allow(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin else { return true };
        self.listed.iter().any(|listed| {
            listed == "*" || listed.as_bytes().eq_ignore_ascii_case(origin.as_bytes())
        })
    }
}

/// A request that is answered with an HTTP status and goes no further.
struct Refusal {
    reason: CloseReason,
    status: &'static str,
    headers: &'static str,
    words: &'static str,
}

impl Refusal {
    const fn bad(words: &'static str) -> Self {
        Self {
            reason: BAD_HANDSHAKE,
            status: "400 Bad Request",
            headers: "",
            words,
        }
    }

    const NO_UPGRADE: Self = Self {
        reason: BAD_HANDSHAKE,
        status: "426 Upgrade Required",
        headers: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        words: "this port speaks WebSocket, version 13",
    };

    const TOO_LARGE: Self = Self {
        reason: BAD_HANDSHAKE,
        status: "431 Request Header Fields Too Large",
        headers: "",
        words: "the request is too large",
    };

    const ORIGIN: Self = Self {
        reason: ORIGIN_REFUSED,
        status: "403 Forbidden",
        headers: "",
        words: "this origin may not connect",
    };

    fn to_bytes(&self) -> Vec<u8> {
        let Self {
            status,
            headers,
            words,
            ..
        } = self;
        let length = words.len() + 1;
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{words}\n"
        )
        .into_bytes()
    }
}

/// Takes the client's request, on any path, and answers it; a requested sub-protocol is agreed to, the first if there are
/// several. A refusal is answered with an HTTP status, and its reason returned.
///
/// Reads at most 8 KiB, and has no deadline of its own: the caller has. Not cancel-safe: dropping it gives the stream up.
pub async fn accept<S>(mut stream: S, origins: &Origins) -> Result<WebSocket<S>, CloseReason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = match read_head(&mut stream).await? {
        Some(head) => answer(&head, origins),
        None => Err(Refusal::TOO_LARGE),
    };
    let response = match answer {
        Ok(response) => response,
        Err(refusal) => {
            // It is refused in any case; whether it hears why is its own affair.
            let _told = timeout(LINGER, refuse(&mut stream, &refusal)).await;
            return Err(refusal.reason);
        }
    };
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(|_| BAD_HANDSHAKE)?;
    stream
        .write_all(&bytes)
        .await
        .map_err(|_| CloseReason::BROKEN)?;
    stream.flush().await.map_err(|_| CloseReason::BROKEN)?;
    Ok(WebSocket::new(stream))
}

/// Everything up to the empty line, and what came with it; `None` when that is too much.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, CloseReason> {
    let mut head = Vec::with_capacity(1024);
    while head.len() < MAX_HEAD {
        let before = head.len();
        let mut room = (&mut head).limit(MAX_HEAD - before);
        match stream.read_buf(&mut room).await {
            Ok(0) => return Err(CloseReason::PEER_CLOSED),
            // Somebody who would wait for an answer, and never end his line.
            Ok(_) if begins_tls(&head) => return Err(CloseReason::TLS_NOT_EXPECTED),
            Ok(_) => {}
            Err(error) => return Err(CloseReason::from(&error)),
        }
        // The line may have begun with the bytes before.
        if find_end(&head[before.saturating_sub(3)..]).is_some() {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}

fn answer(head: &[u8], origins: &Origins) -> Result<Response, Refusal> {
    let (length, mut request) = Request::try_parse(head)
        .ok()
        .flatten()
        .ok_or(Refusal::bad("this is no HTTP request for a WebSocket"))?;
    if length < head.len() {
        return Err(Refusal::bad("wait for the answer before you send"));
    }
    let headers = request.headers();
    if !origins.allow(headers.get(ORIGIN)) {
        return Err(Refusal::ORIGIN);
    }
    one_line(request.headers_mut());
    let headers = request.headers();
    let mut response = create_response(&request).map_err(|error| match error {
        Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::MissingSecWebSocketVersionHeader,
        ) => Refusal::NO_UPGRADE,
        _ => Refusal::bad("this is no request for a WebSocket"),
    })?;
    if headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::len) != Some(KEY_LEN) {
        return Err(Refusal::bad("the key is not 16 bytes in base64"));
    }
    if let Some(protocol) = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(first_protocol) {
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// A list may come in several lines; what makes the answer looks at the first one.
fn one_line(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers
        .get_all(CONNECTION)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if lines.len() > 1
        && let Ok(all) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
    {
        headers.insert(CONNECTION, all);
    }
}

fn first_protocol(requested: &HeaderValue) -> Option<HeaderValue> {
    let first = requested.to_str().ok()?.split(',').next()?.trim();
    HeaderValue::from_str(first)
        .ok()
        .filter(|first| !first.is_empty())
}

/// Answers, and reads what still comes: closing with unread bytes would take the answer back.
async fn refuse<S>(stream: &mut S, refusal: &Refusal) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&refusal.to_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(stream, &mut tokio::io::sink()).await?;
    Ok(())
}

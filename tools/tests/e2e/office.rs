//! A back office: it asks the HTTP API and holds the key.

use std::fmt::Write;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, soon};

/// The way to the API of an installation.
pub(crate) struct Office {
    pub(crate) port: u16,
    pub(crate) key: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lines as they came.
    pub(crate) head: String,
    /// Text as it came.
    pub(crate) text: String,
    /// `Null` if it is no JSON.
    pub(crate) json: Value,
}

impl Answer {
    /// Status and code, the two ways in which it says what became of the request.
    pub(crate) fn says(&self) -> (u16, u64) {
        let code = self.json["error_code"].as_u64();
        (self.status, code.unwrap_or_else(|| panic!("{self:?}")))
    }
}

impl Office {
    pub(crate) fn of(world: &World) -> Self {
        let topology = world.topology();
        let key = std::fs::read_to_string(topology.api_key_path()).unwrap();
        Self {
            port: topology.ports.msg[0].api.unwrap(),
            key: key.trim().to_owned(),
        }
    }

    /// Asks with the key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let key = format!("Bearer {}", self.key);
        let headers = [("Authorization", key.as_str())];
        self.ask("POST", path, &headers, &body.to_string()).await
    }

    /// Asks with these headers and this body.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        let length = body.len();
        write!(request, "Content-Length: {length}\r\n\r\n{body}").unwrap();
        self.exchange(&request).await
    }

    /// Sends this and reads until the connection is closed.
    pub(crate) async fn exchange(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut text = String::new();
        let written = writing.write_all(request.as_bytes());
        let exchange = async { tokio::join!(written, reading.read_to_string(&mut text)) };
        let (written, read) = soon("an answer over HTTP", exchange).await;
        written.unwrap();
        read.unwrap();
        let (head, text) = text.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_lowercase(),
            json: serde_json::from_str(text).unwrap_or_default(),
            text: text.to_owned(),
        }
    }
}

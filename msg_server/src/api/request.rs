//! From an HTTP request to what is asked, by whom it may be asked.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::Api;
use super::answer::{Refusal, answer};
use super::key;

/// Bytes of a body.
const MAX_BODY: usize = 1024 * 1024;

/// Bytes that are read and thrown away so that an answer arrives: a connection that is closed with unread bytes takes
/// its last words back.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl Api {
    /// What is asked, if the key is right. A key in the headers is looked at before the body is.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, Refusal> {
        let (parts, body) = request.into_parts();
        let in_headers = key::in_headers(&parts.headers);
        let refused = in_headers.is_some_and(|given| !self.key.is(given));
        let most = if refused { 0 } else { MAX_BODY };
        let body = read(body, most).await;
        if refused {
            return Err(Refusal::no_key());
        }
        let asked: Value = serde_json::from_slice(&body?)
            .map_err(|error| Refusal::bad(format!("the body is not JSON: {error}")))?;
        if !asked.is_object() {
            return Err(Refusal::bad("the body is not a JSON object"));
        }
        let in_body = asked.get("app_key").and_then(Value::as_str);
        if in_headers.is_none() && !in_body.is_some_and(|given| self.key.is(given.as_bytes())) {
            return Err(Refusal::no_key());
        }
        serde_path_to_error::deserialize(asked).map_err(|error| Refusal::bad(error.to_string()))
    }
}

/// Any other path.
pub(super) async fn nothing_here(request: Request) -> Response {
    refuse(request, Refusal::nothing_here()).await
}

/// A path of ours, asked in the wrong way.
pub(super) async fn wrong_method(request: Request) -> Response {
    refuse(request, Refusal::wrong_method()).await
}

async fn refuse(request: Request, refusal: Refusal) -> Response {
    // Of no interest, and neither is whether it is too large.
    let _discarded = read(request.into_body(), 0).await;
    answer("none", Err::<(), _>(refusal))
}

/// The body, if it is not larger than `most`; otherwise it is read nevertheless, to some extent.
async fn read(body: Body, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    let reading = async {
        while let Some(piece) = pieces.next().await {
            let Ok(piece) = piece else {
                return Err(Refusal::bad("the body is cut off"));
            };
            length += piece.len();
            if length <= most {
                bytes.extend_from_slice(&piece);
            } else if length > MAX_DISCARDED {
                break;
            } else {
                bytes = Vec::new();
            }
        }
        if length <= most {
            Ok(bytes)
        } else {
            Err(Refusal::too_large())
        }
    };
    timeout(BODY_TIMEOUT, reading)
        .await
        .unwrap_or_else(|_| Err(Refusal::late()))
}

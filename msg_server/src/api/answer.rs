//! What comes back: JSON, its keys in alphabetical order as back offices have always got them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use im_base::dispatch::HandlerError;
use im_base::telemetry::metrics::{REFUSALS, REQUESTS};
use metrics::counter;
use serde::Serialize;
use utoipa::ToSchema;

/// Why nothing was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// 1 the request is not good, 2 no key or a wrong one, 5 there is no such interface, 10 no database right now,
    /// 11 the group could not be created, 12 its members could not be changed.
    #[schema(example = 1)]
    error_code: u32,
    /// The same in words, for people.
    #[schema(example = "group_name: invalid type: integer `77`, expected a string")]
    error_msg: String,
    /// 0, where a group would have been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<u32>,
}

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The metric's label.
    reason: &'static str,
    body: Refused,
}

impl Refusal {
    fn new(
        status: StatusCode,
        reason: &'static str,
        error_code: u32,
        words: impl Into<String>,
    ) -> Self {
        let body = Refused {
            error_code,
            error_msg: words.into(),
            group_id: None,
        };
        Self {
            status,
            reason,
            body,
        }
    }

    pub(super) fn bad(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", 1, words)
    }

    pub(super) fn late() -> Self {
        let words = "the request did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", 1, words)
    }

    pub(super) fn too_large() -> Self {
        let words = "the body is larger than 1 MiB";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", 1, words)
    }

    pub(super) fn no_key() -> Self {
        let words = "no key or a wrong one; send it as Authorization: Bearer, X-Api-Key or app_key";
        Self::new(StatusCode::UNAUTHORIZED, "bad_key", 2, words)
    }

    pub(super) fn nothing_here() -> Self {
        let words = "there is no such interface; /openapi.json lists them";
        Self::new(StatusCode::NOT_FOUND, "unknown_path", 5, words)
    }

    pub(super) fn wrong_method() -> Self {
        let words = "this interface has another method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", 5, words)
    }

    /// It was asked for well and could not be done: `error_code` 11 or 12.
    pub(super) fn not_done(error_code: u32, reason: &'static str, words: &str) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, reason, error_code, words)
    }

    /// What a handler's error means here; `error_code` and `words` are for what cannot be done at all.
    pub(super) fn from_handler(error: HandlerError, error_code: u32, words: &str) -> Self {
        match error {
            HandlerError::Unavailable(reason) => {
                let words = "no answer from the database: it is not known whether it was carried out; ask again with the \
                             same Idempotency-Key";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, 10, words)
            }
            error => Self::not_done(error_code, error.reason(), words),
        }
    }

    /// The same, and says that there is no group, if that is known.
    pub(super) fn without_group(mut self) -> Self {
        if self.status != StatusCode::SERVICE_UNAVAILABLE {
            self.body.group_id = Some(0);
        }
        self
    }
}

/// Counts a request and turns its outcome into a response.
pub(super) fn answer<T: Serialize>(command: &'static str, outcome: Result<T, Refusal>) -> Response {
    const FROM: &str = "back_office";
    counter!(REQUESTS, "from" => FROM, "command" => command).increment(1);
    match outcome {
        Ok(done) => response(StatusCode::OK, pretty(&done)),
        Err(refusal) => {
            let reason = refusal.reason;
            counter!(REFUSALS, "from" => FROM, "command" => command, "reason" => reason)
                .increment(1);
            let mut response = response(refusal.status, pretty(&refusal.body));
            if refusal.status == StatusCode::UNAUTHORIZED {
                let bearer = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

/// JSON that is ready.
pub(super) fn response(status: StatusCode, json: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, json).into_response()
}

fn pretty(answer: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(answer).expect("made of texts and numbers");
    text.push('\n');
    text
}

//! The key that a back office shows.

use anyhow::{Context, bail};
use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;
use ctutils::CtEq;

use super::answer::Refusal;
use crate::config::ApiConfig;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What every request has to carry.
pub(crate) struct Key(String);

impl Key {
    /// The configured key, if there is one.
    pub(crate) fn load(config: &ApiConfig) -> anyhow::Result<Option<Self>> {
        let key = config.key.expose();
        if !key.is_empty() {
            return Ok(Some(Self(key.to_owned())));
        }
        if config.key_file.is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&config.key_file)
            .with_context(|| format!("cannot read api.key_file {}", config.key_file))?;
        match text.trim() {
            "" => bail!("api.key_file {} is empty", config.key_file),
            key => Ok(Some(Self(key.to_owned()))),
        }
    }

    /// Whether this is it. Takes the same time for every wrong key of the right length.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).to_bool()
    }
}

/// The key that a request's headers carry: `Authorization: Bearer KEY` or `X-Api-Key: KEY`.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter();
    let bearer = bearer.filter_map(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme
            .eq_ignore_ascii_case(b"Bearer ")
            .then(|| key.trim_ascii())
    });
    let plain = headers.get(X_API_KEY).map(|value| value.as_bytes());
    bearer.into_iter().next().or(plain)
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key of a request.
const MAX_REQUEST_KEY: usize = 60;

/// The key by which a request that is made again is known again, if its caller gave one.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Bytes>, Refusal> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > MAX_REQUEST_KEY || !key.iter().all(u8::is_ascii_graphic) {
        let words = format!("Idempotency-Key: 1 to {MAX_REQUEST_KEY} visible ASCII characters");
        return Err(Refusal::bad(words));
    }
    // Kept apart from what msg_server makes up for others.
    Ok(Some([b"api ", key].concat().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_itself_is_the_key() {
        let key = Key("correct horse".to_owned());
        assert!(key.is(b"correct horse"));
        for wrong in ["", "correct", "correct horse ", "Correct horse"] {
            assert!(!key.is(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_file_is_read_without_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = ApiConfig {
            key_file: file.path().to_str().unwrap().to_owned(),
            ..ApiConfig::default()
        };
        assert!(Key::load(&config).is_err(), "an empty file is no key");
        std::fs::write(file.path(), "secret\n").unwrap();
        assert!(Key::load(&config).unwrap().unwrap().is(b"secret"));
        file.close().unwrap();
        let error = format!("{:#}", Key::load(&config).err().unwrap());
        assert!(error.contains("api.key_file"), "{error}");
        assert!(Key::load(&ApiConfig::default()).unwrap().is_none());
    }
}

use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo};

/// Where a Redis is, and how to be let in.
#[derive(Clone, Debug)]
pub struct Address {
    pub(super) info: ConnectionInfo,
    shown: String,
}

/// A URL that names no Redis. What was written there may be a secret, and is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write redis://HOST:PORT/DB or rediss://HOST:PORT/DB, and the password into cache.password_file"
)]
pub struct AddressError;

impl Address {
    /// Reads a URL. A password given beside it wins over one in it.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, AddressError> {
        if !["redis://", "rediss://"].iter().any(|s| url.starts_with(s)) {
            return Err(AddressError);
        }
        let mut info = url.into_connection_info().map_err(|_| AddressError)?;
        if let Some(password) = password {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        Ok(Self {
            info,
            shown: redacted(url),
        })
    }

    /// The URL without user and password.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

/// A URL as it may be shown: without what is before an `@` or behind a `?`, where passwords are.
pub(crate) fn redacted(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        (None, Some((_, host))) => format!("***@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_a_port_and_a_number() {
        for good in [
            "redis://localhost",
            "redis://10.0.0.1:6380/3",
            "rediss://:secret@cache.example.org:6380/0",
            "redis://user:secret@[::1]:6379",
        ] {
            assert!(Address::parse(good, None).is_ok(), "{good}");
        }
        for bad in [
            "",
            "redis:",
            "localhost:6379",
            "http://localhost",
            "redis://localhost/x",
            "redis://localhost:99999",
            "unix:///tmp/redis",
        ] {
            assert_eq!(Address::parse(bad, None).err(), Some(AddressError), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "redis://user:s3cr@t/x@host:1/0";
        for shown in [
            redacted(url),
            redacted("redis://host:1/0?password=s3cr@t"),
            redacted("s3cr@t/x@host:1"),
            format!("{:?}", Address::parse("redis://u:s3cret@host:1/0", None)),
            format!("{:?}", Address::parse("redis://host:1/0", Some("s3cret"))),
        ] {
            assert!(!shown.contains("s3cr"), "{shown}");
        }
        assert_eq!(redacted(url), "redis://***@host:1/0");
        let address = Address::parse("redis://:one@host:1/0", Some("two")).unwrap();
        assert_eq!(address.info.redis_settings().password(), Some("two"));
        assert_eq!(address.shown(), "redis://***@host:1/0");
    }
}

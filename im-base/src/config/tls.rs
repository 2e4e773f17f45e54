//! Which certificates a server shows, and to whom.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The certificate for clients.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file with the certificate that clients are shown, and behind it those between it and its CA. It is looked at
    /// every 10 s and at SIGHUP; a new one is in use from the next connection on, a bad one is not taken.
    pub certificate: String,
    /// PEM file with its private key, readable for this server alone.
    pub key: String,
}

/// Links between our own processes, with mutual TLS: both sides show a certificate of a CA that is for this alone.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinksConfig {
    /// PEM file with this process's certificate, which has to be good for both sides of TLS. Empty: links have no TLS. This
    /// and the next three are looked at every 10 s and at SIGHUP.
    pub certificate: String,
    /// PEM file with its private key, readable for this server alone.
    pub key: String,
    /// PEM file with the CA of all processes of the installation. Whom it vouches for is let in.
    pub ca: String,
    /// PEM file with the CA's list of revoked certificates; empty for none.
    pub crl: String,
    /// The name that certificates of processes that are dialled have to have; empty: the host that is dialled.
    pub name: String,
    /// Whether links may go without TLS between machines. On loopback they always may; anywhere else whoever can listen
    /// in reads every message, and whoever can connect acts as any user.
    pub allow_plain: bool,
}

impl TlsConfig {
    /// Checks that there is a certificate if and only if a port wants it: `ports` are the keys of those that speak TLS,
    /// each with its address.
    pub fn validate(&self, ports: &[(&'static str, &str)]) -> Result<(), ConfigError> {
        let wanted = ports.iter().find(|(_, address)| !address.is_empty());
        match (self.certificate.is_empty(), self.key.is_empty(), wanted) {
            (true, true, Some((key, address))) => {
                let mend = "name a certificate and its key in [tls], or leave this empty";
                Err(ConfigError::value(key, address, mend))
            }
            (false, false, None) => {
                let keys: Vec<_> = ports.iter().map(|(key, _)| *key).collect();
                let mend = format!("no port speaks TLS: give {}", keys.join(" or "));
                Err(ConfigError::value(
                    "tls.certificate",
                    &self.certificate,
                    mend,
                ))
            }
            (false, true, _) => Err(ConfigError::value(
                "tls.key",
                "",
                "name the certificate's key",
            )),
            (true, false, _) => Err(ConfigError::value(
                "tls.certificate",
                "",
                "name the certificate of tls.key",
            )),
            _ => Ok(()),
        }
    }
}

impl LinksConfig {
    /// Whether links speak TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.is_empty()
    }

    /// Checks that all files are named or none, and that links without TLS stay on this machine: `addresses` are those
    /// that this process listens on or dials, each with its key.
    pub fn validate<'a>(
        &self,
        addresses: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Result<(), ConfigError> {
        for (key, value) in [
            ("links.certificate", &self.certificate),
            ("links.key", &self.key),
            ("links.ca", &self.ca),
        ] {
            let any = self.is_on() || !self.key.is_empty() || !self.ca.is_empty();
            if value.is_empty() && any {
                let mend =
                    "links.certificate, links.key and links.ca go together: name all or none";
                return Err(ConfigError::value(key, "", mend));
            }
        }
        if self.is_on() || self.allow_plain {
            return Ok(());
        }
        let mut addresses = addresses.into_iter();
        match addresses.find(|(_, address)| !is_loopback(address)) {
            None => Ok(()),
            Some((key, address)) => {
                let mend = "a link that leaves this machine needs a certificate in [links], or links.allow_plain = true \
                            on a network that nobody else can reach";
                Err(ConfigError::value(key, address, mend))
            }
        }
    }
}

/// Whether `host:port` is this machine for certain. Of names only `localhost` is.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_certificate() -> LinksConfig {
        LinksConfig {
            certificate: "node.pem".to_owned(),
            key: "node.key".to_owned(),
            ca: "ca.pem".to_owned(),
            ..LinksConfig::default()
        }
    }

    /// D-41: what lets everybody in is not reachable by everybody.
    #[test]
    fn a_plain_link_stays_on_this_machine() {
        let plain = LinksConfig::default();
        let allowed = LinksConfig {
            allow_plain: true,
            ..LinksConfig::default()
        };
        for (address, local) in [
            ("127.0.0.1:8200", true),
            ("127.8.9.1:8200", true),
            ("[::1]:8200", true),
            ("localhost:8200", true),
            ("0.0.0.0:8200", false),
            ("[::]:8200", false),
            ("10.0.0.3:8200", false),
            ("db.internal:8200", false),
            (":8200", false),
        ] {
            let addresses = [("servers.listen", address)];
            assert_eq!(plain.validate(addresses).is_ok(), local, "{address}");
            assert!(allowed.validate(addresses).is_ok());
            assert!(with_certificate().validate(addresses).is_ok());
        }
    }

    #[test]
    fn files_go_together() {
        let half = LinksConfig {
            ca: String::new(),
            ..with_certificate()
        };
        let error = half.validate([]).unwrap_err().to_string();
        assert!(error.contains("links.ca"), "{error}");
        let tls = |certificate: &str, key: &str| TlsConfig {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let (on, off) = ([("clients.tls", ":1")], [("clients.tls", "")]);
        assert!(tls("a", "b").validate(&on).is_ok());
        assert!(tls("", "").validate(&off).is_ok());
        for (config, ports) in [
            (tls("a", "b"), off),
            (tls("", ""), on),
            (tls("a", ""), on),
            (tls("", "b"), on),
        ] {
            assert!(config.validate(&ports).is_err(), "{config:?}");
        }
    }
}

//! Addresses that a configuration names.

use super::ConfigError;

/// Checks an address to listen on; an empty one is none. Whether this machine has it shows at the start.
pub fn check_listen(key: &'static str, address: &str) -> Result<(), ConfigError> {
    if address.is_empty() || port(address).is_some() {
        return Ok(());
    }
    let mend = "write an address and a port, such as 127.0.0.1:8000, or 0.0.0.0:8000 for all of this machine's addresses";
    Err(ConfigError::value(key, address, mend))
}

/// Checks the address of another process.
pub fn check_peer(key: &'static str, address: &str) -> Result<(), ConfigError> {
    match port(address) {
        Some(1..) => Ok(()),
        _ => {
            let mend = "write host:port, such as 10.0.0.2:8100";
            Err(ConfigError::value(key, address, mend))
        }
    }
}

/// The port of `host:port`. The host may be a name or an address, one of version 6 with brackets or without.
fn port(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let is_host = !host.is_empty() && !host.contains(char::is_whitespace) && host != "*";
    let is_port = port.bytes().all(|digit| digit.is_ascii_digit());
    (is_host && is_port && !host.contains('/'))
        .then(|| port.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:80", "0.0.0.0:0", "[::]:80", "im.example.org:80"] {
            assert!(check_listen("a.b", good).is_ok(), "{good}");
        }
        assert!(check_listen("a.b", "").is_ok(), "no port at all");
        for bad in [
            " ",
            "8000",
            ":8000",
            "*:8000",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:+1",
            "127.0.0.1:65536",
            "http://127.0.0.1:80",
        ] {
            let error = check_listen("a.b", bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("a.b = {bad:?}: ")), "{error}");
            assert!(check_peer("a.b", bad).is_err(), "{bad}");
        }
        assert!(check_peer("a.b", "").is_err());
        assert!(check_peer("a.b", "10.0.0.2:0").is_err());
        assert!(check_peer("a.b", "10.0.0.2:8100").is_ok());
    }
}

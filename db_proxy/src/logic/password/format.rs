//! The stored forms: Argon2id as a PHC string, and the salted MD5 that TeamTalk keeps.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use md5::{Digest, Md5};
use tracing::error;

use super::HashError;

/// How a TeamTalk password is imported: `teamtalk$<salt>$<lower-case hex md5 of received password + salt>`.
const TEAMTALK: &str = "teamtalk$";

/// An Argon2id hash, with the parameters of a new one, that no password is known for.
pub(super) const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGtub3dzIGl0$\
                                 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    RightUpgrade(Arc<str>),
    Wrong,
}

/// What a stock client sends for a typed password: its MD5 in lower-case hex.
pub fn client_password(typed: &str) -> String {
    md5_hex(&[typed])
}

/// Takes tens of milliseconds and 19 MiB, as it should.
pub(super) fn hash(received: &str) -> Result<String, HashError> {
    Argon2::default()
        .hash_password(received.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| HashError::Failed)
}

/// One Argon2 computation whatever the stored form and the outcome, so that time tells neither.
pub(super) fn check(stored: &str, received: &str) -> Verdict {
    if let Some((salt, expected)) = stored
        .strip_prefix(TEAMTALK)
        .and_then(|rest| rest.rsplit_once('$'))
    {
        let computed = md5_hex(&[received, salt]);
        if equal(computed.as_bytes(), expected.as_bytes()) {
            return match hash(received) {
                Ok(hash) => Verdict::RightUpgrade(hash.into()),
                Err(_) => Verdict::Right,
            };
        }
        check_argon2(NOBODY, received);
        return Verdict::Wrong;
    }
    if !stored.starts_with("$argon2") {
        if !stored.is_empty() {
            error!("a stored password has a form nobody knows");
        }
        check_argon2(NOBODY, received);
        return Verdict::Wrong;
    }
    if check_argon2(stored, received) {
        Verdict::Right
    } else {
        Verdict::Wrong
    }
}

fn check_argon2(stored: &str, received: &str) -> bool {
    Argon2::default()
        .verify_password(received.as_bytes(), stored)
        .is_ok()
}

fn md5_hex(parts: &[&str]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Compares all of it whatever differs.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHash;

    use super::*;

    const RECEIVED: &str = "cc03e747a6afbbcbf8be7668acfebee5";
    const STORED: &str = "teamtalk$1234$4e66e8c029d64e67f7aadf045ca45851";

    #[test]
    fn stock_clients_send_md5() {
        assert_eq!(client_password("test123"), RECEIVED);
    }

    #[test]
    fn a_teamtalk_hash_is_checked_and_replaced() {
        let Verdict::RightUpgrade(hash) = check(STORED, RECEIVED) else {
            panic!("the known pair is right");
        };
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(check(&hash, RECEIVED), Verdict::Right);
        assert_eq!(check(&hash, "other"), Verdict::Wrong);
        assert_eq!(check(STORED, "other"), Verdict::Wrong);
    }

    #[test]
    fn a_salt_may_contain_the_separator() {
        let stored = format!("teamtalk$a$b${}", md5_hex(&["pw", "a$b"]));
        assert!(matches!(check(&stored, "pw"), Verdict::RightUpgrade(_)));
    }

    #[test]
    fn what_nobody_knows_is_wrong() {
        for stored in [
            "",
            "plain",
            "$argon2id$",
            "$argon2id$v=19$m=1",
            "teamtalk$",
            "teamtalk$x",
        ] {
            assert_eq!(check(stored, stored), Verdict::Wrong, "{stored}");
        }
        assert_eq!(check("teamtalk$salt$", ""), Verdict::Wrong);
    }

    #[test]
    fn nobody_costs_what_a_new_hash_costs() {
        let parameters = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (
                hash.algorithm,
                hash.version,
                hash.params.to_string(),
                hash.hash.unwrap().len(),
            )
        };
        assert_eq!(parameters(NOBODY), parameters(&hash("x").unwrap()));
    }
}

//! What a name and a password have to look like that somebody chooses himself.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::logic::password::client_password;

/// Characters of a name. Operators may give others.
pub const SHORTEST_NAME: usize = 3;
pub const LONGEST_NAME: usize = 32;

/// Digits of a password as clients send it.
const PASSWORD: usize = 32;

/// Passwords that everybody tries first.
const COMMON: [&str; 40] = [
    "",
    "0",
    "000000",
    "1",
    "111111",
    "112233",
    "121212",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "123123",
    "123321",
    "1q2w3e",
    "1q2w3e4r",
    "1qaz2wsx",
    "654321",
    "666666",
    "888888",
    "a123456",
    "abc123",
    "admin",
    "dragon",
    "iloveyou",
    "letmein",
    "login",
    "monkey",
    "pass",
    "passw0rd",
    "password",
    "password1",
    "qwerty",
    "qwerty123",
    "test",
    "welcome",
    "woaini",
];

/// Their forms as clients send them.
static COMMON_HASHES: LazyLock<HashSet<String>> =
    LazyLock::new(|| COMMON.iter().map(|typed| client_password(typed)).collect());

/// What is wrong with a name or a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("a name has {SHORTEST_NAME} to {LONGEST_NAME} characters")]
    NameLength,
    #[error(
        "a name has letters a to z, digits and . _ - only, and begins and ends with a letter or a digit"
    )]
    NameCharacters,
    #[error("a password is sent as its MD5 in {PASSWORD} lower-case hexadecimal digits")]
    PasswordForm,
    #[error("this password is too easy to guess")]
    WeakPassword,
}

impl FormError {
    /// One word, for those who tell refusals apart.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NameLength => "bad_name_length",
            Self::NameCharacters => "bad_name_characters",
            Self::PasswordForm => "bad_password_form",
            Self::WeakPassword => "weak_password",
        }
    }
}

/// Whether somebody may take such a name. ASCII alone: with all of Unicode, two names could look the same and be
/// different. What others see is the nick name, which may be anything.
pub fn check_name(name: &str) -> Result<(), FormError> {
    if !(SHORTEST_NAME..=LONGEST_NAME).contains(&name.chars().count()) {
        return Err(FormError::NameLength);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let is_good = name.chars().all(|c| is_plain(c) || "._-".contains(c));
    if !is_good || !name.starts_with(is_plain) || !name.ends_with(is_plain) {
        return Err(FormError::NameCharacters);
    }
    Ok(())
}

/// Whether a password as a client sends it can be taken by the user of that name. All that can be known of what was typed is
/// whether it is something in particular.
pub fn check_password(received: &str, name: &str) -> Result<(), FormError> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if received.len() != PASSWORD || !received.bytes().all(is_digit) {
        return Err(FormError::PasswordForm);
    }
    let names = [name.to_owned(), name.to_lowercase(), name.to_uppercase()];
    let is_a_name = names.iter().any(|name| client_password(name) == received);
    if is_a_name || COMMON_HASHES.contains(received) {
        return Err(FormError::WeakPassword);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["bob", "Bob", "a.b-c_d", "007", &"x".repeat(32)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "ab", &"x".repeat(33)] {
            assert_eq!(check_name(bad), Err(FormError::NameLength), "{bad}");
        }
        for bad in [
            ".bob",
            "bob-",
            "_ob",
            "b b",
            "bob ",
            "b\0b",
            "bób",
            "鮑伯先生",
            "bоb",
            "a@b",
            "a/b",
        ] {
            assert_eq!(check_name(bad), Err(FormError::NameCharacters), "{bad}");
        }
    }

    #[test]
    fn passwords_are_hashes_and_not_of_what_everybody_tries() {
        let good = client_password("correct horse");
        assert_eq!(check_password(&good, "bob"), Ok(()));
        for bad in [
            "",
            "secret",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}0"),
        ] {
            let checked = check_password(bad, "bob");
            assert_eq!(checked, Err(FormError::PasswordForm), "{bad}");
        }
        for typed in ["", "123456", "password", "Bob", "bob", "BOB"] {
            let checked = check_password(&client_password(typed), "Bob");
            assert_eq!(checked, Err(FormError::WeakPassword), "{typed}");
        }
        assert_eq!(check_password(&client_password("bob"), "anna"), Ok(()));
    }

    #[test]
    fn every_common_password_is_named_once() {
        assert_eq!(COMMON_HASHES.len(), COMMON.len());
    }
}
